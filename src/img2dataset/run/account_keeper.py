"""The progress of a run -> its account, kept in the hidden folder at growing intervals."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from img2dataset.accounting.account import Account
from img2dataset.accounting.bottleneck import Bottleneck, Capacity
from img2dataset.report import Progress, Report
from img2dataset.reports import Reporter
from img2dataset.storage.folder import Folder
from img2dataset.storage.retry import try_once
from img2dataset.tally import ShardResult, Tally

if TYPE_CHECKING:
    from img2dataset.dataset.accounts import RunAccount

FIRST_INTERVAL_S = 60.0
MAX_INTERVAL_S = 600.0
GROWTH = 0.25
"""The next interval, as a share of the time since the run began."""


class AccountKeeper(Reporter):
    """Writes what a run took: a run that is killed leaves what was written last.

    A file that cannot be written is left: no run ends for it.
    """

    def __init__(self, folder: Folder, part_of: tuple[int, int], capacity: Capacity) -> None:
        self._folder = folder
        self._part_of = part_of
        self._capacity = capacity
        self._began = time.time()
        self._before: list[RunAccount] | None = None
        self._due_s = FIRST_INTERVAL_S

    def shard_done(self, result: ShardResult, progress: Progress) -> None:
        """Write, if it is time."""
        del result
        if progress.elapsed >= self._due_s:
            interval = min(MAX_INTERVAL_S, max(FIRST_INTERVAL_S, GROWTH * progress.elapsed))
            self._due_s = progress.elapsed + interval
            self._write(progress.elapsed, progress.tally, progress.account, progress.bottleneck)

    def finished(self, report: Report, progress: Progress) -> None:
        """Write what the whole run took, unless it did nothing."""
        del progress
        if report.account:
            self._write(report.duration, report.tally, report.account, report.bottleneck)
            if self._folder.local:  # elsewhere it leaves nothing
                try_once(lambda: self._folder.remove([self._folder.parts]))

    def _write(
        self, elapsed: float, tally: Tally, account: Account, bottleneck: Bottleneck | None
    ) -> None:
        # so that workers are started first
        from img2dataset.dataset.accounts import RunAccount  # noqa: PLC0415

        text = None if bottleneck is None else bottleneck.text
        run = RunAccount(
            self._began, elapsed, tally.count, tally.successes, self._capacity, account, text
        )
        try_once(lambda: self._keep(run))

    def _keep(self, run: RunAccount) -> None:
        from img2dataset.dataset.accounts import (  # noqa: PLC0415
            accounts_name,
            read_accounts,
            write_accounts,
        )

        name = accounts_name(self._part_of)
        if self._before is None:
            self._before = read_accounts(self._folder, name)
        write_accounts(self._folder, name, [*self._before, run])
