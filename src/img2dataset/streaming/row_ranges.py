"""The numbers of rows that are done, as ranges."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class RowRanges:
    """A set of numbers, kept as ranges [start, stop) that neither overlap nor touch."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        for start, stop in ranges:
            self.add(start, stop)

    def add(self, start: int, stop: int) -> None:
        """Add the numbers of [start, stop)."""
        if start >= stop:
            return
        # all ranges that overlap or touch the new one become one with it
        first = bisect_left(self._stops, start)
        last = bisect_right(self._starts, stop)
        if first < last:
            start = min(start, self._starts[first])
            stop = max(stop, self._stops[last - 1])
        self._starts[first:last] = [start]
        self._stops[first:last] = [stop]

    def within(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges of the set, cut to [start, stop)."""
        for place in range(bisect_right(self._stops, start), len(self._starts)):
            if self._starts[place] >= stop:
                return
            yield max(start, self._starts[place]), min(stop, self._stops[place])

    def copy(self) -> RowRanges:
        copied = RowRanges()
        copied._starts, copied._stops = self._starts.copy(), self._stops.copy()
        return copied

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._stops, strict=True)
