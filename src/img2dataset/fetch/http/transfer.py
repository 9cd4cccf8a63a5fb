"""A transfer of libcurl, used again and again, and when those in flight have to be over."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Any, Generic, TypeVar

from img2dataset.fetch.http.remedies import Remedy
from img2dataset.fetch.http.response import Response

MAX_OUTDATED_DEADLINES = 10_000
"""Deadlines of transfers that are over, which may be kept."""

K = TypeVar("K")


class Transfer(Generic[K]):
    """A libcurl handle and what it is doing; used again and again."""

    __slots__ = ("began", "deadline", "ends", "handle", "is_named", "key", "proxy", "remedies",
                 "resolved", "response", "turn", "url")  # fmt: skip

    def __init__(self, response: Response) -> None:
        self.response = response
        self.handle: Any = None
        self.turn = 0
        """Which of its uses this is; 0 = it is not in use."""
        self.key: K
        self.url = ""
        self.resolved = ""
        self.is_named = False
        """Whether it asks a name, for which `resolved` has the addresses."""
        self.proxy = ""
        self.began = self.deadline = self.ends = 0.0
        """When it began; when it is given up; when that is while its answer still matters."""
        self.remedies: set[Remedy] = set()
        """In which other ways it has been sent."""


def split_seconds(
    total: float, connected: float, secured: float, came: float, *, is_secure: bool
) -> tuple[float, float, float]:
    """Split the time of a transfer: connecting, TLS, waiting for the first byte; the rest is the body.

    Args:
        total: seconds it took.
        connected: when there was a connection, in seconds since it began; 0 = none came about, or
            it was there (then the wait began at once, and an answer tells them apart).
        secured: when TLS was ready; 0 = never.
        came: when the first byte of an answer came; 0 = none.
        is_secure: whether TLS is part of it.
    """
    connected, secured = min(connected, total), min(secured, total)
    if not (connected or secured or came):
        return total, 0.0, 0.0
    if is_secure and not secured and not came:
        return connected, total - connected, 0.0
    ready = max(connected, secured)
    wait = max(0.0, (min(came, total) if came else total) - ready)
    return connected, max(0.0, secured - connected), wait


class Deadlines(Generic[K]):
    """The next deadline of each transfer; outdated ones stay until their turn comes."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Transfer[K]]] = []

    @property
    def first(self) -> float | None:
        """The earliest, perhaps an outdated one; None if there is none."""
        return self._heap[0][0] if self._heap else None

    def add(self, when: float, transfer: Transfer[K]) -> None:
        heappush(self._heap, (when, transfer.turn, transfer))

    def forget_outdated(self, running: dict[Transfer[K], None]) -> None:
        """Keep those of transfers in flight only, if far more are kept."""
        if len(self._heap) > 2 * len(running) + MAX_OUTDATED_DEADLINES:
            self._heap = [(each.deadline, each.turn, each) for each in running]
            heapify(self._heap)

    def take_due(self, now: float) -> Iterator[Transfer[K]]:
        """Take out what is due, one by one.

        A transfer that is over by then, or is used for something else, is left out.
        """
        while self._heap and self._heap[0][0] <= now:
            _, turn, transfer = heappop(self._heap)
            if transfer.turn == turn:
                yield transfer
