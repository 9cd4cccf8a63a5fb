"""Shards left to do, and what workers say of them -> how far a run is, and its report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from math import ceil
from time import monotonic, sleep
from typing import TYPE_CHECKING

from img2dataset.dataset.plan import Plan, find_done, is_own
from img2dataset.distributors import Counted, Event, Lost, Notice, Stored
from img2dataset.options import Options
from img2dataset.records import Shard, shard_name
from img2dataset.report import Progress, Report, RetryCounts
from img2dataset.reports import Reporter
from img2dataset.run.resting_hosts import Rests
from img2dataset.sources import Source
from img2dataset.storage.folder import Folder
from img2dataset.tally import ShardResult, Tally
from img2dataset.text import plural

if TYPE_CHECKING:
    from img2dataset.retry.candidates import Candidates

MISSING_NAMES = 10
SEEN_WITHIN = 60.0
"""Seconds until what another machine has put into a shared folder must be seen here."""


class RunProgress:
    """What has become of the list so far, and telling it to the reporters."""

    def __init__(
        self,
        source: Source,
        plan: Plan,
        options: Options,
        reporters: Sequence[Reporter],
        refused_modes: frozenset[str] = frozenset(),
    ) -> None:
        self._source = source
        self._plan = plan
        self._options = options
        self._reporters = reporters
        self._refused_modes = refused_modes
        self._began = monotonic()
        self._stored = Tally()
        self._stored_ids: set[int] = set()
        self._partial: dict[int, Tally] = {}  # shards under way
        self._missing: list[str] = []  # names of the first shards that were not done before
        self._rests = Rests()
        self._shards_missing = 0
        self._shards_done = 0
        self._shards_skipped = 0
        self._rows_skipped = 0
        self._shards_planned = 0
        self._last_id = -1
        self._rows_planned = 0
        self._all_planned = False
        self._candidates: Candidates | frozenset[int] = frozenset()
        self._retry: RetryCounts | None = None
        self._record: Callable[[], None] = lambda: None
        self._done_before: set[int] = set()  # of which rows are fetched again

    def complete(self, candidates: Candidates, record: Callable[[], None]) -> None:
        """Look again at those of the shards that are done which `candidates` has; call `record`
        before a shard is made, or when the list has fitted all that were looked at."""
        self._candidates = candidates
        self._record = record
        self._retry = RetryCounts()

    def name_of(self, shard_id: int) -> str:
        return shard_name(shard_id, self._options.oom_shard_count)

    def start(self, output_folder: str, notices: Sequence[str] = ()) -> None:
        parameters = {
            declared.name: getattr(self._options, declared.name)
            for declared in fields(self._options)
        }
        for reporter in self._reporters:
            reporter.started(parameters, output_folder)
            for text in (*self._plan.notices, *notices):
                reporter.notice(text)

    def left_to_do(self) -> Iterator[Shard]:
        """The shards of the list, without those that are done."""
        size = self._options.number_sample_per_shard
        for shard in self._source.shards(size, self._plan.first_id):
            if not is_own(shard.id, self._options.part_of):
                continue
            self._last_id = shard.id
            self._shards_planned += 1
            self._rows_planned += shard.count
            if shard.id not in self._plan.done:
                self._note_missing(shard)
                yield shard
            elif shard.id in self._candidates:
                self._done_before.add(shard.id)
                yield replace(shard, stored=True)
            else:
                self._shards_skipped += 1
                self._rows_skipped += shard.count
        self._all_planned = True
        if self._shards_skipped and self._missing:
            self.take(Notice(self._what_was_missing()))

    def _note_missing(self, shard: Shard) -> None:
        if self._shards_missing == 0:
            self._record()
        self._shards_missing += 1
        if len(self._missing) < MISSING_NAMES:
            self._missing.append(self.name_of(shard.id))

    def _what_was_missing(self) -> str:
        """Of a dataset that earlier runs, or its parts, have begun."""
        missing = self._shards_missing
        more = f" and {missing - MISSING_NAMES:,} more" if missing > MISSING_NAMES else ""
        return (
            f"{missing:,} of {plural(self._shards_planned, 'shard')} "
            f"{'was' if missing == 1 else 'were'} missing: "
            f"{', '.join(self._missing)}{more}"
        )

    def take(self, event: Event | None) -> None:
        """Note what a worker did, and show it."""
        match event:
            case Stored(result=result):
                self._stored_ids.add(result.id)
                self._count(result)
                progress = self.progress()
                for reporter in self._reporters:
                    reporter.shard_done(result, progress)
            case Counted(tallies=tallies, resting=resting):
                self._partial.update(tallies)
                self._rests.see(resting, monotonic())
            case Lost(shard_id=shard_id):
                self._partial.pop(shard_id, None)
            case Notice(text=text):
                for reporter in self._reporters:
                    reporter.notice(text)
            case None:
                progress = self.progress()
                for reporter in self._reporters:
                    reporter.progress(progress)

    def _count(self, result: ShardResult) -> None:
        self._partial.pop(result.id, None)
        self._stored += result.tally
        if result.kept is not None and self._retry is not None:
            self._rows_skipped += result.kept
            self._retry = self._retry.plus(result)
        if result.unchanged:
            self._shards_skipped += 1
        else:
            self._shards_done += 1

    def begun(self) -> list[int]:
        """Shards under way of which rows are in."""
        return sorted(shard_id for shard_id, tally in self._partial.items() if tally.count)

    def progress(self) -> Progress:
        shards_total, rows_total, estimated = self._totals()
        return Progress(
            tally=sum(self._partial.values(), self._stored),
            elapsed=monotonic() - self._began,
            shards_done=self._shards_done,
            shards_skipped=self._shards_skipped,
            rows_skipped=self._rows_skipped,
            shards_total=shards_total,
            rows_total=rows_total,
            estimated=estimated,
            resting=self._rests.left(monotonic()),
        )

    def _totals(self) -> tuple[int | None, int | None, bool]:
        """Shards and rows of the whole list, and whether these are estimates."""
        if self._all_planned:
            return self._shards_planned, self._rows_planned, False
        _, parts = self._options.part_of
        rows = self._source.rows_total()
        if rows is not None:
            shards = ceil(rows / self._options.number_sample_per_shard)
            return ceil(shards / parts), rows // parts, parts > 1
        read = self._source.fraction_read()
        if read <= 0 or self._rows_planned == 0:
            return None, None, True
        rows = round(self._rows_planned / read)
        return ceil(rows / self._options.number_sample_per_shard), rows, True

    def unseen(self, folder: Folder) -> dict[int, str]:
        """Shards that workers stored where we do not see them: on disks of their own.

        A shared folder may take a while to show what other machines have put there.
        """
        deadline = monotonic() + SEEN_WITHIN
        missing = self._stored_ids
        while True:
            with suppress(OSError):  # a bad moment of the store
                missing = self._stored_ids - find_done(folder.names())
            if not missing:
                return {}
            if monotonic() > deadline:
                break
            sleep(1)
        stored = plural(len(missing), "shard was", "shards were")
        text = (
            f"{stored} stored where this machine does not see them: "
            "output_folder must be a folder that all machines share, or an object store"
        )
        for reporter in self._reporters:
            reporter.notice(text)
        return dict.fromkeys(missing, text)

    @property
    def found_images(self) -> bool:
        """Whether this run has stored an image."""
        return self._stored.successes > 0

    def shards_before(self) -> Iterator[str]:
        """Names of the shards of the list that are done, and were so before."""
        ids = range(self._plan.first_id, self._last_id + 1)
        own = (each for each in sorted(self._plan.done) if is_own(each, self._options.part_of))
        return (self.name_of(each) for each in own if each in ids)

    def finish(
        self,
        output_folder: str,
        *,
        not_done: Sequence[int],
        interrupted: bool,
        images_before: bool = True,
    ) -> Report:
        if self._retry is not None and self._retry.rows and not (not_done or interrupted):
            self._record()
        kept = self._done_before if interrupted else frozenset()
        report = Report(
            output_folder=output_folder,
            tally=self._stored,
            duration=monotonic() - self._began,
            shards_done=self._shards_done,
            shards_skipped=self._shards_skipped,
            shards_not_done=tuple(self.name_of(each) for each in not_done if each not in kept),
            retry_interrupted=tuple(self.name_of(each) for each in not_done if each in kept),
            interrupted=interrupted,
            retry=self._retry,
            part=self._options.part,
            images_before=images_before,
            incremental_mode=self._options.incremental_mode,
            refused_modes=self._refused_modes,
            list_findings=self._source.findings(),
        )
        progress = self.progress()
        for reporter in self._reporters:
            reporter.finished(report, progress)
        return report
