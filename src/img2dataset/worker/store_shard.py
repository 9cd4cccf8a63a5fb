"""The samples of a shard -> the shard stored under its final names, or the reason why not.

A shard is open while its rows are awaited.  It ends in one of three ways: stored by this attempt;
stored by another attempt, whose result counts; or failed, to be done again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, cast

import pyarrow as pa

from img2dataset.accounting.account import Stage
from img2dataset.accounting.clock import StageClock
from img2dataset.dataset.stats import read_stats, stats_name, write_stats
from img2dataset.errors import (
    DamagedError,
    LeaseLostError,
    MismatchError,
    SourceError,
    StorageGoneError,
)
from img2dataset.formats import Writer, WriterConfig, open_writer
from img2dataset.job import Job
from img2dataset.records import Sample
from img2dataset.storage.folder import Folder
from img2dataset.storage.retry import try_once
from img2dataset.tally import ShardResult, Tally

if TYPE_CHECKING:
    from img2dataset.retry.shard import Completion, KeyOf

MAX_CONSECUTIVE_FAILURES = 3
"""Consecutive shards of a worker that could not be written; then the run stops."""

STORAGE_ERRORS = (OSError, SourceError, DamagedError, MismatchError, pa.ArrowException)
"""Errors that fail a shard, not the worker: the list or the output cannot be read or written."""


@dataclass(eq=False, slots=True)
class OpenShard:
    """A shard whose rows are being fetched."""

    id: int
    name: str
    missing: int
    """Rows that are not in yet."""
    writer: Writer | Completion | None
    start_time: float
    """Seconds since the epoch."""
    tally: Tally = field(default_factory=Tally)
    error: str | None = None
    """Why it cannot be stored; its rows are still awaited, so that none arrives in a later try."""
    stored: bool = False
    """True if the shard is done already and some rows are fetched again: its writer is a
    Completion."""
    hopeless: bool = False
    """True if no later try can store it."""
    packing_s: float = 0.0
    """Seconds for which its samples were packed; charged at its end, not for each of them."""


class ShardStore:
    """Stores the shards of one worker.  Called from one thread."""

    def __init__(
        self, job: Job, folder: Folder, config: WriterConfig, clock: StageClock | None = None
    ) -> None:
        self._job = job
        self._folder = folder
        self._config = config
        self._clock = clock or StageClock()
        self._consecutive_failures = 0
        self.stopping = False
        """True once the worker is told to stop: failures are expected then."""

    def open(self, shard: OpenShard, table: pa.Table, key_of: KeyOf) -> tuple[pa.Table, KeyOf]:
        """Begin to store `shard`; return the rows of `table` to fetch, and their keys."""
        output_format = self._job.options.output_format
        if shard.stored:
            # few runs complete a shard, and this needs every format
            from img2dataset.retry.shard import Completion  # noqa: PLC0415

            completion = Completion(self._folder, shard.name, output_format, self._config)
            rows = completion.begin(table, key_of)
            shard.writer = completion
            return rows
        shard.writer = open_writer(output_format, self._folder, shard.name, table, self._config)
        return table, key_of

    def write(self, shard: OpenShard, sample: Sample) -> None:
        """Pack one sample of the shard."""
        shard.tally.add(sample)
        shard.missing -= 1
        if shard.writer is not None:
            began = perf_counter()
            try:
                shard.writer.write(sample)
            except STORAGE_ERRORS as error:
                self.fail(shard, error)
            shard.packing_s += perf_counter() - began

    @property
    def seconds_left(self) -> float | None:
        """Time until `flush` is to be called again: nothing waits here."""
        return None

    def flush(self) -> None:
        """Nothing waits here: a writer has each sample at once."""

    def store(self, shard: OpenShard, end_time: float) -> ShardResult:
        """The last row is in: store the shard, and return the result that counts.  If it could
        not be stored, `shard.error` says why."""
        result = ShardResult(shard.id, shard.name, shard.tally, shard.start_time, end_time)
        if shard.writer is not None:
            self._clock.add(shard.id, Stage.PACK, shard.packing_s)
            began = perf_counter()
            try:
                result = self._store(shard, shard.writer, result)
            except STORAGE_ERRORS as error:
                self.fail(shard, error)
            self._clock.add(shard.id, Stage.UPLOAD, perf_counter() - began)
        if shard.error is None:
            self._consecutive_failures = 0
        return result

    def find_stored(self, shard: OpenShard) -> ShardResult | None:
        """The result of another attempt that has stored the shard meanwhile."""
        if not self._job.concurrent_attempts:
            return None
        stored = read_stats(self._folder, shard.id, shard.name)
        if stored is not None:
            self._consecutive_failures = 0
        return stored

    def fail(self, shard: OpenShard, error: BaseException) -> None:
        """Note why the shard cannot be stored.

        Raises:
            StorageGoneError: so many shards in a row failed that going on makes no sense.
        """
        shard.error = f"{type(error).__name__}: {error}"
        shard.hopeless = isinstance(error, MismatchError)
        discard_output(shard)
        if isinstance(error, OSError):
            self._consecutive_failures += 1
            if self._consecutive_failures >= MAX_CONSECUTIVE_FAILURES and not self.stopping:
                raise StorageGoneError(
                    f"{self._folder.url} cannot be written: {self._consecutive_failures} shards in "
                    f"a row failed ({shard.error})"
                ) from error

    def _store(
        self, shard: OpenShard, writer: Writer | Completion, result: ShardResult
    ) -> ShardResult:
        if not self._job.concurrent_attempts:
            return self._write_files(shard, writer, result)
        stored = None
        while stored is None:
            stored = self._store_locked(shard, result)
        return stored

    def _store_locked(self, shard: OpenShard, result: ShardResult) -> ShardResult | None:
        """Store the shard under its lock; None if the lock was lost, and another attempt may have
        stored it."""
        from img2dataset.dataset.shard_lock import acquire_shard_lock  # noqa: PLC0415  (clusters only)

        try:
            with acquire_shard_lock(self._folder, shard.name) as is_ours:
                return self._store_once(shard, result, is_ours)
        except LeaseLostError as error:
            shard.error = str(error)
            return None

    def _store_once(
        self, shard: OpenShard, result: ShardResult, is_ours: Callable[[], bool]
    ) -> ShardResult:
        before = self.find_stored(shard)
        if before is not None:
            discard_output(shard)
            shard.error = None
            return before
        # from here on, what is visible of the shard may be another attempt's if the lock is lost
        writer, shard.writer = shard.writer, None
        if writer is not None:
            shard.error = None
            try:
                result = self._write_files(shard, writer, result)
            except STORAGE_ERRORS as error:
                if is_ours():
                    try_once(writer.abort)
                self.fail(shard, error)
            else:
                # if the lock was lost meanwhile, what is stored is the other attempt's: look again
                self._folder.confirm()
        return result

    def _write_files(
        self, shard: OpenShard, writer: Writer | Completion, result: ShardResult
    ) -> ShardResult:
        """The data, then the stats file: a shard that has one is done."""
        if shard.stored:
            return cast("Completion", writer).complete(result)
        cast("Writer", writer).commit()
        self._write_stats(shard, result)
        return result

    def _write_stats(self, shard: OpenShard, result: ShardResult) -> None:
        """From here on the shard's data stays: with the stats it is done, without them the next
        try replaces it.  A write that failed may still have reached the store, and stats must
        never stand without data."""
        shard.writer = None
        try:
            write_stats(self._folder, result)
        except STORAGE_ERRORS as error:
            self._remove_stats(shard)
            self.fail(shard, error)

    def _remove_stats(self, shard: OpenShard) -> None:
        try:
            self._folder.remove([stats_name(shard.name)])
        except OSError as error:
            raise StorageGoneError(f"{self._folder.url} cannot be written: {error}") from error


def discard_output(shard: OpenShard) -> None:
    """Remove what was written of a shard."""
    writer, shard.writer = shard.writer, None
    if writer is not None:
        try_once(writer.abort)  # what cannot be removed now is removed by the end of the run
