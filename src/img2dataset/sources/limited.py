"""A list and a number of rows -> the first of its rows: what `limit` leaves of any list."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from typing import cast

from img2dataset.records import ParquetRange, Shard
from img2dataset.sources.config import InputFile, Source
from img2dataset.sources.row_tables import copy_table


class FirstRows:
    """The first `limit` rows of another source; what is behind them is not read."""

    def __init__(self, source: Source, limit: int) -> None:
        self._source = source
        self._limit = limit
        self._taken = 0
        self.notices = source.notices

    @property
    def files(self) -> tuple[InputFile, ...]:
        return self._source.files

    def shards(self, rows_per_shard: int, first_id: int = 0) -> Iterator[Shard]:
        """Yield the shards of the list, the last of them cut at the limit."""
        self._taken = 0
        # a shard ends where a file does, or has all of its rows: a smaller one is the same here
        size = min(rows_per_shard, self._limit)
        shards = cast("Generator[Shard]", self._source.shards(size, first_id))
        with closing(shards):
            for shard in shards:
                first = cut_shard(shard, self._limit - self._taken)
                self._taken += first.count
                yield first
                if self._taken == self._limit:
                    return

    def findings(self) -> tuple[str, ...]:
        return self._source.findings()

    def all_names(self) -> list[str]:
        return self._source.all_names()

    def rows_total(self) -> int | None:
        total = self._source.rows_total()
        return None if total is None else min(total, self._limit)

    def fraction_read(self) -> float:
        return max(self._source.fraction_read(), self._taken / self._limit)


def cut_shard(shard: Shard, rows: int) -> Shard:
    """Leave the first rows of a shard, at most so many."""
    if shard.count <= rows:
        return shard
    if isinstance(shard.rows, ParquetRange):
        return replace(shard, count=rows, rows=replace(shard.rows, count=rows))
    return replace(shard, count=rows, rows=copy_table(shard.rows.slice(0, rows)))
