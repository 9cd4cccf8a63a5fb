"""What is known of a run at one moment, for those that ask while it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field

from img2dataset.accounting.account import Account
from img2dataset.report import Progress
from img2dataset.tally import Tally

NOTHING_DONE = Progress(Tally(), 0.0, 0, 0, 0, shards_total=None, rows_total=None)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of a run at one moment; the server's threads read the latest."""

    started_at: float
    """When the run began, in seconds since the epoch."""
    progress: Progress = NOTHING_DONE
    counted: Tally = field(default_factory=Tally)
    """The counts of `progress`, but never less than before: the rows of a lost worker are done
    again, and a counter that falls means a restart to Prometheus."""
    spent: Account = field(default_factory=Account)
    """The same of `Progress.account`, without its hosts."""
    seconds_left: float | None = None
    notices: int = 0
    shards_stored: int = 0
    last_shard_at: float | None = None
    """When it was stored, in seconds since the epoch."""


def keep_highest(before: Tally, now: Tally) -> Tally:
    """Return the higher one of each count."""
    return Tally(statuses=before.statuses | now.statuses, reasons=before.reasons | now.reasons)


def keep_highest_account(before: Account, now: Account) -> Account:
    """Return the higher one of each sum."""
    highest = Account(before.seconds.copy(), before.sizes | now.sizes)
    for stage, seconds in now.seconds.items():
        highest.seconds[stage] = max(highest.seconds[stage], seconds)
    return highest
