"""Attempts that wait for the address of their host, by name."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import takewhile
from typing import Generic, TypeVar

from img2dataset.fetch.politeness import POLITE, Politeness

A = TypeVar("A")


class Lookups(Generic[A]):
    """The attempts that wait for each name, in the order the look-ups began."""

    def __init__(self, politeness: Politeness = POLITE) -> None:
        self._politeness = politeness
        self._waiting: dict[str, tuple[float, list[int]]] = {}
        self._attempts: dict[int, A] = {}
        self._tickets = 0
        self._due: list[tuple[float, int]] = []  # a heap; outdated ones stay in it
        self._late = 0
        self._counted_at = 0.0

    def __len__(self) -> int:
        """Names."""
        return len(self._waiting)

    @property
    def attempts(self) -> int:
        """Attempts that wait."""
        return len(self._attempts)

    def add(self, name: str, attempt: A, now: float, seconds: float) -> None:
        """Let `attempt` wait for `name`, `seconds` at most."""
        self._tickets += 1
        self._attempts[self._tickets] = attempt
        self._waiting.setdefault(name, (now, []))[1].append(self._tickets)
        heappush(self._due, (now + seconds, self._tickets))

    def take(self, name: str) -> list[A]:
        """Take the attempts that waited for `name`."""
        tickets = self._waiting.pop(name, (0.0, []))[1]
        return [self._attempts.pop(ticket) for ticket in tickets if ticket in self._attempts]

    def overdue(self, now: float) -> list[A]:
        """Take the attempts whose time is up."""
        late = []
        while self._due and (self._due[0][0] <= now or self._due[0][1] not in self._attempts):
            attempt = self._attempts.pop(heappop(self._due)[1], None)
            if attempt is not None:
                late.append(attempt)
        return late

    def next_time(self) -> float | None:
        """Return when the next attempt is overdue."""
        return self._due[0][0] if self._due else None

    def may_begin(self, now: float) -> bool:
        """Return whether another name may be looked up."""
        young = self._politeness.max_young_lookups
        if len(self._waiting) < young:
            return True
        late_s = self._politeness.late_lookup_s
        if now >= self._counted_at + late_s / 10:
            self._counted_at = now
            late = takewhile(lambda entry: entry[0] <= now - late_s, self._waiting.values())
            self._late = sum(1 for _ in late)
        return len(self._waiting) < min(self._politeness.max_lookups, young + self._late)
