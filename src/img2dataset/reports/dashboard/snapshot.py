"""What is known of a run at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from img2dataset.report import Progress, Report
from img2dataset.reports.dashboard.history import Period
from img2dataset.tally import ShardResult, Tally

NOTHING_DONE = Progress(Tally(), 0.0, 0, 0, 0, shards_total=None, rows_total=None)


@dataclass(frozen=True, slots=True)
class Said:
    """A notice."""

    at: float
    """Seconds since the epoch."""
    text: str


@dataclass(frozen=True, slots=True)
class Tile:
    """A small image of the latest ones."""

    number: int
    """Counted from the start of the run: its address on the page."""
    key: str
    url: str
    caption: str
    data: bytes
    """A JPEG."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of a run at one moment; the threads of the server read the latest one."""

    output_folder: str = ""
    output_format: str = ""
    part: str | None = None
    started_at: float = 0.0
    """Seconds since the epoch."""
    now: float = 0.0
    progress: Progress = NOTHING_DONE
    rows_per_sec: float = 0.0
    periods: tuple[Period, ...] = ()
    shards: tuple[ShardResult, ...] = ()
    """The latest ones, the latest first."""
    notices: tuple[Said, ...] = ()
    """As `shards`."""
    notices_count: int = 0
    report: Report | None = None
    """What the run returns, once it is over."""
