"""A list given in Python (Table, DataFrame, URLs) -> Shards; and any table -> normalised."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import count
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from img2dataset.errors import OptionError
from img2dataset.options.where import list_names
from img2dataset.records import URL, Shard
from img2dataset.sources.columns import Column, check_columns, list_read_columns
from img2dataset.sources.config import BadListError, InputFile, SourceConfig
from img2dataset.sources.digests import format_digest
from img2dataset.sources.duplicates import Duplicates
from img2dataset.sources.made_columns import finish_table
from img2dataset.sources.nested_columns import find_column
from img2dataset.sources.row_tables import copy_table
from img2dataset.sources.types import cast_column, find_common_type
from img2dataset.sources.values import format_value, is_bytes, to_text
from img2dataset.sources.view_types import make_plain_columns

SHUFFLED_ROWS = 256
"""Rows of a table in memory that stay close to each other when it is shuffled."""


class TableSource:
    """A list that is in memory."""

    notices: tuple[str, ...] = ()

    def __init__(
        self, name: str, table: pa.Table, config: SourceConfig, names: Sequence[str] | None = None
    ) -> None:
        """Make the source of a table; `names` are those of all columns, if it has not all."""
        self._names = list(table.column_names if names is None else names)
        try:
            check_columns(self._names, config, name)
        except BadListError as error:
            raise OptionError(str(error)) from error
        if table.num_rows == 0:
            raise OptionError(f"url_list has no rows: {name} is empty")
        self._config = config
        wanted = dict.fromkeys(column.source for column in list_read_columns(config))
        self._table = make_plain_columns(table.select(wanted))
        self._table = self._table.filter(find_matching(self._table, config))
        if self._table.num_rows == 0:
            raise OptionError(f"where is {config.where!r}: no row of {name} matches")
        self._schema = pa.schema(
            [
                (
                    name,
                    find_common_type([self._table.schema.field(config.name_in_files(name)).type]),
                )
                for name in config.additional_columns
            ]
        )
        self._rows = order_rows(self._table, config, self._schema)
        self._handed_out = 0
        self.files = (InputFile(name, self._table.nbytes, compute_fingerprint(self._table)),)

    def shards(self, rows_per_shard: int, first_id: int = 0) -> Iterator[Shard]:
        ids = count(first_id)
        for start in range(0, self._rows.num_rows, rows_per_shard):
            part = self._rows.slice(start, rows_per_shard)
            if self._config.deduplicate is None:
                part = normalise(part, self._config, self._schema)
            self._handed_out = start + part.num_rows
            yield Shard(next(ids), part.num_rows, copy_table(part))

    def all_names(self) -> list[str]:
        return list(self._names)

    def findings(self) -> tuple[str, ...]:
        return ()

    def rows_total(self) -> int | None:
        return int(self._rows.num_rows)

    def fraction_read(self) -> float:
        return float(self._handed_out / self._rows.num_rows)


def shuffle_table(table: pa.Table, config: SourceConfig) -> pa.Table:
    """Return the rows in the order of the seed, if there is one: `shuffling`, for a table."""
    if config.shuffle is None:
        return table
    from img2dataset.sources.shuffling import shuffle_rows  # noqa: PLC0415  (few lists)

    def read(start: int) -> Iterator[tuple[pa.Table, float]]:
        yield table.slice(start, SHUFFLED_ROWS), 0.0

    starts = range(0, table.num_rows, SHUFFLED_ROWS)
    return pa.concat_tables(part for part, _ in shuffle_rows(starts, read, config.shuffle))


def order_rows(table: pa.Table, config: SourceConfig, schema: pa.Schema) -> pa.Table:
    """Return the rows in their order; or the normalised table without the rows with the URL of one
    before, if that is asked for."""
    if config.deduplicate is None:
        return shuffle_table(table, config)
    table = normalise(table, config, schema)
    with closing(Duplicates()) as duplicates:
        if config.duplicate_captions == "all":
            duplicates.note_captions([table])
        return duplicates.keep_first(shuffle_table(table, config))


def find_matching(table: pa.Table, config: SourceConfig) -> pa.Array:
    """Find the rows that match the condition, if there is one."""
    if config.condition is None:
        return pa.repeat(pa.scalar(True), table.num_rows)
    from img2dataset.sources.row_filter import ConditionTypeError, match_rows  # noqa: PLC0415

    columns = {
        each: table.column(config.name_in_files(each)) for each in list_names(config.condition)
    }
    try:
        return match_rows(config.condition, columns, table.num_rows)
    except ConditionTypeError as error:
        raise OptionError(f"where is {config.where!r}: {error}") from error


def normalise(
    table: pa.Table,
    config: SourceConfig,
    schema: pa.Schema | None = None,
    folders: Mapping[str, int | str | None] = MappingProxyType({}),
) -> pa.Table:
    """Make the table to store, with the types of `schema`, from columns as they are in the list."""
    return finish_table(select_columns(table, config, schema, folders), config)


def select_columns(
    table: pa.Table,
    config: SourceConfig,
    schema: pa.Schema | None = None,
    folders: Mapping[str, int | str | None] = MappingProxyType({}),
) -> pa.Table:
    """Select the columns to read, in their order, with their final names and the types of `schema`.

    A column that the table lacks has the one value that its `folders` give.
    """
    wanted = list_read_columns(config)
    kinds = {} if schema is None else {field.name: field.type for field in schema}
    columns = []
    for want in wanted:
        column = find_column(table, want.source)
        if column is None:
            column = pa.chunked_array([pa.repeat(folders[want.source], table.num_rows)])
        if want.is_text:
            column = make_text_column(column, want)
        elif want.name in kinds:
            column = cast_column(column, kinds[want.name])
        columns.append(column)
    return pa.Table.from_arrays(columns, names=[want.name for want in wanted])


def make_text_column(column: pa.ChunkedArray, want: Column) -> pa.ChunkedArray:
    """Convert a column to text; the bytes of a hash are a digest."""
    if want.option != "verify_hash" or not is_bytes(column.type):
        return to_text(column)
    texts = [
        None if cell is None else format_digest(cell, want.name) for cell in column.to_pylist()
    ]
    return pa.chunked_array([pa.array(texts, pa.string())])


class HashSink:
    """A file that keeps only the digest of what is written to it."""

    closed = False

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return len(data)

    def flush(self) -> None: ...

    def close(self) -> None: ...


def compute_fingerprint(table: pa.Table) -> str:
    """Compute SHA-256 over names, types and values, however the table is chunked."""
    sink = HashSink()
    bare = table.replace_schema_metadata(None)
    with pa.ipc.new_stream(pa.PythonFile(sink, "w"), bare.schema) as stream:
        for start in range(0, bare.num_rows, 1 << 16):
            part = bare.slice(start, 1 << 16).combine_chunks()
            stream.write_table(part)
    return sink.digest.hexdigest()


def make_url_table(urls: Iterable[Any]) -> pa.Table:
    """Make a row for each item, of any type: bad ones become failed rows."""
    return pa.table({URL: pa.array(map(clean_url, urls), pa.string())})


def clean_url(item: Any) -> str | None:
    if item is None or item != item:  # noqa: PLR0124  (NaN, pandas' missing value)
        return None
    text = item if isinstance(item, str) else str(item)
    return text.strip().encode("utf-8", "replace").decode()


def make_frame_source(name: str, frame: Any, config: SourceConfig) -> TableSource:
    """Make the source of a pandas DataFrame, of which only the wanted columns are converted."""
    table = convert_frame(frame, config)
    return TableSource(name, table, config, [str(each) for each in frame.columns])


def convert_frame(frame: Any, config: SourceConfig) -> pa.Table:
    """Convert the wanted columns of a pandas DataFrame."""
    by_name: dict[str, list[int]] = {}
    for position, name in enumerate(frame.columns):
        by_name.setdefault(str(name), []).append(position)
    names = [name for name, positions in by_name.items() for _ in positions]
    try:
        check_columns(names, config, "the DataFrame")
    except BadListError as error:
        raise OptionError(str(error)) from error
    wanted = dict.fromkeys(column.source for column in list_read_columns(config))
    return pa.table({name: convert_series(frame.iloc[:, by_name[name][0]]) for name in wanted})


def convert_series(series: Any) -> pa.Array | pa.ChunkedArray:
    """Convert a column of a DataFrame; values of several types become text."""
    try:
        return pa.Array.from_pandas(series)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        missing = series.isna()
        texts = [
            None if gone else format_value(value) if is_json(value) else str(value)
            for value, gone in zip(series, missing, strict=True)
        ]
        return pa.array(texts, pa.string())


def is_json(value: Any) -> bool:
    return isinstance(value, str | int | float | list | dict)
