"""parquet -> Shards that are row ranges, from the footers; and a range -> its table, in a worker."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from img2dataset.errors import OptionError, SourceError
from img2dataset.records import ParquetRange, Shard
from img2dataset.sources.config import (
    BadListError,
    InputFile,
    Source,
    SourceConfig,
    check_columns,
    wanted_columns,
)
from img2dataset.sources.streams import open_file_system, told_as
from img2dataset.sources.tables import normalise
from img2dataset.sources.types import common_type
from img2dataset.sources.values import is_string_like
from img2dataset.storage.failures import one_line
from img2dataset.storage.file_systems import is_local

FOOTERS_AT_ONCE = 16
MAGIC = b"PAR1"
FOOTER_END_BYTES = 8
"""Its length, and the magic."""
BUFFER = 1 << 20
"""Bytes of a column that are read at once."""
BATCH = 4096


def open_files(files: tuple[InputFile, ...], config: SourceConfig) -> Source:
    """A list in Parquet files."""
    return ParquetSource(files, config)


class ParquetSource:
    """A list of row ranges; the rows themselves are never read here."""

    notices: tuple[str, ...] = ()

    def __init__(self, files: tuple[InputFile, ...], config: SourceConfig) -> None:
        self.files = files
        self._config = config
        self._rows, self._schemas = self._look_at_footers()
        self._read = 0.0  # in files
        if self.rows_total() == 0:
            raise OptionError(f"url_list has no rows: there is nothing in {files[0].url}")

    def shards(self, rows_per_shard: int, first_id: int = 0) -> Iterator[Shard]:
        ids = count(first_id)
        for number, file in enumerate(self.files):
            rows = self._rows[number]
            for start in range(0, rows, rows_per_shard):
                length = min(rows_per_shard, rows - start)
                self._read = number + (start + length) / rows
                part = ParquetRange(file.url, start, length, self._schemas.get(file))
                yield Shard(next(ids), length, part, file=number)

    def first_rows(self, config: SourceConfig) -> pa.Table:
        """Some of the first rows, normalised as `config` says."""
        number = self._first_number
        file = self.files[number]
        rows = ParquetRange(file.url, 0, min(self._rows[number], BATCH))
        with told_as(OptionError, file.url):
            return read_once(rows, config)

    def column_names(self) -> list[str]:
        """The columns of the first file that may be URLs."""
        url = self.files[self._first_number].url
        with told_as(OptionError, url), open_parquet(url) as file:
            return [field.name for field in file.schema_arrow if may_be_text(field.type)]

    @property
    def _first_number(self) -> int:
        return next(number for number, rows in enumerate(self._rows) if rows)

    def findings(self) -> tuple[str, ...]:
        return ()

    def rows_total(self) -> int:
        return sum(self._rows)

    def fraction_read(self) -> float:
        whole = int(self._read)
        sizes = [file.size or 1 for file in self.files]
        read = sum(sizes[:whole])
        if whole < len(sizes):
            read += int(sizes[whole] * (self._read - whole))
        return read / sum(sizes)

    def _look_at_footers(self) -> tuple[list[int], dict[InputFile, pa.Schema]]:
        """Rows of each file, and the types that its columns are to have, where it has others.

        If columns are kept, they must have one type all over; else the footers that no tail held
        are read."""
        with ThreadPoolExecutor(FOOTERS_AT_ONCE) as pool:
            if self._config.additional_columns:
                footers = list(pool.map(self._footer, self.files))
                schemas = [footer.schema for footer in footers]
                rows = [footer.rows for footer in footers]
                return rows, schemas_to_fit(self.files, schemas, self._config)
            return list(pool.map(self._row_count, self.files)), {}

    def _row_count(self, file: InputFile) -> int:
        return self._footer(file).rows if file.rows is None else file.rows

    def _footer(self, file: InputFile) -> Footer:
        with told_as(OptionError, file.url):
            return footer_of(file, self._config)


def look_at(
    file: InputFile,
    head: bytes,  # noqa: ARG001
    tail: bytes | None,
    config: SourceConfig,
) -> int | None:
    """Rows of a file whose footer is in its tail; it must have the wanted columns."""
    footer = footer_in(tail or b"")
    if footer is None:
        return None
    metadata = pq.read_metadata(pa.BufferReader(MAGIC + footer))
    check_columns(list(metadata.schema.to_arrow_schema().names), config, file.url)
    return int(metadata.num_rows)


def footer_in(tail: bytes) -> bytes | None:
    """The footer that a file ends with, its length and magic included; None if it is longer
    than what is there."""
    if len(tail) < FOOTER_END_BYTES or not tail.endswith(MAGIC):
        return None
    length = int.from_bytes(tail[-FOOTER_END_BYTES : -len(MAGIC)], "little") + FOOTER_END_BYTES
    return tail[-length:] if length <= len(tail) else None


@dataclass(frozen=True, slots=True)
class Footer:
    """What is known of a file before it is read."""

    rows: int
    schema: pa.Schema
    """Of the columns that are kept."""


def footer_of(file: InputFile, config: SourceConfig) -> Footer:
    """The footer of a file, which must have the wanted columns."""
    with open_parquet(file.url) as parquet:
        schema = parquet.schema_arrow
        check_columns(list(schema.names), config, file.url)
        kept = pa.schema([(name, schema.field(name).type) for name in config.additional_columns])
        return Footer(int(parquet.metadata.num_rows), kept)


def schemas_to_fit(
    files: tuple[InputFile, ...], schemas: list[pa.Schema], config: SourceConfig
) -> dict[InputFile, pa.Schema]:
    """File -> types of the columns that are others over the whole list than in this file."""
    types = {
        name: common_type(schema.field(name).type for schema in schemas)
        for name in config.additional_columns
    }
    found = {}
    for file, schema in zip(files, schemas, strict=False):
        others = [
            (name, kind)
            for name, kind in types.items()
            if str(kind) != str(schema.field(name).type)
        ]
        if others:
            found[file] = pa.schema(others)
    return found


def open_parquet(url: str) -> pq.ParquetFile:
    fs, path = open_file_system(url)
    source = path if is_local(fs) else fs.open(path, "rb")
    try:
        return pq.ParquetFile(source, buffer_size=BUFFER, pre_buffer=False)
    except ValueError as error:  # also fsspec's, of web servers that cannot seek
        raise BadListError(f"{url} cannot be read as Parquet: {one_line(error)}") from error


class RangeReader:
    """Reads ranges of one file; those that follow each other without decoding anything twice.

    Row groups can be huge: they are decoded in batches, and only the columns asked for.
    """

    def __init__(self, url: str, columns: tuple[str, ...]) -> None:
        self.url = url
        self.columns = columns
        self._file = open_parquet(url)
        self._starts = self._starts_of_row_groups()
        self._position = 0
        self._batches: Iterator[Any] = iter(())
        self._held: pa.Table | None = None
        self._seek(0)

    def close(self) -> None:
        self._file.close()

    def read(self, start: int, length: int) -> pa.Table:
        """Rows [start, start + length)."""
        if start + length > self._starts[-1]:
            raise BadListError(
                f"{self.url} has {self._starts[-1]} rows, not the {start + length} or more "
                "that it had before"
            )
        if start < self._position or self._group_of(start) > self._group_of(self._position):
            self._seek(start)
        for _ in self._next_rows(start - self._position):
            pass
        return pa.concat_tables(self._next_rows(length))

    def _starts_of_row_groups(self) -> list[int]:
        """Number of the first row of each row group, and of all rows."""
        starts = [0]
        metadata = self._file.metadata
        for group in range(metadata.num_row_groups):
            starts.append(starts[-1] + metadata.row_group(group).num_rows)
        return starts

    def _group_of(self, row: int) -> int:
        return bisect_right(self._starts, row) - 1

    def _seek(self, row: int) -> None:
        """Begin again at the row group of `row`."""
        group = self._group_of(row)
        groups = list(range(group, self._file.metadata.num_row_groups))
        self._batches = self._file.iter_batches(
            BATCH, row_groups=groups, columns=list(self.columns), use_threads=False
        )
        self._position = self._starts[group]
        self._held = None

    def _next_rows(self, length: int) -> Iterator[pa.Table]:
        """The next rows, in parts."""
        while length > 0:
            held = self._held or pa.Table.from_batches([next(self._batches)])
            part = held.slice(0, length)
            self._held = held.slice(part.num_rows)
            self._position += part.num_rows
            length -= part.num_rows
            yield part


_idle: deque[RangeReader] = deque(maxlen=1)
"""The reader used last, kept open: a worker's next shard is likely to follow.  Taking it out is
atomic, so that threads never share one."""


def read_once(rows: ParquetRange, config: SourceConfig) -> pa.Table:
    """The normalised table of a range of a file that is not read on."""
    columns = tuple(dict.fromkeys(column.source for column in wanted_columns(config)))
    reader = RangeReader(rows.url, columns)
    try:
        return normalise(reader.read(rows.start, rows.count), config)
    finally:
        reader.close()


def may_be_text(kind: pa.DataType) -> bool:
    return is_string_like(kind) or pa.types.is_dictionary(kind)


def load_range(rows: ParquetRange, config: SourceConfig) -> pa.Table:
    """The normalised table of a range of rows."""
    with told_as(SourceError, rows.url):
        columns = tuple(dict.fromkeys(column.source for column in wanted_columns(config)))
        reader = idle_reader(rows.url, columns) or RangeReader(rows.url, columns)
        table = normalise(reader.read(rows.start, rows.count), config, rows.schema)
        _idle.append(reader)
        return table


def close_idle_reader() -> None:
    """Forget what is open: a file may have changed when it is read the next time."""
    with suppress(IndexError):
        _idle.pop().close()


def idle_reader(url: str, columns: tuple[str, ...]) -> RangeReader | None:
    """The idle reader if it is the right one; another is closed."""
    try:
        reader = _idle.pop()
    except IndexError:
        return None
    if (reader.url, reader.columns) == (url, columns):
        return reader
    reader.close()
    return None
