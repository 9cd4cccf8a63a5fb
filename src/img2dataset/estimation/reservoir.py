"""Rows of a stream, a batch at a time -> those of a uniform random sample, in one pass.

Algorithm L (Li, 1994): the number of rows to skip before the next one that is taken is drawn, so
that a row that is not taken costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, floor, log, log1p
from random import Random


@dataclass(frozen=True, slots=True)
class Taken:
    """A row that is taken into the sample."""

    place: int
    """In the sample; the row that had it is dropped."""
    position: int
    """In the batch."""


class Reservoir:
    """Draws a sample of `size` rows; every set of rows is equally probable.

    Of the generator only `random()` is used, whose sequence Python guarantees in every version.
    """

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._random = Random(seed)  # noqa: S311  (a sample, no secret)
        self._seen = 0
        self._weight = 1.0
        self._next = 0  # number of the next row that is taken, after the first `size`
        self._skip(size - 1)

    @property
    def seen(self) -> int:
        """Rows that were offered."""
        return self._seen

    def offer(self, count: int) -> list[Taken]:
        """Offer the next `count` rows; return those that are taken, in order."""
        first, end = self._seen, self._seen + count
        taken = [Taken(number, number - first) for number in range(first, min(end, self._size))]
        while self._next < end:
            place = floor(self._random.random() * self._size)
            taken.append(Taken(place, self._next - first))
            self._skip(self._next)
        self._seen = end
        return taken

    def _skip(self, last: int) -> None:
        """Draw which row after `last` is taken next."""
        self._weight *= exp(log(self._draw()) / self._size)
        # for a list too long for any machine the weight becomes 0: then no other row is taken
        rate = log1p(-self._weight) if self._weight < 1 else float("-inf")
        self._next = last + 1 + (floor(log(self._draw()) / rate) if rate else 1 << 62)

    def _draw(self) -> float:
        """Draw a number above 0, up to 1."""
        return 1.0 - self._random.random()
