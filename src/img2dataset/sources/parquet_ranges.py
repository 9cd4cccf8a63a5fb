"""A range of rows of a Parquet file -> its table, in a worker."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from img2dataset.errors import SourceError
from img2dataset.records import ParquetRange
from img2dataset.sources.columns import list_read_columns
from img2dataset.sources.config import BadListError, SourceConfig
from img2dataset.sources.nested_columns import list_roots
from img2dataset.sources.opening import open_file_system, translate_errors
from img2dataset.sources.partitions import parse_partitions
from img2dataset.sources.tables import normalise
from img2dataset.sources.view_types import make_plain_columns
from img2dataset.storage.failures import one_line
from img2dataset.storage.file_systems import is_local

BUFFER_BYTES = 1 << 20
"""Of a column, to read at once."""


BATCH_ROWS = 4096


def open_parquet(url: str) -> pq.ParquetFile:
    fs, path = open_file_system(url)
    source = path if is_local(fs) else fs.open(path, "rb")
    try:
        return pq.ParquetFile(source, buffer_size=BUFFER_BYTES, pre_buffer=False)
    except ValueError as error:  # also fsspec's, of web servers that cannot seek
        raise BadListError(f"{url} cannot be read as Parquet: {one_line(error)}") from error


class RangeReader:
    """Read ranges of one file; consecutive ranges decode nothing twice.

    Row groups can be huge: they are decoded in batches, and only the columns asked for.
    """

    def __init__(self, url: str, columns: tuple[str, ...]) -> None:
        self.url = url
        self.columns = columns
        self._file = open_parquet(url)
        self._columns_in_file = list_roots(columns, self._file.schema_arrow.names)
        self._starts = self._starts_of_row_groups()
        self._position = 0
        self._batches: Iterator[Any] = iter(())
        self._held: pa.Table | None = None
        self._seek(0)

    def close(self) -> None:
        self._file.close()

    def read(self, start: int, length: int) -> pa.Table:
        """Read rows [start, start + length)."""
        if start + length > self._starts[-1]:
            raise BadListError(
                f"{self.url} has {self._starts[-1]} rows, not the {start + length} or more "
                "that it had before"
            )
        if start < self._position or self._group_of(start) > self._group_of(self._position):
            self._seek(start)
        for _ in self._next_rows(start - self._position):
            pass
        return make_plain_columns(pa.concat_tables(self._next_rows(length)))

    def _starts_of_row_groups(self) -> list[int]:
        """List the first row of each row group, then the number of rows."""
        starts = [0]
        metadata = self._file.metadata
        for group in range(metadata.num_row_groups):
            starts.append(starts[-1] + metadata.row_group(group).num_rows)
        return starts

    def _group_of(self, row: int) -> int:
        return bisect_right(self._starts, row) - 1

    def _seek(self, row: int) -> None:
        """Restart at the row group of `row`."""
        group = self._group_of(row)
        groups = list(range(group, self._file.metadata.num_row_groups))
        self._batches = self._file.iter_batches(
            BATCH_ROWS, row_groups=groups, columns=self._columns_in_file, use_threads=False
        )
        self._position = self._starts[group]
        self._held = None

    def _next_rows(self, length: int) -> Iterator[pa.Table]:
        """Yield the next rows, in parts."""
        while length > 0:
            held = self._held or pa.Table.from_batches([next(self._batches)])
            part = held.slice(0, length)
            self._held = held.slice(part.num_rows)
            self._position += part.num_rows
            length -= part.num_rows
            yield part


_idle: deque[RangeReader] = deque(maxlen=1)
"""The last reader, kept open: the next shard of a worker is likely to follow.  Taking it is atomic, so
threads never share a reader."""


def read_once(rows: ParquetRange, config: SourceConfig) -> pa.Table:
    """Read the normalised table of one range of a file, and close the file."""
    columns = tuple(dict.fromkeys(column.source for column in list_read_columns(config)))
    reader = RangeReader(rows.url, columns)
    try:
        table = reader.read(rows.start, rows.count)
        return normalise(table, config, folders=parse_partitions(rows.url))
    finally:
        reader.close()


def load_range(rows: ParquetRange, config: SourceConfig) -> pa.Table:
    """Read the normalised table of a range of rows; keep the file open for the next one."""
    with translate_errors(SourceError, rows.url):
        columns = tuple(dict.fromkeys(column.source for column in list_read_columns(config)))
        reader = take_idle_reader(rows.url, columns) or RangeReader(rows.url, columns)
        read = reader.read(rows.start, rows.count)
        table = normalise(read, config, rows.schema, parse_partitions(rows.url))
        _idle.append(reader)
        return table


def close_idle_reader() -> None:
    """Close the idle reader: the file may change before it is read again."""
    with suppress(IndexError):
        _idle.pop().close()


def take_idle_reader(url: str, columns: tuple[str, ...]) -> RangeReader | None:
    """Take the idle reader if it is of this file; close another one."""
    try:
        reader = _idle.pop()
    except IndexError:
        return None
    if (reader.url, reader.columns) == (url, columns):
        return reader
    reader.close()
    return None
