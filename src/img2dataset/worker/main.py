"""Shards -> stored shards: what one worker does.  Read this page first.

Rows of several shards are in flight at once: the next shard begins while the slowest URLs of
this one time out.  A shard is stored when its last row is in.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

import pyarrow as pa

from img2dataset.accounting.clock import StageClock, WorkerTime
from img2dataset.distributors import (
    LifeSign,
    Link,
    Notice,
    RunHalted,
    ShardFailed,
    ShardsCounted,
    ShardStored,
    ShardWanted,
    Stop,
    TakeShard,
    WorkerReady,
)
from img2dataset.errors import SourceError, StorageGoneError
from img2dataset.fetch import Engine, FetchConfig
from img2dataset.formats import WriterConfig, find_format
from img2dataset.images import SLOWER_NOTICE, ImageConfig
from img2dataset.job import Job
from img2dataset.records import Row, Sample, Shard, key_digits, sample_key, shard_name
from img2dataset.sources import load_table
from img2dataset.sources.rows import make_rows
from img2dataset.storage.failures import as_transient_error
from img2dataset.storage.folder import Folder, parts_name
from img2dataset.storage.retry import StorageRetry
from img2dataset.tally import ShardResult
from img2dataset.worker.pipeline import Limits, Pipeline
from img2dataset.worker.process_image import ImageStage
from img2dataset.worker.process_row import make_process
from img2dataset.worker.resources import image_threads, limit_bytes
from img2dataset.worker.send_shard import ShardSender
from img2dataset.worker.store_shard import STORAGE_ERRORS, OpenShard, ShardStore, discard_output

MAX_OPEN_SHARDS = 64
"""Shards one worker has open at most; only tiny shards come near it."""
PROGRESS_INTERVAL_S = 0.3
"""Seconds between two messages about how far the open shards are."""

MIN_BATCH = 32
BATCH_WAIT_S = 0.005
"""Seconds to let MIN_BATCH events come together: to wake up for each of them would cost more than
to pack it."""
FEW_EVENTS = 8
LONG_BATCH_WAIT_S = 0.02
"""The same where fewer than FEW_EVENTS came in a BATCH_WAIT_S: meanwhile no more than MIN_BATCH come,
half of what may wait here."""

STOP_TIMEOUT_S = 3.0
"""Seconds for shards that are nearly done, after the order to stop."""


def serve(job: Job, link: Link) -> None:
    """Do shards, several at a time, until there are no more."""
    worker = Worker(job, link)
    worker.run()


class Worker:
    """Takes shards, and packs their samples as they come."""

    def __init__(self, job: Job, link: Link) -> None:
        options = self._options = job.options
        self._job = job
        self._link = link
        self._storage_retry = StorageRetry(options.max_storage_wait, self._say)
        self._clock = StageClock()
        self._time = WorkerTime(self._clock)
        self._store = open_store(job, link, self._storage_retry, self._clock)
        self._closing = Closing()
        self._source = job.source
        self._open: dict[int, OpenShard] = {}
        self._wanting = False
        fetching = FetchConfig.of(
            options,
            shared_file=job.shared_file,
            host_limit_share=job.host_limit_share,
            roots=job.roots,
        )
        self._images = ImageStage(
            ImageConfig.of(options, stores_rows=find_format(options.output_format).stores_rows),
            options.max_decode_seconds,
            self._say,
            lambda patience: link.send(LifeSign(patience)),
        )
        self._pipeline = Pipeline(
            lambda deliver, room: Engine(
                fetching, deliver, room, say=self._say_later, clock=self._clock
            ),
            make_process(options, self._images.picture, self._say_of_hashes),
            image_threads=image_threads(options, job.cores),
            limits=find_limits(job),
            clock=self._clock,
            # bytes that are stored unchanged are only hashed and checked
            inline=lambda row: options.disable_all_reencoding and not self._images.is_isolated(row),
        )

    def run(self) -> None:
        """Do shards until there are no more."""
        try:
            self._work()
        except StorageGoneError as error:
            self._link.send(RunHalted(str(error)))
        finally:
            self._storage_retry.end()
            self._pipeline.stop()
            self._images.stop()
            for opened in self._open.values():
                discard_output(opened)

    def _work(self) -> None:
        self._images.start()
        self._pipeline.start()
        self._link.send(WorkerReady())
        if SLOWER_NOTICE is not None:
            self._link.send(Notice(SLOWER_NOTICE))
        self._link.listen(self._hear)
        next_count = 0.0
        while not self._closing.over(self._open.values()):
            self._ask()
            left = self._store.seconds_left
            timeout = PROGRESS_INTERVAL_S if left is None else min(left, PROGRESS_INTERVAL_S)
            events = self._pipeline.get(timeout)
            for event in events:
                self._handle(event)
            self._store.flush()
            self._pipeline.packed(event for event in events if isinstance(event, Sample))
            if len(events) < MIN_BATCH:
                # a shard that was asked for is begun at once
                few = len(events) < FEW_EVENTS and not self._wanting
                time.sleep(LONG_BATCH_WAIT_S if few else BATCH_WAIT_S)
            if time.monotonic() >= next_count:
                next_count = time.monotonic() + PROGRESS_INTERVAL_S
                self._count()

    def _handle(self, event: Sample | TakeShard | Notice | Stop) -> None:
        match event:
            case Sample() as sample:
                self._pack(sample)
            case TakeShard(shard=shard, isolated=isolated):
                if isolated:
                    self._images.isolate(shard.id)
                self._begin(shard)
            case Notice():
                self._link.send(event)
            case Stop():
                self._closing.begin()
                self._store.stopping = True

    def _hear(self, message: TakeShard | Stop) -> None:
        """Take a message, in the thread that listens."""
        if isinstance(message, Stop):
            self._storage_retry.end()
        self._pipeline.put(message)

    def _ask(self) -> None:
        """Ask for another shard while there are still rows of this one to begin."""
        hungry = self._pipeline.waiting < self._options.thread_count
        if (
            hungry
            and not self._wanting
            and not self._closing.began
            and len(self._open) < MAX_OPEN_SHARDS
        ):
            self._wanting = True
            self._link.send(ShardWanted())

    def _begin(self, shard: Shard) -> None:
        self._wanting = False
        list_shard, first = shard.slice_of or (shard.id, 0)
        name = shard_name(list_shard, self._options.oom_shard_count)
        opened = OpenShard(shard.id, name, shard.count, None, time.time(), stored=shard.stored)
        self._time.charge(is_open=bool(self._open))
        self._open[shard.id] = opened
        digits = key_digits(self._options.number_sample_per_shard)

        def key_of(index: int) -> str:
            return sample_key(list_shard, first + index, digits, self._options.oom_shard_count)

        try:
            before = self._store.find_stored(opened)
            if before is not None:
                self._conclude(opened, before)
                return
            table, keys = self._store.open(opened, self._load(shard), key_of)
        except STORAGE_ERRORS as error:
            self._store.fail(opened, error)
            self._finish(opened)
            return
        rows: list[Row] = []
        if table.num_rows > len(shard.left_out):
            rows = make_rows(table, shard.id, self._source, keys)
        if shard.left_out:
            rows = [row for row in rows if row.index not in shard.left_out]
        opened.missing = len(rows)
        if rows:
            self._pipeline.submit(rows)
        else:
            self._finish(opened)

    def _load(self, shard: Shard) -> pa.Table:
        """Read the rows of the list, with retries while a store is down."""

        def load() -> pa.Table:
            try:
                return load_table(shard, self._source)
            except SourceError as error:
                passing = as_transient_error(error.__cause__)
                raise passing or error from error

        return self._storage_retry(load, "url_list cannot be read")

    def _pack(self, sample: Sample) -> None:
        shard = self._open[sample.row.shard]
        self._closing.packed += 1
        self._store.write(shard, sample)
        if shard.missing == 0:
            self._finish(shard)

    def _finish(self, shard: OpenShard) -> None:
        """Store a shard whose last row is in."""
        self._conclude(shard, self._store.store(shard, time.time()))

    def _conclude(self, shard: OpenShard, result: ShardResult) -> None:
        self._time.charge(is_open=True)
        del self._open[shard.id]
        account = self._clock.take(shard.id)
        if shard.error is None:
            self._link.send(ShardStored(replace(result, account=account)))
        else:
            self._link.send(ShardFailed(shard.id, shard.error, final=shard.hopeless))

    def _say(self, text: str) -> None:
        self._link.send(Notice(text))

    def _say_later(self, text: str) -> None:
        """Say something from the fetch thread, which never waits for the parent to listen."""
        self._pipeline.put(Notice(text))

    def _say_of_hashes(self, text: str) -> None:
        self._link.send(Notice(text, topic="verify_hash"))

    def _count(self) -> None:
        if self._open:
            tallies = {shard.id: shard.tally for shard in self._open.values()}
            self._time.charge(is_open=True)
            accounts = self._clock.peek(tallies)
            self._link.send(ShardsCounted(tallies, self._pipeline.resting, accounts))


class Closing:
    """The end of a worker after the order to stop: shards that are nearly done are finished."""

    def __init__(self) -> None:
        self.packed = 0
        """Rows so far."""
        self._since = time.monotonic()
        self._end: float | None = None
        self._rate = 0.0

    @property
    def began(self) -> bool:
        return self._end is not None

    def begin(self) -> None:
        now = time.monotonic()
        self._rate = self.packed / max(0.1, now - self._since)
        self._end = now + STOP_TIMEOUT_S

    def over(self, shards: Iterable[OpenShard]) -> bool:
        """Return True if no shard can be finished in the time that is left."""
        if self._end is None:
            return False
        left = self._end - time.monotonic()
        return left <= 0 or not any(shard.missing <= self._rate * left for shard in shards)


def find_limits(job: Job) -> Limits:
    """What may wait in this worker; of a stream no more than its prefetch allows."""
    most = limit_bytes(job.options, job.cores)
    if job.sending is not None:
        most = min(most, job.sending.limit_bytes)
    return Limits(count=max(64, job.options.thread_count), bytes=most)


def open_store(
    job: Job, link: Link, storage_retry: StorageRetry, clock: StageClock
) -> ShardStore | ShardSender:
    """Open what takes the samples: the output folder, or for a stream the parent."""
    config = WriterConfig.of(job.options)
    if job.sending is None:
        return ShardStore(job, open_output(job, storage_retry), config, clock)
    return ShardSender(link, config, job.sending)


def open_output(job: Job, storage_retry: StorageRetry) -> Folder:
    """The output folder, as a worker writes to it."""
    return Folder(
        job.options.output_folder,
        storage_retry,
        parts=parts_name(*job.options.part_of),
        concurrent_attempts=job.concurrent_attempts,
    )
