"""parquet -> Shards that are row ranges, from the footers; and a range -> its table, in a worker."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from img2dataset.errors import OptionError, SourceError
from img2dataset.patience import one_line
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
from img2dataset.storage import is_local

EAGER_FOOTERS = 200
"""Footers read before the run starts, if no columns are kept; those of later files are read when
they are reached."""
FOOTERS_AT_ONCE = 16
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
        footers = self._first_footers()
        self._rows = {file: footer.rows for file, footer in zip(files, footers, strict=False)}
        self._schemas = schemas_to_fit(files, [footer.schema for footer in footers], config)
        self._read = 0.0  # in files
        if self.rows_total() == 0:
            raise OptionError(f"url_list has no rows: there is nothing in {files[0].url}")

    def shards(self, rows_per_shard: int, first_id: int = 0) -> Iterator[Shard]:
        ids = count(first_id)
        for number, file in enumerate(self.files):
            if file not in self._rows:
                with told_as(SourceError, file.url):
                    self._rows[file] = footer_of(file, self._config).rows
            rows = self._rows[file]
            for start in range(0, rows, rows_per_shard):
                length = min(rows_per_shard, rows - start)
                self._read = number + (start + length) / rows
                yield Shard(next(ids), length, self._range(file, start, length))

    def _range(self, file: InputFile, start: int, length: int) -> ParquetRange:
        return ParquetRange(file.url, start, length, self._schemas.get(file))

    def first_rows(self, config: SourceConfig) -> pa.Table:
        """Some of the first rows, normalised as `config` says."""
        file = self._first_file
        rows = ParquetRange(file.url, 0, min(self._rows[file], BATCH))
        with told_as(OptionError, file.url):
            return read_once(rows, config)

    def column_names(self) -> list[str]:
        """The columns of the first file that may be URLs."""
        with told_as(OptionError, self._first_file.url), open_parquet(self._first_file.url) as file:
            return [field.name for field in file.schema_arrow if may_be_text(field.type)]

    @property
    def _first_file(self) -> InputFile:
        return next(file for file, rows in self._rows.items() if rows)

    def rows_total(self) -> int | None:
        known = [self._rows[file] for file in self.files if file in self._rows]
        return sum(known) if len(known) == len(self.files) else None

    def fraction_read(self) -> float:
        whole = int(self._read)
        sizes = [file.size or 1 for file in self.files]
        read = sum(sizes[:whole])
        if whole < len(sizes):
            read += int(sizes[whole] * (self._read - whole))
        return read / sum(sizes)

    def _first_footers(self) -> list[Footer]:
        """Of the first files; of all if columns are kept, which must have one type all over."""
        number = len(self.files) if self._config.additional_columns else EAGER_FOOTERS
        with ThreadPoolExecutor(FOOTERS_AT_ONCE) as pool:
            return list(pool.map(self._first_footer, self.files[:number]))

    def _first_footer(self, file: InputFile) -> Footer:
        with told_as(OptionError, file.url):
            return footer_of(file, self._config)


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
