"""Rows that wait aside -> how many of them may, before others are asked for.

Too few, and a slow host keeps the rows of others from being read.  Too many at once, and one
process takes rows of a host that is only being asked gently at first, which another process
could have fetched.
"""

from __future__ import annotations

from img2dataset.fetch.politeness import POLITE, Politeness


class ReadAhead:
    """Decides how many rows count as waiting to be begun."""

    def __init__(self, politeness: Politeness = POLITE) -> None:
        self._politeness = politeness
        self._allowed = 0
        self._held_up_at: float | None = None  # since when all rows have been waiting aside

    def counted(self, aside: int) -> int:
        """How many of the rows that wait aside count as waiting all the same."""
        return max(0, aside - self._allowed)

    def look(self, aside: int, now: float, *, slots_are_empty: bool) -> None:
        """Let more rows wait aside, if those that do have left places empty for a while."""
        if (
            not slots_are_empty
            or aside <= self._allowed
            or self._allowed >= self._politeness.max_aside_rows
        ):
            self._held_up_at = None
        elif self._held_up_at is None:
            self._held_up_at = now
        elif now >= self._held_up_at + self._politeness.aside_wait_s:
            self._held_up_at = None
            self._allowed = min(self._politeness.max_aside_rows, max(aside, 2 * self._allowed))

    def next_time(self) -> float | None:
        """When to look again at the latest."""
        return (
            None if self._held_up_at is None else self._held_up_at + self._politeness.aside_wait_s
        )
