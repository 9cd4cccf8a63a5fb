"""Shards left to do, and the events of workers -> the progress of a run, and its report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from math import ceil
from time import monotonic, sleep
from typing import TYPE_CHECKING

from img2dataset.accounting.account import Account
from img2dataset.accounting.bottleneck import Bottleneck, Capacity, Rests, find_bottleneck
from img2dataset.dataset.plan import Plan, belongs_to_part, find_done
from img2dataset.distributors import (
    Event,
    Notice,
    ShardLost,
    ShardsCounted,
    ShardStored,
    WorkersCounted,
)
from img2dataset.options import Options
from img2dataset.records import Shard, shard_name
from img2dataset.report import Progress, Report, RetryCounts
from img2dataset.reports import Reporter
from img2dataset.run.resting_hosts import RestingHosts
from img2dataset.sources import Source
from img2dataset.storage.folder import Folder
from img2dataset.tally import RestingHost, ShardResult, Tally
from img2dataset.text import plural

if TYPE_CHECKING:
    from img2dataset.retry.candidates import Candidates

MAX_MISSING_NAMES = 10
SEEN_TIMEOUT_S = 60.0
"""Time for a file that another machine stored in a shared folder to appear here."""


class RunProgress:
    """Keep count of what became of the list so far, and pass it to the reporters."""

    def __init__(  # noqa: PLR0913  (what a run is made of)
        self,
        source: Source,
        plan: Plan,
        options: Options,
        reporters: Sequence[Reporter],
        refused_modes: frozenset[str] = frozenset(),
        *,
        capacity: Capacity | None = None,
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
        self._capacity = capacity
        self._account = Account()
        self._partial_accounts: dict[int, Account] = {}
        self._missing: list[str] = []  # names of the first shards that were not done before
        self._rests = RestingHosts()
        self._shards_missing = 0
        self._shards_done = 0
        self._shards_lost = 0
        self._workers: int | None = None
        self._shards_skipped = 0
        self._rows_skipped = 0
        self._shards_planned = 0
        self._last_id = -1
        self._rows_planned = 0
        self._all_planned = False
        self._candidates: Candidates | frozenset[int] = frozenset()
        self._retry: RetryCounts | None = None
        self._record: Callable[[], None] = lambda: None
        self._done_before: set[int] = set()  # but with rows to retry
        self._done_ahead = set(plan.find_own_done(options.part_of))  # not reached in the list yet

    def complete(self, candidates: Candidates, record: Callable[[], None]) -> None:
        """Retry failed rows in the finished shards that `candidates` has.

        Call `record` before a missing shard is made, or at the end if the list fits all of them.
        """
        self._candidates = candidates
        self._record = record
        self._retry = RetryCounts()

    def name_shard(self, shard_id: int) -> str:
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

    def notify(self, notices: Sequence[str]) -> None:
        """Pass notices to the reporters."""
        for text in notices:
            self.handle(Notice(text))

    def find_remaining(self) -> Iterator[Shard]:
        """Yield the shards of the list that are not done, and those with rows to retry."""
        size = self._options.number_sample_per_shard
        for shard in self._source.shards(size, self._plan.first_id):
            if not belongs_to_part(shard.id, self._options.part_of):
                continue
            self._last_id = shard.id
            self._done_ahead.discard(shard.id)
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
        self._done_ahead.clear()  # the list ends before them
        if self._shards_skipped and self._missing:
            self.handle(Notice(self._describe_missing()))

    def _note_missing(self, shard: Shard) -> None:
        if self._shards_missing == 0:
            self._record()
        self._shards_missing += 1
        if len(self._missing) < MAX_MISSING_NAMES:
            self._missing.append(self.name_shard(shard.id))

    def _describe_missing(self) -> str:
        """Name the shards that earlier runs, or parts, have left out."""
        missing = self._shards_missing
        more = f" and {missing - MAX_MISSING_NAMES:,} more" if missing > MAX_MISSING_NAMES else ""
        return (
            f"{missing:,} of {plural(self._shards_planned, 'shard')} "
            f"{'was' if missing == 1 else 'were'} missing: "
            f"{', '.join(self._missing)}{more}"
        )

    def handle(self, event: Event | None) -> None:
        """Count what a worker did, and pass it to the reporters."""
        match event:
            case ShardStored(result=result):
                self._stored_ids.add(result.id)
                self._count(result)
                progress = self.progress()
                for reporter in self._reporters:
                    reporter.shard_done(result, progress)
            case ShardsCounted(tallies=tallies, resting=resting, accounts=accounts):
                self._partial.update(tallies)
                self._partial_accounts.update(accounts)
                self._rests.see(resting, monotonic())
            case ShardLost(shard_id=shard_id):
                self._partial.pop(shard_id, None)
                self._partial_accounts.pop(shard_id, None)
                self._shards_lost += 1
            case WorkersCounted(alive=alive):
                self._workers = alive
            case Notice(text=text):
                for reporter in self._reporters:
                    reporter.notice(text)
            case None:
                progress = self.progress()
                for reporter in self._reporters:
                    reporter.progress(progress)

    def _count(self, result: ShardResult) -> None:
        self._partial.pop(result.id, None)
        self._partial_accounts.pop(result.id, None)
        self._stored += result.tally
        self._account += result.account
        if result.kept is not None and self._retry is not None:
            self._rows_skipped += result.kept
            self._retry = self._retry.plus(result)
        if result.unchanged:
            self._shards_skipped += 1
        else:
            self._shards_done += 1

    def find_begun(self) -> list[int]:
        """List the open shards that have rows already."""
        return sorted(shard_id for shard_id, tally in self._partial.items() if tally.count)

    def progress(self) -> Progress:
        shards_total, rows_total, estimated = self._totals()
        tally = sum(self._partial.values(), self._stored)
        account = sum(self._partial_accounts.values(), self._account)
        elapsed = monotonic() - self._began
        shards_ahead, rows_ahead = self._count_ahead()
        rows_skipped = self._rows_skipped + rows_ahead
        left = None if rows_total is None else rows_total - rows_skipped - tally.count
        # what a worker said of its hosts is older than the end of the last row
        all_done = left == 0 and not estimated
        resting = () if all_done else self._rests.left(monotonic())
        return Progress(
            tally=tally,
            elapsed=elapsed,
            shards_done=self._shards_done,
            shards_skipped=self._shards_skipped + shards_ahead,
            rows_skipped=rows_skipped,
            shards_total=shards_total,
            rows_total=rows_total,
            estimated=estimated,
            resting=resting,
            workers=self._workers,
            shards_lost=self._shards_lost,
            account=account,
            bottleneck=self._find_bottleneck(account, elapsed, resting, left),
        )

    def _count_ahead(self) -> tuple[int, int]:
        """Count the shards done before that the list has not reached, and estimate their rows.

        A retry may have something to do in them.
        """
        if self._retry is not None or self._shards_planned == 0:
            return 0, 0
        shards = len(self._done_ahead)
        return shards, round(shards * self._rows_planned / self._shards_planned)

    def _find_bottleneck(
        self,
        account: Account,
        elapsed_s: float,
        resting: Sequence[RestingHost] = (),
        rows_left: int | None = None,
    ) -> Bottleneck | None:
        if self._capacity is None:
            return None
        rests = Rests(sum(host.rows for host in resting), self._rests.hosts)
        return find_bottleneck(account, self._capacity, elapsed_s, rests, rows_left)

    def _totals(self) -> tuple[int | None, int | None, bool]:
        """Count or estimate the shards and rows of the whole list; the last value tells which."""
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

    def find_unseen(self, folder: Folder) -> dict[int, str]:
        """Find the shards that workers stored on local disks, where this machine does not see them.

        A shared folder may take a while to show the files of other machines.
        """
        deadline = monotonic() + SEEN_TIMEOUT_S
        missing = self._stored_ids
        while True:
            with suppress(OSError):  # the store may recover
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
    def stored_images(self) -> bool:
        """Whether this run has stored an image."""
        return self._stored.successes > 0

    def shards_before(self) -> Iterator[str]:
        """Yield the names of the shards that were done before this run."""
        own = sorted(self._plan.find_own_done(self._options.part_of))
        return (self.name_shard(each) for each in own if each <= self._last_id)

    def finish(
        self,
        output_folder: str,
        *,
        not_done: Sequence[int],
        interrupted: bool,
        images_before: bool = True,
        dataset: Tally | None = None,
    ) -> Report:
        """Make the report, and pass it on; `dataset` = the rows of all shards, if they are known."""
        if self._retry is not None and self._retry.rows and not (not_done or interrupted):
            self._record()
        kept = self._done_before if interrupted else frozenset()
        duration = monotonic() - self._began
        report = Report(
            output_folder=output_folder,
            tally=self._stored,
            duration=duration,
            shards_done=self._shards_done,
            shards_skipped=self._shards_skipped + len(self._done_ahead),
            shards_not_done=tuple(self.name_shard(each) for each in not_done if each not in kept),
            retry_interrupted=tuple(self.name_shard(each) for each in not_done if each in kept),
            interrupted=interrupted,
            retry=self._retry,
            part=self._options.part,
            images_before=images_before,
            dataset=dataset,
            incremental_mode=self._options.incremental_mode,
            refused_modes=self._refused_modes,
            list_findings=self._source.findings(),
            list_notices=self._source.notices,
            url_schemes=self._options.allowed_schemes,
            account=self._account,
            bottleneck=self._find_bottleneck(self._account, duration),
        )
        self._rests.end()
        progress = self.progress()
        for reporter in self._reporters:
            reporter.finished(report, progress)
        return report
