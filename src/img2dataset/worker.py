"""Shards -> stored shards: what one worker does.  Read this page first.

Rows of several shards are in flight at once: the next shard begins while the slowest URLs of
this one time out.  A shard is stored when its last row is in.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field

import pyarrow as pa

from img2dataset.distributors import Counted, Failed, Link, Notice, Ready, Stop, Stored, Take, Want
from img2dataset.errors import Reason, RowError, SourceError
from img2dataset.fetch import DEFAULT_DIRECTIVES, Engine, FetchConfig, user_agent
from img2dataset.images import SLOWER, ImageConfig
from img2dataset.job import Job
from img2dataset.options import Options
from img2dataset.pipeline import Limits, Pipeline
from img2dataset.records import (
    Body,
    Failure,
    Picture,
    Row,
    Sample,
    Shard,
    key_digits,
    sample_key,
    shard_name,
)
from img2dataset.shaping import Shaping
from img2dataset.sources import load_table
from img2dataset.sources.rows import rows_of
from img2dataset.storage import Folder, parts_name
from img2dataset.tally import ShardResult, Tally
from img2dataset.turns import turn_to_store
from img2dataset.writers import Writer, WriterConfig, open_writer
from img2dataset.writers.stats import read_stats, write_stats

MAX_OPEN_SHARDS = 64
"""Shards one worker has open at most; only tiny shards come near it."""
LEAST_BYTES = 256_000_000
BYTES_PER_DOWNLOAD = 1_000_000
SHARE_OF_MEMORY = 0.25
"""Bodies and pictures that a worker holds: so many bytes for each download in flight, LEAST_BYTES
or more, and with the other workers no more than this share of the machine's memory."""
COUNT_EVERY = 0.3
"""Seconds between two messages about how far the open shards are."""

FEW = 32
PACE = 0.005
"""Seconds to let more than a few events come together: to be woken for each would cost more than
to pack it."""

STORAGE_ERRORS = (OSError, SourceError, pa.ArrowException)
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
    writer: Writer | None
    start_time: float
    tally: Tally = field(default_factory=Tally)
    error: str | None = None
    """Why it cannot be stored; its rows are still awaited, so that none arrives in a later try."""


class Worker:
    """Takes shards, and packs their samples as they come."""

    def __init__(self, job: Job, link: Link) -> None:
        options = self._options = job.options
        self._job = job
        self._link = link
        self._folder = output_of(job)
        self._source = job.source
        self._writing = writer_config(options)
        self._open: dict[int, OpenShard] = {}
        self._wanting = False
        fetching = fetch_config(job)
        self._shaping = Shaping(image_config(options), options.max_decode_seconds, self._say)
        self._pipeline = Pipeline(
            lambda deliver, room: Engine(fetching, deliver, room, say=self._say),
            shape_of(options, self._shaping.picture),
            image_threads=image_threads(options, job.cores),
            limits=Limits(
                count=max(64, options.thread_count), bytes=held_bytes(options, job.cores)
            ),
            # bytes stored untouched are only hashed and looked at
            inline=lambda row: options.disable_all_reencoding and not self._shaping.is_careful(row),
        )

    def run(self) -> None:
        """Until there are no more shards."""
        try:
            self._work()
        finally:
            self._pipeline.stop()
            self._shaping.stop()
            for opened in self._open.values():
                abandon(opened)

    def _work(self) -> None:
        self._shaping.start()
        self._pipeline.start()
        self._link.send(Ready())
        if SLOWER is not None:
            self._link.send(Notice(SLOWER))
        self._link.listen(self._pipeline.put)
        next_count = 0.0
        while True:
            self._ask()
            events = self._pipeline.get(timeout=COUNT_EVERY)
            for event in events:
                match event:
                    case Sample() as sample:
                        self._pack(sample)
                    case Take(shard=shard, careful=careful):
                        if careful:
                            self._shaping.be_careful(shard.id)
                        self._begin(shard)
                    case Stop():
                        return
            self._pipeline.packed(event for event in events if isinstance(event, Sample))
            if len(events) < FEW:
                time.sleep(PACE)
            if time.monotonic() >= next_count:
                next_count = time.monotonic() + COUNT_EVERY
                self._count()

    def _ask(self) -> None:
        """Ask for another shard while there are still rows of this one to begin."""
        hungry = self._pipeline.waiting < self._options.thread_count
        if hungry and not self._wanting and len(self._open) < MAX_OPEN_SHARDS:
            self._wanting = True
            self._link.send(Want())

    def _begin(self, shard: Shard) -> None:
        self._wanting = False
        name = shard_name(shard.id, self._options.oom_shard_count)
        opened = OpenShard(shard.id, name, shard.count, None, time.time())
        self._open[shard.id] = opened
        try:
            before = self._done_before(opened)
            if before is not None:
                self._conclude(opened, before)
                return
            table = load_table(shard, self._source)
            opened.writer = open_writer(
                self._options.output_format, self._folder, name, table, self._writing
            )
        except STORAGE_ERRORS as error:
            self._fail(opened, error)
            self._finish(opened)
            return
        digits = key_digits(self._options.number_sample_per_shard)

        def key_of(index: int) -> str:
            return sample_key(shard.id, index, digits, self._options.oom_shard_count)

        self._pipeline.submit(rows_of(table, shard.id, self._source, key_of))

    def _pack(self, sample: Sample) -> None:
        shard = self._open[sample.row.shard]
        shard.tally.add(sample)
        shard.missing -= 1
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

    def _store(self, shard: OpenShard, writer: Writer, result: ShardResult) -> ShardResult:
        """Store the shard, unless another attempt has: say which result counts."""
        alone = not self._job.overlapping
        with nullcontext() if alone else turn_to_store(self._folder, shard.name):
            before = self._done_before(shard)
            if before is not None:
                abandon(shard)
                return before
            try:
                writer.commit()
                write_stats(self._folder, result)
            except STORAGE_ERRORS as error:  # while it is our turn to remove things
                self._fail(shard, error)
        return result

    def _done_before(self, shard: OpenShard) -> ShardResult | None:
        """What another attempt made of the shard, which need not know of us, nor we of it."""
        # a run that completes shards finds those that are done already
        if not self._job.overlapping or self._options.incremental_mode == "retry":
            return None
        return read_stats(self._folder, shard.id, shard.name)

    def _conclude(self, shard: OpenShard, result: ShardResult) -> None:
        del self._open[shard.id]
        if shard.error is None:
            self._link.send(Stored(result))
        else:
            self._link.send(Failed(shard.id, shard.error))

    def _fail(self, shard: OpenShard, error: BaseException) -> None:
        shard.error = f"{type(error).__name__}: {error}"
        abandon(shard)

    def _say(self, text: str) -> None:
        self._link.send(Notice(text))

    def _count(self) -> None:
        if self._open:
            self._link.send(Counted({shard.id: shard.tally for shard in self._open.values()}))


def abandon(shard: OpenShard) -> None:
    """Remove what was written of a shard."""
    writer, shard.writer = shard.writer, None
    if writer is not None:
        writer.abort()


def shape_of(
    options: Options, picture: Callable[[Row, Body], Picture]
) -> Callable[[Row, Body], Sample]:
    """The step from a body to a sample: hash, compare, shape.  Called from several threads."""
    verify = options.verify_hash is not None
    # the metadata of a dummy shard goes nowhere: what is only told there need not be found out
    wanted = options.compute_hash if verify or options.output_format != "dummy" else None
    hashed = None if wanted is None else getattr(hashlib, wanted)

    def shape(row: Row, body: Body) -> Sample:
        digest = hashed(body.data).hexdigest() if hashed is not None else None
        if verify and not same_hash(row.expected_hash, digest):
            return Sample(row, Failure.of(RowError(Reason.HASH_MISMATCH)), fetched=body.fetched)
        try:
            return Sample(row, picture(row, body), digest, body.fetched)
        except RowError as error:
            return Sample(row, Failure.of(error), fetched=body.fetched)

    return shape


def same_hash(expected: str | None, digest: str | None) -> bool:
    """Whether two hex digests are equal; case and surrounding blanks do not matter."""
    return expected is not None and expected.strip().lower() == digest


def workers_here(options: Options, cores: int | None) -> int:
    """Workers that this machine has room for, or is to have; `cores` of each, if that is set."""
    return options.processes_count if cores is None else max(1, available_cores() // cores)


def image_threads(options: Options, cores: int | None = None) -> int:
    """Threads that shape bodies in one worker."""
    if options.disable_all_reencoding:
        return 1  # for careful shards: for the others the fetch thread does it
    return max(1, available_cores() // workers_here(options, cores))


def held_bytes(options: Options, cores: int | None = None) -> int:
    """Bytes of bodies and pictures that one worker may hold."""
    wanted = options.thread_count * BYTES_PER_DOWNLOAD
    most = int(SHARE_OF_MEMORY * memory() / workers_here(options, cores))
    return max(LEAST_BYTES, min(wanted, most))


def memory() -> int:
    """Bytes of the machine's memory; 0 where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def available_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# -- what each stage needs to know --


def output_of(job: Job) -> Folder:
    return Folder(
        job.options.output_folder,
        parts=parts_name(*job.options.part_of),
        overlapping=job.overlapping,
    )


def fetch_config(job: Job) -> FetchConfig:
    options = job.options
    directives = options.disallowed_header_directives
    return FetchConfig(
        thread_count=options.thread_count,
        timeout=options.timeout,
        retries=options.retries,
        max_image_bytes=options.max_image_bytes,
        user_agent=user_agent(options.user_agent_token, options.user_agent),
        user_agent_token=options.user_agent_token,
        disallowed_directives=(
            DEFAULT_DIRECTIVES
            if directives is None
            else tuple(directive.strip().lower() for directive in directives)
        ),
        verify_tls=not options.ignore_ssl_certificate,
        max_per_host=options.max_connections_per_host,
        min_delay=options.min_delay_per_host,
        shared_file=job.shared_file,
        sharers=job.sharers,
        respect_robots_txt=options.robots_txt == "respect",
        respect_tdm_reservation=options.respect_tdm_reservation,
        private_addresses=options.private_addresses,
        dns_servers=tuple(options.dns_servers or ()),
        drop_pages=options.verify_hash is None,
        keep_fetched=options.save_fetch_metadata,
    )


def image_config(options: Options) -> ImageConfig:
    quality = options.png_level if options.encode_format == "png" else options.encode_quality
    return ImageConfig(
        image_size=options.image_size,
        resize_mode=options.resize_mode,
        resize_only_if_bigger=options.resize_only_if_bigger,
        upscale_interpolation=options.upscale_interpolation.lower(),
        downscale_interpolation=options.downscale_interpolation.lower(),
        encode_format=options.encode_format,
        encode_quality=quality,
        skip_reencode=options.skip_reencode,
        disable_all_reencoding=options.disable_all_reencoding,
        min_image_size=options.min_image_size,
        max_image_area=options.max_image_area,
        max_aspect_ratio=options.max_aspect_ratio,
        max_decoded_pixels=options.max_decoded_pixels,
        apply_exif_orientation=options.apply_exif_orientation,
        extract_exif=options.extract_exif and options.output_format != "dummy",
        convert_to_srgb=options.convert_to_srgb,
    )


def writer_config(options: Options) -> WriterConfig:
    return WriterConfig(
        encode_format=options.encode_format,
        captions=options.caption_col is not None,
        extract_exif=options.extract_exif,
        compute_hash=options.compute_hash,
        fetch_metadata=options.save_fetch_metadata,
    )
