"""Parts of a list, each read from its start -> all their rows in a random order, in bounded memory.

The order depends on the seed and on the rows of each part, not on how the reader cuts them into
tables.  It is the same in every version of Python: of the generator only `random()` is used, whose
sequence Python guarantees.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import TypeVar

import pyarrow as pa

Part = TypeVar("Part")
Marked = tuple[pa.Table, float]
"""A table, and how many bytes are read with it."""

OPEN_PARTS = 16
"""Parts that are read in turns."""
TURN_ROWS = 4096
WINDOW_ROWS = OPEN_PARTS * TURN_ROWS
"""Rows that are in memory, and permuted together."""


def shuffle_rows(
    parts: Sequence[Part], read: Callable[[Part], Iterator[Marked]], seed: int
) -> Iterator[Marked]:
    """Yield each row of the parts once, in the order that the seed gives.

    Args:
        parts: read in a random order.
        read: yields the tables of a part, all of one schema, each with the bytes of the part that
            are read.
        seed: 0 or more.
    """
    random = Random(seed)  # noqa: S311  (an order, no secret)
    order = [parts[number] for number in permute(len(parts), random)]
    for window, position in gather_windows(map(read, order)):
        yield window.take(pa.array(permute(window.num_rows, random), pa.int64())), position


def permute(count: int, random: Random) -> list[int]:
    """Make a permutation of range(count)."""
    keys = [random.random() for _ in range(count)]
    return sorted(range(count), key=keys.__getitem__)


def gather_windows(parts: Iterable[Iterator[Marked]]) -> Iterator[Marked]:
    """Take rows from several parts in turns, and yield them in tables of `WINDOW_ROWS` rows, the
    last may be shorter."""
    waiting = iter(parts)
    turns: deque[OpenPart] = deque()
    window: list[pa.Table] = []
    missing = WINDOW_ROWS
    done = 0.0  # bytes of the parts that are at their end
    while True:
        while len(turns) < OPEN_PARTS and (tables := next(waiting, None)) is not None:
            turns.append(OpenPart(tables))
        if not turns:
            break
        part = turns.popleft()
        wanted = min(TURN_ROWS, missing)
        taken = part.take(wanted)
        rows = sum(table.num_rows for table in taken)
        window += taken
        missing -= rows
        if rows == wanted:
            turns.append(part)
        else:
            done += part.position
        if not missing:
            yield concat(window), done + sum(each.position for each in turns)
            window, missing = [], WINDOW_ROWS
    if window:
        yield concat(window), done


def concat(tables: list[pa.Table]) -> pa.Table:
    """Put tables together in memory of their own, so that what they are slices of is freed."""
    return pa.concat_tables(tables).combine_chunks()


class OpenPart:
    """A part of which rows are taken as they are wanted."""

    def __init__(self, tables: Iterator[Marked]) -> None:
        self.position = 0.0
        self._tables = tables
        self._held: pa.Table | None = None

    def take(self, rows: int) -> list[pa.Table]:
        """Take the next rows; fewer only at the end of the part."""
        taken = []
        while rows:
            if self._held is None or not self._held.num_rows:
                self._held, self.position = next(self._tables, (None, self.position))
            if self._held is None:
                break
            taken.append(self._held.slice(0, rows))
            self._held = self._held.slice(taken[-1].num_rows)
            rows -= taken[-1].num_rows
        return [table for table in taken if table.num_rows]
