"""Hashes of images -> how many are distinct, and those that one host gives for many URLs.

In bounded memory: every hash is counted while there are few.  With more, only those are whose
64 bits end in `level` zeros, a random share of 1 / 2^level (adaptive sampling: Flajolet, 1990);
their counts stay exact, and numbers for all are estimated from them.  Beside them, the most
frequent hashes of hosts are kept whatever their bits are, so that placeholders are found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

MAX_PAIRS = 1 << 20
"""Pairs of a hash and a host that are kept: 40 bytes each, and as much again while merging."""
MAX_FREQUENT = 1 << 14
"""Frequent pairs that are kept beside the sample."""

Words: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.uint64]]"
Numbers: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"
Flags: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]"


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of a hash and a host, as columns."""

    digests: Words
    """First 64 bits of the hash."""
    hosts: Words
    """64 bits that stand for the host."""
    counts: Numbers
    urls: Words
    """A bit for each value that 6 bits of a hash of the URL have had: as many different URLs at least."""
    rows: Numbers
    """Number of the first row, counted over the whole dataset."""

    def take(self, chosen: Numbers) -> Pairs:
        return Pairs(
            self.digests[chosen], self.hosts[chosen], self.counts[chosen], self.urls[chosen],
            self.rows[chosen],
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.digests)


def concatenate(parts: list[Pairs]) -> Pairs:
    return Pairs(
        np.concatenate([each.digests for each in parts]),
        np.concatenate([each.hosts for each in parts]),
        np.concatenate([each.counts for each in parts]),
        np.concatenate([each.urls for each in parts]),
        np.concatenate([each.rows for each in parts]),
    )


def merge(pairs: Pairs) -> Pairs:
    """Make one pair of equal ones; sorted by hash, then by host."""
    order = np.lexsort((pairs.hosts, pairs.digests))
    ordered = pairs.take(order)
    if not len(ordered):
        return ordered
    is_new = np.ones(len(ordered), np.bool_)
    is_new[1:] = (ordered.digests[1:] != ordered.digests[:-1]) | (
        ordered.hosts[1:] != ordered.hosts[:-1]
    )
    starts = np.flatnonzero(is_new)
    return Pairs(
        ordered.digests[starts],
        ordered.hosts[starts],
        np.add.reduceat(ordered.counts, starts),
        np.bitwise_or.reduceat(ordered.urls, starts),
        np.minimum.reduceat(ordered.rows, starts),
    )


class DigestCounts:
    """Counts images by hash and host; exact up to `max_pairs` pairs."""

    def __init__(self, max_pairs: int = MAX_PAIRS, max_frequent: int = MAX_FREQUENT) -> None:
        self._max_pairs = max_pairs
        self._max_frequent = max_frequent
        self._parts: list[Pairs] = []
        self._waiting = 0
        self.level = 0
        self.images = 0

    def add(self, pairs: Pairs) -> None:
        """Add the pairs of some rows."""
        self.images += int(pairs.counts.sum())
        self._parts.append(pairs)
        self._waiting += len(pairs)
        if self._waiting > 2 * self._max_pairs:
            self._merge()

    def _merge(self) -> Pairs:
        merged = merge(concatenate(self._parts)) if self._parts else EMPTY
        sampled = self._find_sampled(merged)
        while int(sampled.sum()) > self._max_pairs:
            self.level += 1
            sampled = self._find_sampled(merged)
        others = np.flatnonzero(~sampled & (merged.counts > 1))
        frequent = others[np.argsort(-merged.counts[others], kind="stable")[: self._max_frequent]]
        kept = merged.take(np.sort(np.concatenate([np.flatnonzero(sampled), frequent])))
        self._parts, self._waiting = [kept], len(kept)
        return kept

    def _find_sampled(self, pairs: Pairs) -> Flags:
        mask = np.uint64((1 << self.level) - 1)
        sampled: Flags = (pairs.digests & mask) == 0
        return sampled

    def count_distinct(self) -> int:
        """Count the distinct hashes; an estimate if `level` is not 0."""
        kept = self._merge()
        sampled = kept.take(np.flatnonzero(self._find_sampled(kept)))
        distinct = len(np.unique(sampled.digests))
        if not self.level:
            return distinct
        # the share of images that are distinct, among those sampled, is that of all images
        seen = int(sampled.counts.sum())
        return round(self.images * distinct / seen) if seen else self.images

    def find_frequent(self, min_urls: int) -> Pairs:
        """Return the pairs with at least `min_urls` different URLs, most rows first."""
        kept = self._merge()
        bits = np.unpackbits(kept.urls.view(np.uint8).reshape(-1, 8), axis=1).sum(axis=1)
        chosen = np.flatnonzero(bits >= min_urls)
        order = np.argsort(-kept.counts[chosen], kind="stable")
        return kept.take(chosen[order])


EMPTY = Pairs(
    np.zeros(0, np.uint64),
    np.zeros(0, np.uint64),
    np.zeros(0, np.int64),
    np.zeros(0, np.uint64),
    np.zeros(0, np.int64),
)
