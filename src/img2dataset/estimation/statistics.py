"""Counts in a random sample -> intervals for the whole list; pure arithmetic.

The list is finite and rows are drawn without replacement: a sample of n of N rows tells as much as
n (N - 1) / (N - n) rows of an endless list (the finite population correction), and one of all rows
tells everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt

Z = 1.959964
"""Quantile of the normal distribution for 95 %."""
RULE_OF_THREE = 3.0
"""What is not seen in n rows is, with 95 %, in less than 3 / n of all (-ln 0.05 = 2.996)."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of the rows of the list, with its interval of 95 %; all from 0 to 1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum over all rows of the list, with its interval of 95 %."""

    value: float
    low: float
    high: float


def find_effective_size(sampled: int, rows: int) -> float:
    """Return how many rows of an endless list tell as much; infinite if all rows are sampled."""
    return inf if sampled >= rows else sampled * (rows - 1) / (rows - sampled)


def estimate_share(count: int, sampled: int, rows: int) -> Share:
    """Estimate the share of rows that are as `count` of the `sampled` ones are.

    Wilson's score interval (1927), which stays within 0 and 1 and holds for shares near them; for
    what was not seen, the rule of three.
    """
    if not sampled:
        return Share(0.0, 0.0, 1.0 if rows else 0.0)
    size = find_effective_size(sampled, rows)
    share = count / sampled
    if size == inf:
        return Share(share, share, share)
    if not count:
        return Share(0.0, 0.0, min(1.0, RULE_OF_THREE / size))
    middle = (share + Z * Z / (2 * size)) / (1 + Z * Z / size)
    half = Z / (1 + Z * Z / size) * sqrt(share * (1 - share) / size + Z * Z / (4 * size * size))
    # rounding must not leave the share outside
    return Share(share, max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half)))


def estimate_count(count: int, sampled: int, rows: int) -> Amount:
    """Estimate how many of all rows are as `count` of the `sampled` ones are."""
    if sampled >= rows:  # a share times the rows would be rounded
        return Amount(float(count), float(count), float(count))
    share = estimate_share(count, sampled, rows)
    return Amount(share.value * rows, share.low * rows, share.high * rows)


def estimate_sum(values: Sequence[float], rows: int) -> Amount:
    """Estimate the sum of a value over all rows from that of each sampled row.

    The interval is that of the central limit theorem.
    """
    sampled = len(values)
    if not sampled:
        return Amount(0.0, 0.0, 0.0)
    total = sum(values) * rows / sampled  # in this order: exact for a sample of all rows
    size = find_effective_size(sampled, rows)
    if size == inf or sampled == 1:
        return Amount(total, total, total)
    mean = sum(values) / sampled
    variance = sum((value - mean) ** 2 for value in values) / (sampled - 1)
    half = Z * sqrt(variance / size)
    return Amount(total, max(0.0, mean - half) * rows, (mean + half) * rows)
