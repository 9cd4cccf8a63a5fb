"""The accounts that runs left in the hidden folder -> where the time went."""

from __future__ import annotations

from img2dataset.accounting.account import Account
from img2dataset.dataset.accounts import read_all_accounts
from img2dataset.insight.findings import TimeFindings
from img2dataset.storage.folder import Folder


def find_time(folder: Folder) -> TimeFindings | None:
    """Add up what the runs of a dataset took; None if none recorded it."""
    runs = read_all_accounts(folder)
    if not runs:
        return None
    told = [run for run in runs if run.bottleneck]
    longest = max(told, key=lambda run: run.elapsed, default=None)
    return TimeFindings(
        runs=sum(run.runs for run in runs),
        rows=sum(run.rows for run in runs),
        elapsed=sum(run.elapsed for run in runs),
        account=sum((run.account for run in runs), Account()),
        bottleneck=longest.bottleneck or "" if longest else "",
    )
