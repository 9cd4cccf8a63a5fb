"""Values -> histograms, by counts of whole numbers: they add up, and quantiles are exact."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from img2dataset.insight.findings import Bin, Histogram

Numbers: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"

MAX_SIDE = 20_000
"""Pixels; larger sides count as this."""
MAX_CHARACTERS = 5_000
RATIO_STEPS = 100
"""Aspect ratios are counted in hundredths."""
MAX_RATIO = 20 * RATIO_STEPS

SIDES = (0, 64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096)
RATIOS = (0, 33, 50, 67, 75, 90, 110, 133, 150, 178, 200, 300)
CHARACTERS = (0, 1, 10, 20, 40, 60, 80, 120, 160, 240, 400, 1000)
"""Lower ends of the bars."""


class Counter:
    """How often each whole number from 0 to `limit` occurs; larger ones count as `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: Numbers = np.zeros(limit + 1, np.int64)

    def add(self, values: Numbers) -> None:
        """Count some values, of at least 0."""
        found = np.bincount(np.minimum(values, self._limit), minlength=0)
        self._counts[: len(found)] += found

    def make_histogram(self, edges: Sequence[int], unit: int = 1) -> Histogram | None:
        """Sort into bars that begin at `edges`; None without values.  Labels are in `unit`s."""
        count = int(self._counts.sum())
        if count == 0:
            return None
        ends = [*edges[1:], self._limit + 1]
        sums = [int(self._counts[a:b].sum()) for a, b in zip(edges, ends, strict=True)]
        labels = make_labels(edges, unit)
        return Histogram(
            bins=tuple(Bin(label, n) for label, n in zip(labels, sums, strict=True)),
            count=count,
            low=self._find_quantile(0.05) / unit,
            median=self._find_quantile(0.5) / unit,
            high=self._find_quantile(0.95) / unit,
        )

    def _find_quantile(self, share: float) -> int:
        """Return the smallest value that at least `share` of all do not exceed."""
        sums = np.cumsum(self._counts)
        return int(np.searchsorted(sums, np.ceil(share * sums[-1])))


def make_labels(edges: Sequence[int], unit: int) -> list[str]:
    """Name the bars: "0-63", of whole numbers; "0.50-0.67", of shares; the last one "4096+"."""
    if unit == 1:
        names = [f"{a}" if b == a + 1 else f"{a}-{b - 1}" for a, b in pairwise(edges)]
        return [*names, f"{edges[-1]}+"]
    names = [f"{a / unit:.2f}-{b / unit:.2f}" for a, b in pairwise(edges)]
    return [*names, f"{edges[-1] / unit:.2f}+"]
