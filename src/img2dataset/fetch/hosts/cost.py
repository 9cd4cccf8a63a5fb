"""The time that a host takes, its good answers -> whether it may take more.

A host may hold up the run for a bounded time without a good answer, whatever it does meanwhile: be
silent, refuse, ask for rests, trickle, redirect in circles.  Each good answer allows it more, so a host
that is slow or strict but works is never given up for that.  The unit of all this is `timeout`.
"""

from __future__ import annotations

from dataclasses import dataclass

from img2dataset.errors import Reason
from img2dataset.fetch.politeness import Politeness
from img2dataset.records import Body, Failure


@dataclass(slots=True)
class HostCost:
    """What a host has cost since its last good answers."""

    spent_s: float = 0.0
    """Below zero = earned by good answers."""
    fruitless: int = 0
    """Attempts since the last good answer."""
    counted_until: float = 0.0

    def charge(self, until: float, now: float) -> None:
        """Count the time since the last call up to `until` as taken by the host."""
        self.spent_s += max(0.0, until - self.counted_until)
        self.counted_until = now

    def earn(self, unit_s: float, politeness: Politeness) -> None:
        """Credit a good answer."""
        self.fruitless = 0
        self.spent_s = max(-politeness.max_credit_units * unit_s, self.spent_s - unit_s)

    def forgive(self) -> None:
        self.fruitless = 0
        self.spent_s = min(self.spent_s, 0.0)


def choose_unit(timeout: float, politeness: Politeness) -> float:
    """Return the unit of cost in seconds."""
    return max(timeout, politeness.min_cost_unit_s)


def allowed_time(unit_s: float, rows: int, all_rows: int, politeness: Politeness) -> float:
    """Return the seconds that a host may take without a good answer; it has `rows` of `all_rows`."""
    is_main = rows >= politeness.main_host_share * all_rows
    return unit_s * (politeness.main_host_units if is_main else politeness.unproven_units)


def is_good(result: Body | Failure | None) -> bool:
    """Return whether a result is a final answer, even "no such image"; None = a redirect, which is
    worth what it leads to."""
    if isinstance(result, Failure):
        return not result.reason.transient and result.reason is not Reason.CERTIFICATE
    return result is not None
