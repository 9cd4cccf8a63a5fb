"""Time that a host takes, good answers -> whether it may take more.

A host may hold the run for a bounded time without a good answer, whatever it does meanwhile: be
silent, refuse, ask for rests, drip, lead in circles.  Each good answer allows it more, so a host
that is slow or strict but works is never given up for that.  The unit of all this is `timeout`.
"""

from __future__ import annotations

from dataclasses import dataclass

from img2dataset.errors import Reason
from img2dataset.records import Body, Failure

LEAST_UNIT_S = 5.0
"""If `timeout` is less: ordinary rests of a few seconds are not worth giving up a host."""
UNPROVEN_UNITS = 0.5
"""What a host is allowed that has not given one good answer."""
MAX_CREDIT_UNITS = 6
"""What good answers can earn, so that a host that worked may ask for a minute's rest."""
MAIN_HOST_UNITS = 18
"""What a host is allowed that has at least half of the rows: there is little else to do."""
MAIN_HOST_SHARE = 0.5
MIN_FRUITLESS = 3
"""Attempts without a good answer before time alone counts: one may be bad luck."""


@dataclass(slots=True)
class HostCost:
    """What a host has cost since it gave good answers."""

    spent_s: float = 0.0
    """Below zero = earned by good answers."""
    fruitless: int = 0
    """Attempts since the last good answer."""
    counted_until: float = 0.0

    def charge(self, until: float, now: float) -> None:
        """Count the time since the last call up to `until` as taken by the host."""
        self.spent_s += max(0.0, until - self.counted_until)
        self.counted_until = now

    def earn(self, unit_s: float) -> None:
        """A good answer came."""
        self.fruitless = 0
        self.spent_s = max(-MAX_CREDIT_UNITS * unit_s, self.spent_s - unit_s)

    def forgive(self) -> None:
        self.fruitless = 0
        self.spent_s = min(self.spent_s, 0.0)


def unit_of(timeout: float) -> float:
    """Seconds in which the time of hosts is counted."""
    return max(timeout, LEAST_UNIT_S)


def allowed_time(unit_s: float, rows: int, all_rows: int) -> float:
    """Seconds that a host may take without a good answer; it has `rows` of `all_rows`."""
    return unit_s * (MAIN_HOST_UNITS if rows >= MAIN_HOST_SHARE * all_rows else UNPROVEN_UNITS)


def is_good(result: Body | Failure | None) -> bool:
    """Whether it is a final answer, be it that there is no such image; None = a redirect, which
    is worth what it leads to."""
    if isinstance(result, Failure):
        return not result.reason.transient and result.reason is not Reason.CERTIFICATE
    return result is not None
