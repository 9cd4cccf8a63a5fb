"""Sampled rows -> what became of each, by the workers of a run; nothing is stored."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from img2dataset.distributors import Event, Notice, SamplesSent, Work
from img2dataset.distributors.local import start_workers
from img2dataset.errors import RunError, Status
from img2dataset.estimation.stored_size import Parts
from img2dataset.failure_samples import find_host
from img2dataset.job import REQUEST_SECONDS, Job, Sending
from img2dataset.json_text import to_json
from img2dataset.options import FETCH_COLUMNS, Options
from img2dataset.records import CAPTION, URL, Shard
from img2dataset.run.preflight import add_roots, make_shared_file
from img2dataset.sources import Source, SourceConfig
from img2dataset.sources.row_tables import copy_table
from img2dataset.text import plural
from img2dataset.worker.resources import limit_bytes

SHARD_ROWS = 50
"""Rows that a worker is given at once: so few that all workers get some."""
MAX_DOCUMENTS = 2000
"""Rows whose metadata are kept, to measure a table of them."""
HASH = "sha256"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a sampled row."""

    url: str
    host: str
    message: str | None
    """Why it has no image; None if it has one."""
    parts: Parts
    body_bytes: int
    """What was read of the answer."""
    digest: str | None
    request_seconds: float | None
    """Time of its last request; None if there was none."""
    done_seconds: float
    """From the start of the run."""


@dataclass(frozen=True, slots=True)
class SampleRun:
    """What became of the sample."""

    outcomes: tuple[Outcome, ...]
    documents: tuple[dict[str, Any], ...]
    """The metadata of some of the rows, as a dataset has them."""
    seconds: float


@dataclass(slots=True)
class Collector:
    """An `Outlet` that keeps what samples tell, and drops their images.  Thread-safe."""

    options: Options
    """As the run of the whole list has them."""
    outcomes: dict[tuple[int, int], Outcome] = field(default_factory=dict)
    """(shard, position) -> outcome."""
    documents: list[dict[str, Any]] = field(default_factory=list)
    began: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def deliver(self, sent: SamplesSent) -> None:
        """See `Outlet`."""
        now = time.monotonic() - self.began
        with self._lock:
            for shard_id, index, image, metadata in sent.samples:
                # a worker may die after it has sent a row, which then comes twice
                if metadata is not None and (shard_id, index) not in self.outcomes:
                    size = None if image is None else len(image)
                    self.outcomes[shard_id, index] = self._note(size, metadata, now)

    def _note(self, image_bytes: int | None, metadata: dict[str, Any], now: float) -> Outcome:
        seconds = metadata.pop(REQUEST_SECONDS, None)
        url = metadata[URL] or ""
        body, digest = metadata["body_bytes"] or 0, metadata.get(self.options.compute_hash or HASH)
        stored = drop_columns(metadata, self.options)
        if len(self.documents) < MAX_DOCUMENTS:
            self.documents.append(stored)
        has_caption = self.options.caption_col is not None
        caption = len((metadata.get(CAPTION) or "").encode()) if has_caption else None
        is_image = metadata["status"] == Status.SUCCESS
        return Outcome(
            url=url,
            host=find_host(url),
            message=None if is_image else metadata["error_message"],
            parts=Parts(image_bytes, len(to_json(stored)), caption),
            body_bytes=body,
            digest=digest if is_image else None,
            request_seconds=seconds,
            done_seconds=now,
        )

    def may_begin(self) -> bool:
        """See `Outlet`."""
        return True

    def find_rest(self, shard: Shard) -> Shard:
        """See `Outlet`."""
        with self._lock:
            came = frozenset(index for number, index in self.outcomes if number == shard.id)
        return replace(shard, left_out=came)

    def give_up(self, shard: Shard) -> None:
        """See `Outlet`: the run ends with an error that names it."""


def drop_columns(metadata: dict[str, Any], options: Options) -> dict[str, Any]:
    """Return the metadata as a run with these options stores them."""
    extra = () if options.save_fetch_metadata else FETCH_COLUMNS
    dropped = {*extra, *(() if options.compute_hash else (HASH,))}
    return {name: value for name, value in metadata.items() if name not in dropped}


def make_measured_options(options: Options) -> Options:
    """Return the options of the workers: as those of the run, with all that is measured."""
    return replace(
        options,
        url_list=None,
        output_format="files",
        parquet_layout="default",
        mds_compression="none",
        distributor="multiprocessing",
        incremental_mode="incremental",
        part=None,
        indexes=None,
        save_fetch_metadata=True,
        compute_hash=options.compute_hash or HASH,
    )


def run_sample(
    sample: pa.Table,
    list_of: tuple[Source, SourceConfig],
    options: Options,
    say: Callable[[str], None],
) -> SampleRun:
    """Fetch and process the rows as a run does.

    Args:
        sample: the rows.
        list_of: the list that they are from, and how it is read.
        options: those of the run.
        say: takes notices of the workers.

    Raises:
        RunError: workers do not start, or rows are lost.
    """
    source, config = list_of
    collector = Collector(options)
    measured = make_measured_options(options)
    work = Work(
        "img2dataset.worker.main:serve",
        options.processes_count,
        options.max_shard_retry,
        outlet=collector,
    )

    def begin() -> Iterator[Shard]:
        collector.began = time.monotonic()
        yield from cut_sample(sample)

    def handle(event: Event | None) -> None:
        if isinstance(event, Notice):
            say(event.text)

    with ExitStack() as stack, start_workers(work) as workers:
        sending = Sending(limit_bytes(options), sends_failures=True, sends_times=True)
        shared = make_shared_file(measured, stack)
        job = add_roots(Job(measured, config, shared, sending=sending), source)
        errors = workers.run(job, begin(), handle)
    if errors:
        lost = sample.num_rows - len(collector.outcomes)
        raise RunError(
            f"{plural(lost, 'row')} of the sample were lost: {next(iter(errors.values()))}"
        )
    seconds = max((each.done_seconds for each in collector.outcomes.values()), default=0.0)
    return SampleRun(tuple(collector.outcomes.values()), tuple(collector.documents), seconds)


def cut_sample(sample: pa.Table) -> Iterator[Shard]:
    """Cut the sample into shards."""
    for number, start in enumerate(range(0, sample.num_rows, SHARD_ROWS)):
        rows = copy_table(sample.slice(start, SHARD_ROWS))
        yield Shard(number, rows.num_rows, rows)
