"""Failures in a row -> how long to wait before the next try: twice as long after each."""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import inf

MAX_DOUBLINGS = 64
"""With more, a float would overflow."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays in seconds that begin with `first` and double up to `longest`."""

    first: float
    longest: float = inf
    jitter: float = 0.0
    """The share of a delay that is random: 0 = none, 1 = all of it ("full jitter")."""

    def delay(self, failures: int, chance: float | None = None) -> float:
        """Return the seconds to wait after `failures` failures in a row, at least one.

        `chance`, a number in [0, 1), takes the place of the random number that jitter needs.
        """
        longest = min(self.first * 2.0 ** min(failures - 1, MAX_DOUBLINGS), self.longest)
        if not self.jitter:
            return longest
        drawn = random.random() if chance is None else chance  # noqa: S311  (no secret)
        return longest * (1.0 - self.jitter * (1.0 - drawn))
