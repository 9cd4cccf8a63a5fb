"""Tallies and times -> shares, images per second, and the log's lines of a shard and of the total.

The lines keep the wording of 1.47.0: scripts extract numbers from them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from img2dataset.report import Progress
from img2dataset.tally import ShardResult, Tally

RECENT_S = 30.0


@dataclass(frozen=True, slots=True)
class Rates:
    """A tally as shares of its count, and its speed."""

    success: float
    failed_to_download: float
    failed_to_resize: float
    images_per_sec: float
    count: int

    @classmethod
    def of(cls, tally: Tally, seconds: float) -> Rates:
        count = tally.count
        return cls(
            success=compute_share(tally.successes, count),
            failed_to_download=compute_share(tally.failed_to_download, count),
            failed_to_resize=compute_share(tally.failed_to_resize, count),
            images_per_sec=count / seconds if seconds > 0 else 0.0,
            count=count,
        )

    def line(self, head: str) -> str:
        """`head` is "worker" for one shard, "total" for all of them."""
        return (
            f"{head:7} - success: {self.success:.3f}"
            f" - failed to download: {self.failed_to_download:.3f}"
            f" - failed to resize: {self.failed_to_resize:.3f}"
            f" - images per sec: {self.images_per_sec:.0f}"
            f" - count: {self.count}"
        )


def compute_share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


@dataclass(frozen=True, slots=True)
class StoredTotals:
    """The shards stored so far, added up."""

    tally: Tally = field(default_factory=Tally)
    start_time: float = float("inf")
    end_time: float = float("-inf")

    def plus(self, result: ShardResult) -> StoredTotals:
        return StoredTotals(
            self.tally + result.tally,
            min(self.start_time, result.start_time),
            max(self.end_time, result.end_time),
        )

    @property
    def rates(self) -> Rates:
        return Rates.of(self.tally, self.end_time - self.start_time)


def compute_shard_rates(result: ShardResult) -> Rates:
    return Rates.of(result.tally, result.duration)


class RecentRate:
    """Rows per second over the last RECENT_SECONDS: what the run does now, not since its start."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque([(0.0, 0)])

    def after(self, progress: Progress) -> float:
        """Return the rate at `progress`."""
        now, count = progress.elapsed, progress.tally.count
        self._seen.append((now, count))
        while len(self._seen) > 2 and self._seen[1][0] <= now - RECENT_S:
            self._seen.popleft()
        then, before = self._seen[0]
        return max(0.0, (count - before) / (now - then)) if now > then else 0.0
