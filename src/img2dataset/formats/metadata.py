"""Samples in any order -> the shard's metadata table, one row per row of the list, in its order."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyarrow import types

from img2dataset.errors import Status
from img2dataset.formats.fetched import FETCHED, fetch_columns, fetched_of
from img2dataset.formats.format import WriterConfig
from img2dataset.formats.opt_out import SIGNALS, signals_of
from img2dataset.formats.outputs import Outputs
from img2dataset.json_text import to_json, valid_text
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
"""Columns of ours that are always there, after those of the input."""

Record = tuple[
    str, str, "str | None", "int | None", "int | None", "int | None", "int | None",
    "str | None", "str | None",
]  # fmt: skip
"""What a sample adds to the input: COLUMNS, exif, hash."""


def record_of(sample: Sample) -> Record:
    match sample.outcome:
        case Failure(reason=reason) as failure:
            status = reason.status.value
            return sample.row.key, status, failure.message, None, None, None, None, None, None
        case picture:
            return (
                sample.row.key, Status.SUCCESS.value, None,
                picture.width, picture.height, picture.original_width, picture.original_height,
                picture.exif, sample.digest,
            )  # fmt: skip


class MetadataTable:
    """Gathers what became of each row of a shard."""

    def __init__(self, table: pa.Table, config: WriterConfig) -> None:
        self._input = table
        self._config = config
        self._records: list[Record | None] = [None] * table.num_rows
        self._fetched: list[ResponseInfo | None] = [None] * table.num_rows
        self._signals: list[list[str]] = [[]] * table.num_rows

    def add(self, sample: Sample) -> None:
        if self._records[sample.row.index] is not None:
            raise ValueError(f"row {sample.row.index} of the shard was written twice")
        self._records[sample.row.index] = record_of(sample)
        if self._config.save_fetch_metadata:
            self._fetched[sample.row.index] = fetched_of(sample)
        if self._config.save_opt_out_signals:
            self._signals[sample.row.index] = signals_of(sample)

    def finish(self) -> pa.Table:
        """The whole table.

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
            columns[field.name] = arrow(column, field.type)
        if self._config.extract_exif:
            columns["exif"] = arrow(values[-2], pa.string())
        if self._config.compute_hash is not None:  # in the place of the verified column, if any
            columns[self._config.compute_hash] = arrow(values[-1], pa.string())
        if self._config.save_fetch_metadata:
            for name, column in fetch_columns(self._fetched).items():
                columns[name] = arrow(column, FETCHED.field(name).type)
        if self._config.save_opt_out_signals:
            columns[OPT_OUT] = pa.array(self._signals, SIGNALS)
        return pa.table(columns)

    def _input_columns(self) -> dict[str, Any]:
        return {
            name: storable(self._input.column(name))
            for name in self._input.column_names
            if name not in NEVER_STORED
        }


def arrow(values: Any, kind: pa.DataType) -> Any:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:  # lone surrogates
        return pa.array([None if text is None else valid_text(text) for text in values], kind)


def storable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """`column`, as JSON text if Parquet has no such type (a struct without members, a union)."""
    if types.is_string(column.type) or types.is_int64(column.type):
        return column  # most columns are, and need not be tried
    import pyarrow.parquet as pq  # noqa: PLC0415  (as below)

    try:
        pq.write_table(pa.table({"probe": column.slice(0, 0)}), pa.BufferOutputStream())
    except pa.ArrowException:
        texts = [None if value is None else to_json(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.binary()).cast(pa.string())])
    return column


def write_metadata(outputs: Outputs, name: str, table: pa.Table) -> None:
    """The shard's `S.parquet`, where pictures are stored elsewhere."""
    import pyarrow.parquet as pq  # noqa: PLC0415  (15 ms, and nothing is stored by dummy)

    pq.write_table(table, outputs.file(f"{name}.parquet").file)
