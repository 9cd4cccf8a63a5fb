"""Attempts -> the same attempts, each when its time has come."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

A = TypeVar("A")


class DelayQueue(Generic[A]):
    """Attempts that wait for a time."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, A]] = []  # time, tie-break, attempt: a heap
        self._seen = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, attempt: A, when: float) -> None:
        self._seen += 1
        heappush(self._waiting, (when, self._seen, attempt))

    def next_time(self) -> float | None:
        """Return when the first of them is due."""
        return self._waiting[0][0] if self._waiting else None

    def is_due(self, now: float) -> bool:
        return bool(self._waiting) and self._waiting[0][0] <= now

    def remove(self, is_one: Callable[[A], bool]) -> list[A]:
        """Take out the attempts for which `is_one` holds, before their time."""
        removed = [attempt for _, _, attempt in self._waiting if is_one(attempt)]
        if removed:
            self._waiting = [entry for entry in self._waiting if not is_one(entry[2])]
            heapify(self._waiting)
        return removed

    def take(self) -> A:
        """Take out the attempt that is due first."""
        return heappop(self._waiting)[2]
