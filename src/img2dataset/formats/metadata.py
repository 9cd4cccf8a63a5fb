"""Samples in any order -> the shard's metadata table, one row per row of the list, in its order."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyarrow import types

from img2dataset.errors import Status
from img2dataset.formats.fetched import RESPONSE_COLUMNS, find_response, make_response_columns
from img2dataset.formats.format import WriterConfig
from img2dataset.formats.opt_out import SIGNALS_TYPE, find_signals
from img2dataset.formats.outputs import Outputs
from img2dataset.json_text import replace_surrogates, to_json
from img2dataset.options import OPT_OUT
from img2dataset.records import BOXES, PROBLEM, Failure, ResponseInfo, Sample

NEVER_STORED = (BOXES, PROBLEM)
COLUMNS = pa.schema(
    [
        ("key", pa.string()),
        ("status", pa.string()),
        ("error_message", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("original_width", pa.int32()),
        ("original_height", pa.int32()),
    ]
)
"""Columns that every table has, after those of the input."""

Record = tuple[
    str, str, "str | None", "int | None", "int | None", "int | None", "int | None",
    "str | None", "str | None",
]  # fmt: skip
"""What a sample adds to the input: COLUMNS, exif, hash."""


def make_record(sample: Sample) -> Record:
    match sample.outcome:
        case Failure(reason=reason) as failure:
            status = reason.status.value
            return sample.row.key, status, failure.message, None, None, None, None, None, None
        case image:
            return (
                sample.row.key, Status.SUCCESS.value, None,
                image.width, image.height, image.original_width, image.original_height,
                image.exif, sample.digest,
            )  # fmt: skip


class MetadataTable:
    """Collect the outcome of each row of a shard."""

    def __init__(self, table: pa.Table, config: WriterConfig) -> None:
        self._input = table
        self._config = config
        self._records: list[Record | None] = [None] * table.num_rows
        self._fetched: list[ResponseInfo | None] = [None] * table.num_rows
        self._signals: list[list[str]] = [[]] * table.num_rows

    def add(self, sample: Sample) -> None:
        if self._records[sample.row.index] is not None:
            raise ValueError(f"row {sample.row.index} of the shard was written twice")
        self._records[sample.row.index] = make_record(sample)
        if self._config.save_fetch_metadata:
            self._fetched[sample.row.index] = find_response(sample)
        if self._config.save_opt_out_signals:
            self._signals[sample.row.index] = find_signals(sample)

    def finish(self) -> pa.Table:
        """Build the table.

        Raises:
            ValueError: rows are missing; every row has exactly one record.
        """
        records = [record for record in self._records if record is not None]
        if len(records) != len(self._records):
            missing = len(self._records) - len(records)
            raise ValueError(f"{missing} of {len(self._records)} rows were not written")
        columns = self._input_columns()
        values: list[Any] = list(zip(*records, strict=True)) or [()] * (len(COLUMNS) + 2)
        for field, column in zip(COLUMNS, values, strict=False):
            columns[field.name] = to_arrow(column, field.type)
        if self._config.extract_exif:
            columns["exif"] = to_arrow(values[-2], pa.string())
        if self._config.compute_hash is not None:  # in the place of the verified column, if any
            columns[self._config.compute_hash] = to_arrow(values[-1], pa.string())
        if self._config.save_fetch_metadata:
            for name, column in make_response_columns(self._fetched).items():
                columns[name] = to_arrow(column, RESPONSE_COLUMNS.field(name).type)
        if self._config.save_opt_out_signals:
            columns[OPT_OUT] = pa.array(self._signals, SIGNALS_TYPE)
        return pa.table(columns)

    def _input_columns(self) -> dict[str, Any]:
        return {
            name: make_storable(self._input.column(name))
            for name in self._input.column_names
            if name not in NEVER_STORED
        }


def to_arrow(values: Any, kind: pa.DataType) -> Any:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:  # lone surrogates
        return pa.array(
            [None if text is None else replace_surrogates(text) for text in values], kind
        )


def make_storable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return `column`, as JSON text if Parquet lacks its type (a struct without members, a union)."""
    if types.is_string(column.type) or types.is_int64(column.type):
        return column  # true of most columns: the probe below is not needed
    import pyarrow.parquet as pq  # noqa: PLC0415  (as below)

    try:
        pq.write_table(pa.table({"probe": column.slice(0, 0)}), pa.BufferOutputStream())
    except pa.ArrowException:
        return make_text_column(column)
    return column


def make_text_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert each value to JSON."""
    texts = [None if value is None else to_json(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.binary()).cast(pa.string())])


def write_metadata(outputs: Outputs, name: str, table: pa.Table) -> None:
    """Write the table of a shard whose images are in another file."""
    import pyarrow.parquet as pq  # noqa: PLC0415  (15 ms, and dummy stores nothing)

    pq.write_table(table, outputs.file(f"{name}.parquet").file)
