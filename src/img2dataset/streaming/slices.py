"""Shards of a list -> slices of them, which are handed to workers one by one.

A stream has no shards, but rows have the numbers that they would have in the shards of a stored
dataset: keys come from them, and the state of a stream is made of them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import cast

from img2dataset.records import ParquetRange, Shard
from img2dataset.sources.config import Source
from img2dataset.sources.row_tables import copy_table
from img2dataset.streaming.row_ranges import RowRanges

MAX_SLICE_ROWS = 1000
MIN_SLICE_ROWS = 16
MEAN_IMAGE_BYTES = 256_000
"""What an image is taken to have as long as nothing is known of them."""


@dataclass(frozen=True, slots=True)
class Slicing:
    """How a list is sliced."""

    shard_rows: int
    """number_sample_per_shard."""
    rows: int
    """Of a slice."""
    node: int = 0
    nodes: int = 1
    """Every `nodes`-th slice, from the one with the number `node` on, is this machine's."""


def choose_slice_rows(prefetch_bytes: int) -> int:
    """Choose how many rows a worker is given at once: their images should fit the prefetch."""
    return max(MIN_SLICE_ROWS, min(MAX_SLICE_ROWS, prefetch_bytes // MEAN_IMAGE_BYTES))


def cut_slices(source: Source, slicing: Slicing, done: RowRanges) -> Iterator[Shard]:
    """Yield the slices of the list that have rows that are not done."""
    number = -1
    with closing(cast("Generator[Shard]", source.shards(slicing.shard_rows))) as shards:
        for shard in shards:
            for start in range(0, shard.count, slicing.rows):
                number += 1
                if number % slicing.nodes != slicing.node:
                    continue
                count = min(slicing.rows, shard.count - start)
                left_out = find_done(shard.id * slicing.shard_rows + start, count, done)
                if len(left_out) < count:
                    yield cut(shard, start, count, number, left_out)


def find_done(first: int, count: int, done: RowRanges) -> frozenset[int]:
    """Find the positions of a slice, whose first row has the number `first`, that are done."""
    return frozenset(
        row - first
        for start, stop in done.within(first, first + count)
        for row in range(start, stop)
    )


def cut(shard: Shard, start: int, count: int, number: int, left_out: frozenset[int]) -> Shard:
    """Cut a slice with a number of its own from a shard."""
    rows = shard.rows
    if isinstance(rows, ParquetRange):
        rows = replace(rows, start=rows.start + start, count=count)
    elif count < shard.count:
        rows = copy_table(rows.slice(start, count))
    return Shard(number, count, rows, slice_of=(shard.id, start), left_out=left_out)
