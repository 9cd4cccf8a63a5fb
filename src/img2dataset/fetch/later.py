"""Attempts -> the same, at a time of their own."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Generic, TypeVar

A = TypeVar("A")


class Later(Generic[A]):
    """Those that have to wait until a time is reached."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, A]] = []  # time, tie-break, attempt: a heap
        self._seen = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, attempt: A, when: float) -> None:
        self._seen += 1
        heappush(self._waiting, (when, self._seen, attempt))

    def next_time(self) -> float | None:
        """When the first of them is due."""
        return self._waiting[0][0] if self._waiting else None

    def is_due(self, now: float) -> bool:
        return bool(self._waiting) and self._waiting[0][0] <= now

    def take(self) -> A:
        """The one that is due first."""
        return heappop(self._waiting)[2]
