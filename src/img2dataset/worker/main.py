"""Shards -> stored shards: what one worker does.  Read this page first.

Rows of several shards are in flight at once: the next shard begins while the slowest URLs of
this one time out.  A shard is stored when its last row is in.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pyarrow as pa

from img2dataset.dataset.stats import read_stats, stats_name, write_stats
from img2dataset.distributors import (
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
from img2dataset.errors import (
    DamagedError,
    MismatchError,
    Reason,
    RowError,
    SourceError,
    StorageGoneError,
    TurnLostError,
)
from img2dataset.fetch import Engine
from img2dataset.formats import Writer, find_format, open_writer
from img2dataset.images import SLOWER
from img2dataset.images.marks import marks
from img2dataset.job import Job
from img2dataset.options import Options
from img2dataset.records import (
    Body,
    EncodedImage,
    Failure,
    Row,
    Sample,
    Shard,
    key_digits,
    sample_key,
    shard_name,
)
from img2dataset.sources import load_table
from img2dataset.sources.rows import make_rows
from img2dataset.storage.retry import StorageRetry, passing_error, try_once
from img2dataset.tally import ShardResult, Tally
from img2dataset.worker.hash_check import HashCheck
from img2dataset.worker.pipeline import Limits, Pipeline
from img2dataset.worker.process_image import ImageStage
from img2dataset.worker.resources import held_bytes, image_threads
from img2dataset.worker.stage_configs import fetch_config, image_config, output_of, writer_config

if TYPE_CHECKING:
    from img2dataset.retry.shard import Completion, KeyOf

MAX_OPEN_SHARDS = 64
"""Shards one worker has open at most; only tiny shards come near it."""
PROGRESS_INTERVAL_S = 0.3
"""Seconds between two messages about how far the open shards are."""

MIN_BATCH = 32
BATCH_WAIT_S = 0.005
"""Seconds to let more than a few events come together: to be woken for each would cost more than
to pack it."""

FINISH = 3.0
"""Seconds that a worker which is told to stop has for shards that are nearly done."""
MAX_CONSECUTIVE_FAILURES = 3
"""Shards of a worker that could not be written, one after the other: no accident any more."""

STORAGE_ERRORS = (OSError, SourceError, DamagedError, MismatchError, pa.ArrowException)
"""What fails a shard, not the worker: the list or the output could not be read or written."""


def serve(job: Job, link: Link) -> None:
    """Do shards for as long as there are any, several at a time."""
    worker = Worker(job, link)
    worker.run()


@dataclass(eq=False, slots=True)
class OpenShard:
    """A shard under way."""

    id: int
    name: str
    missing: int
    """Rows that are not in yet."""
    writer: Writer | Completion | None
    start_time: float
    tally: Tally = field(default_factory=Tally)
    error: str | None = None
    """Why it cannot be stored; its rows are still awaited, so that none arrives in a later try."""
    stored: bool = False
    """Whether it is done already: its writer is a Completion."""
    hopeless: bool = False
    """Whether no later try can store it."""


class Worker:
    """Takes shards, and packs their samples as they come."""

    def __init__(self, job: Job, link: Link) -> None:
        options = self._options = job.options
        self._job = job
        self._link = link
        self._patience = StorageRetry(options.max_storage_wait, self._say)
        self._folder = output_of(job, self._patience)
        self._failed_in_a_row = 0
        self._closing = Closing()
        self._source = job.source
        self._writing = writer_config(options)
        self._open: dict[int, OpenShard] = {}
        self._wanting = False
        fetching = fetch_config(job)
        self._images = ImageStage(image_config(options), options.max_decode_seconds, self._say)
        self._pipeline = Pipeline(
            lambda deliver, room: Engine(fetching, deliver, room, say=self._say),
            make_process(options, self._images.picture, self._say_of_hashes),
            image_threads=image_threads(options, job.cores),
            limits=Limits(
                count=max(64, options.thread_count), bytes=held_bytes(options, job.cores)
            ),
            # bytes stored untouched are only hashed and looked at
            inline=lambda row: options.disable_all_reencoding and not self._images.is_careful(row),
        )

    def run(self) -> None:
        """Until there are no more shards."""
        try:
            self._work()
        except StorageGoneError as error:
            self._link.send(RunHalted(str(error)))
        finally:
            self._patience.end()
            self._pipeline.stop()
            self._images.stop()
            for opened in self._open.values():
                abandon(opened)

    def _work(self) -> None:
        self._images.start()
        self._pipeline.start()
        self._link.send(WorkerReady())
        if SLOWER is not None:
            self._link.send(Notice(SLOWER))
        self._link.listen(self._hear)
        next_count = 0.0
        while not self._closing.over(self._open.values()):
            self._ask()
            events = self._pipeline.get(timeout=PROGRESS_INTERVAL_S)
            for event in events:
                match event:
                    case Sample() as sample:
                        self._pack(sample)
                    case TakeShard(shard=shard, isolated=isolated):
                        if isolated:
                            self._images.be_careful(shard.id)
                        self._begin(shard)
                    case Stop():
                        self._closing.begin()
            self._pipeline.packed(event for event in events if isinstance(event, Sample))
            if len(events) < MIN_BATCH:
                time.sleep(BATCH_WAIT_S)
            if time.monotonic() >= next_count:
                next_count = time.monotonic() + PROGRESS_INTERVAL_S
                self._count()

    def _hear(self, message: TakeShard | Stop) -> None:
        """From the thread that listens."""
        if isinstance(message, Stop):
            self._patience.end()
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
        name = shard_name(shard.id, self._options.oom_shard_count)
        opened = OpenShard(shard.id, name, shard.count, None, time.time(), stored=shard.stored)
        self._open[shard.id] = opened
        digits = key_digits(self._options.number_sample_per_shard)

        def key_of(index: int) -> str:
            return sample_key(shard.id, index, digits, self._options.oom_shard_count)

        try:
            before = self._done_before(opened)
            if before is not None:
                self._conclude(opened, before)
                return
            table, keys = self._open_writer(opened, self._load(shard), key_of, shard)
        except STORAGE_ERRORS as error:
            self._fail(opened, error)
            self._finish(opened)
            return
        opened.missing = table.num_rows
        if opened.missing == 0:
            self._finish(opened)
            return
        self._pipeline.submit(make_rows(table, shard.id, self._source, keys))

    def _open_writer(
        self, opened: OpenShard, table: pa.Table, key_of: KeyOf, shard: Shard
    ) -> tuple[pa.Table, KeyOf]:
        """Begin to store the shard; return the rows of it that are to be fetched."""
        output_format = self._options.output_format
        if shard.stored:
            # few runs complete a shard, and this needs every format
            from img2dataset.retry.shard import Completion  # noqa: PLC0415

            completion = Completion(self._folder, opened.name, output_format, self._writing)
            rows = completion.begin(table, key_of)
            opened.writer = completion
            return rows
        opened.writer = open_writer(output_format, self._folder, opened.name, table, self._writing)
        return table, key_of

    def _load(self, shard: Shard) -> pa.Table:
        """The rows of the list; a store that is down is waited for."""

        def load() -> pa.Table:
            try:
                return load_table(shard, self._source)
            except SourceError as error:
                passing = passing_error(error.__cause__)
                raise passing or error from error

        return self._patience(load, "url_list cannot be read")

    def _pack(self, sample: Sample) -> None:
        shard = self._open[sample.row.shard]
        shard.tally.add(sample)
        shard.missing -= 1
        self._closing.packed += 1
        if shard.writer is not None:
            try:
                shard.writer.write(sample)
            except STORAGE_ERRORS as error:
                self._fail(shard, error)
        if shard.missing == 0:
            self._finish(shard)

    def _finish(self, shard: OpenShard) -> None:
        """The last row is in: store the shard.  Its stats file, written last, says it is done."""
        result = ShardResult(shard.id, shard.name, shard.tally, shard.start_time, time.time())
        if shard.writer is not None:
            try:
                result = self._store(shard, shard.writer, result)
            except STORAGE_ERRORS as error:
                self._fail(shard, error)
        self._conclude(shard, result)

    def _store(
        self, shard: OpenShard, writer: Writer | Completion, result: ShardResult
    ) -> ShardResult:
        """Store the shard, unless another attempt has: say which result counts."""
        if not self._job.concurrent_attempts:
            return self._write(shard, writer, result)
        stored = None
        while stored is None:
            stored = self._take_turn(shard, result)
        return stored

    def _take_turn(self, shard: OpenShard, result: ShardResult) -> ShardResult | None:
        """Which result counts; None if we were taken for dead, and another may have stored it."""
        from img2dataset.dataset.shard_lock import turn_to_store  # noqa: PLC0415  (not on one machine)

        try:
            with turn_to_store(self._folder, shard.name) as is_ours:
                return self._store_in_turn(shard, result, is_ours)
        except TurnLostError as error:
            shard.error = str(error)
            return None

    def _store_in_turn(
        self, shard: OpenShard, result: ShardResult, is_ours: Callable[[], bool]
    ) -> ShardResult:
        before = self._done_before(shard)
        if before is not None:
            abandon(shard)
            shard.error = None
            return before
        # once it is being stored, what is seen of it may be the other's when our turn is over
        writer, shard.writer = shard.writer, None
        if writer is not None:
            shard.error = None
            try:
                return self._write(shard, writer, result)
            except STORAGE_ERRORS as error:
                if is_ours():
                    try_once(writer.abort)
                self._fail(shard, error)
        return result

    def _write(
        self, shard: OpenShard, writer: Writer | Completion, result: ShardResult
    ) -> ShardResult:
        if shard.stored:
            return cast("Completion", writer).complete(result)
        cast("Writer", writer).commit()
        self._mark_done(shard, result)
        return result

    def _done_before(self, shard: OpenShard) -> ShardResult | None:
        """What another attempt made of the shard, which need not know of us, nor we of it."""
        if not self._job.concurrent_attempts:
            return None
        return read_stats(self._folder, shard.id, shard.name)

    def _conclude(self, shard: OpenShard, result: ShardResult) -> None:
        del self._open[shard.id]
        if shard.error is None:
            self._failed_in_a_row = 0
            self._link.send(ShardStored(result))
        else:
            self._link.send(ShardFailed(shard.id, shard.error, final=shard.hopeless))

    def _mark_done(self, shard: OpenShard, result: ShardResult) -> None:
        """From here on the shard's data stays: with the stats it is done, without them the next
        try replaces it.  To say that stats could not be written is not to say that they are not
        there, and they must never stand without data."""
        shard.writer = None
        try:
            write_stats(self._folder, result)
        except STORAGE_ERRORS as error:
            self._unmark(shard)
            self._fail(shard, error)

    def _unmark(self, shard: OpenShard) -> None:
        try:
            self._folder.remove([stats_name(shard.name)])
        except OSError as error:
            raise StorageGoneError(f"{self._folder.url} cannot be written: {error}") from error

    def _fail(self, shard: OpenShard, error: BaseException) -> None:
        shard.error = f"{type(error).__name__}: {error}"
        shard.hopeless = isinstance(error, MismatchError)
        abandon(shard)
        if isinstance(error, OSError):
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= MAX_CONSECUTIVE_FAILURES and not self._closing.began:
                raise StorageGoneError(
                    f"{self._folder.url} cannot be written: {self._failed_in_a_row} shards in a "
                    f"row failed ({shard.error})"
                ) from error

    def _say(self, text: str) -> None:
        self._link.send(Notice(text))

    def _say_of_hashes(self, text: str) -> None:
        self._link.send(Notice(text, topic="verify_hash"))

    def _count(self) -> None:
        if self._open:
            tallies = {shard.id: shard.tally for shard in self._open.values()}
            self._link.send(ShardsCounted(tallies, self._pipeline.resting))


class Closing:
    """The end of a worker that is told to stop: shards that are nearly done are finished."""

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
        self._end = now + FINISH

    def over(self, shards: Iterable[OpenShard]) -> bool:
        """Whether nothing more can be finished in what is left of the time."""
        if self._end is None:
            return False
        left = self._end - time.monotonic()
        return left <= 0 or not any(shard.missing <= self._rate * left for shard in shards)


def abandon(shard: OpenShard) -> None:
    """Remove what was written of a shard."""
    writer, shard.writer = shard.writer, None
    if writer is not None:
        try_once(writer.abort)  # what cannot be removed now is removed by the end of the run


def make_process(
    options: Options, picture: Callable[[Row, Body], EncodedImage], say: Callable[[str], None]
) -> Callable[[Row, Body], Sample]:
    """The step from a body to a sample: hash, compare, process.  Called from several threads."""
    pair = options.verify_hash
    check = None if pair is None else HashCheck(pair[0], pair[1], say)
    # the metadata of a dummy shard goes nowhere: what is only told there need not be found out
    wanted = (
        options.compute_hash if check or find_format(options.output_format).stores_rows else None
    )
    hashed = None if wanted is None else getattr(hashlib, wanted)

    def process(row: Row, body: Body) -> Sample:
        digest = hashed(body.data).hexdigest() if hashed is not None else None
        signals = body.signals + marks(body.data) if options.save_opt_out_signals else ()
        if check is not None and not check.is_right(row, digest or ""):
            mismatch = Failure.of(RowError(Reason.HASH_MISMATCH))
            return Sample(row, mismatch, fetched=body.fetched, signals=signals)
        try:
            return Sample(row, picture(row, body), digest, body.fetched, signals)
        except RowError as error:
            return Sample(row, Failure.of(error), fetched=body.fetched, signals=signals)

    return process
