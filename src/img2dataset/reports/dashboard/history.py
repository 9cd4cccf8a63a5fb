"""Counts of a run, now and then -> its course, in bounded memory however long it lasts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from img2dataset.reports.words import classify
from img2dataset.tally import SUCCESS, Tally

MAX_PERIODS = 240
"""At this number each two neighbours become one."""
FIRST_PERIOD_S = 2.0


@dataclass(frozen=True, slots=True)
class Period:
    """What happened in a stretch of time."""

    seconds: float
    ended_at: float
    """Seconds since the epoch."""
    successes: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    """Failure class -> rows."""
    body_bytes: int = 0

    @property
    def rows(self) -> int:
        return self.successes + sum(self.failures.values())

    def plus(self, later: Period) -> Period:
        """Add the period that follows."""
        failures = Counter(self.failures)
        failures.update(later.failures)
        return Period(
            self.seconds + later.seconds,
            later.ended_at,
            self.successes + later.successes,
            dict(failures),
            self.body_bytes + later.body_bytes,
        )


class History:
    """Keeps the course of a run as at most MAX_PERIODS periods of the same length.

    A run of a week has periods of 68 minutes.
    """

    def __init__(self, max_periods: int = MAX_PERIODS) -> None:
        self._max_periods = max_periods
        self._length_s = FIRST_PERIOD_S
        self._periods: list[Period] = []
        self._open: Period | None = None
        self._elapsed_s = self._closed_s = 0.0
        self._body_bytes = 0
        self._highest: Counter[str] = Counter()

    def add(self, tally: Tally, body_bytes: int, elapsed_s: float, now: float) -> None:
        """Take note of the counts of the run so far.

        Args:
            tally: all rows of this run.
            body_bytes: all bytes that came in this run.
            elapsed_s: since the run began.
            now: seconds since the epoch.
        """
        # the rows of a lost worker are done again: they count when there are more than before
        labels = self._highest | tally.labels
        new = labels - self._highest
        failures: Counter[str] = Counter()
        for label, rows in new.items():
            if label != SUCCESS:
                failures[classify(label).value] += rows
        grown = max(0, body_bytes - self._body_bytes)
        passed = Period(elapsed_s - self._elapsed_s, now, new[SUCCESS], dict(failures), grown)
        self._body_bytes += grown
        self._highest, self._elapsed_s = labels, elapsed_s
        self._open = passed if self._open is None else self._open.plus(passed)
        # ends are multiples of the length, so that periods keep the same one when they are merged
        if elapsed_s // self._length_s > self._closed_s // self._length_s:
            self._closed_s = elapsed_s
            self._close()

    def _close(self) -> None:
        if self._open is not None:
            self._periods.append(self._open)
        self._open = None
        if len(self._periods) >= self._max_periods:
            self._periods = merge_pairs(self._periods)
            self._length_s *= 2

    def list_periods(self) -> tuple[Period, ...]:
        """List the periods; the last one may be shorter."""
        last = () if self._open is None else (self._open,)
        return (*self._periods, *last)


def merge_pairs(periods: list[Period]) -> list[Period]:
    """Make one period of each two; an odd one at the end stays."""
    pairs = [a.plus(b) for a, b in zip(periods[::2], periods[1::2], strict=False)]
    return pairs + periods[len(pairs) * 2 :]
