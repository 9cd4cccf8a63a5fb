"""A stored file of a shard, and the same of the rows fetched again -> the file that replaces it.

What is kept is copied as it stands, byte by byte, whichever version wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from img2dataset.errors import DamagedError, MismatchError, Status
from img2dataset.formats.parquet import ROW_GROUP_BYTES, column_settings
from img2dataset.formats.tar_reading import END, RECORD, members
from img2dataset.formats.tfrecord_reading import records

PART_BYTES = ROW_GROUP_BYTES // 2
"""Pictures that are in memory at a time, in a few copies."""
BUFFER = 1 << 20
"""Bytes of a column of pictures that are read at once; without it, and with pre_buffer, all that
was read is kept."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The rows of a stored shard, by their keys."""

    kept: frozenset[str]
    """Those that have a picture."""
    again: frozenset[str]
    """Those that were fetched again."""


Join = Callable[[IO[bytes], IO[bytes], IO[bytes], Keys], None]
"""Takes the stored file, the one of the rows fetched again, where to write, and which is which.

Raises:
    DamagedError: the stored file is not whole, or has not what it should have.
    MismatchError: it was made with other options.
"""


def join_tars(stored: IO[bytes], new: IO[bytes], out: IO[bytes], keys: Keys) -> None:
    """The new samples follow the old ones."""
    found: set[str] = set()
    size = 0
    for member in members(stored):
        if member.key in keys.kept:
            found.add(member.key)
            size += len(member.blocks)
            out.write(member.blocks)
        elif member.key not in keys.again:
            raise DamagedError(f"{member.name} is in the tar, but no row says so")
    check_all(found, keys)
    for member in members(new):
        size += len(member.blocks)
        out.write(member.blocks)
    out.write(bytes(len(END) + -(size + len(END)) % RECORD))


def check_all(found: set[str], keys: Keys) -> None:
    missing = keys.kept - found
    if missing:
        raise DamagedError(f"{len(missing)} samples are missing, among them {min(missing)}")


def join_records(stored: IO[bytes], new: IO[bytes], out: IO[bytes], keys: Keys) -> None:
    """The new records follow the old ones."""
    count = 0
    for record in records(stored):
        count += 1
        out.write(record.frame)
    if count != len(keys.kept):
        raise DamagedError(f"{count} records, not {len(keys.kept)}")
    for record in records(new):
        out.write(record.frame)


def join_tables(stored: IO[bytes], new: IO[bytes], out: IO[bytes], keys: Keys) -> None:
    """Each row fetched again stands where it stood."""
    table, rows = pq.read_table(stored), pq.read_table(new)
    schema = joint_schema(table.schema, rows.schema)
    pq.write_table(substituted(table, as_stored(rows, schema), schema, keys), out)


def join_pictures(stored: IO[bytes], new: IO[bytes], out: IO[bytes], keys: Keys) -> None:
    """As `join_tables`, with pictures in the last column: a part at a time."""
    file = pq.ParquetFile(stored, buffer_size=BUFFER, pre_buffer=False)
    rows = RowsByKey(pq.ParquetFile(new, buffer_size=BUFFER, pre_buffer=False))
    schema = joint_schema(file.schema_arrow, rows.file.schema_arrow)
    size = max(row_bytes(file), row_bytes(rows.file))
    with pq.ParquetWriter(out, schema, **column_settings(schema)) as writer:
        for batch in file.iter_batches(max(1, PART_BYTES // size), use_threads=False):
            part = pa.Table.from_batches([batch])
            again = [key for key in part["key"].to_pylist() if key in keys.again]
            new_rows = as_stored(rows.take(again), schema)
            writer.write_table(substituted(part, new_rows, schema, keys))


def row_bytes(file: pq.ParquetFile) -> int:
    """Bytes of an average row that has a picture."""
    groups = range(file.metadata.num_row_groups)
    size: int = sum(file.metadata.row_group(group).total_byte_size for group in groups)
    statuses = file.read(columns=["status"])["status"].to_pylist()
    kept: int = statuses.count(Status.SUCCESS.value)
    return 1 + size // max(1, kept)


class RowsByKey:
    """The rows of a Parquet file, read when they are asked for."""

    def __init__(self, file: pq.ParquetFile) -> None:
        self.file = file
        self._place: dict[str, tuple[int, int]] = {}
        for group in range(file.metadata.num_row_groups):
            found = file.read_row_group(group, columns=["key"])["key"].to_pylist()
            self._place.update({key: (group, row) for row, key in enumerate(found)})

    def take(self, keys: Sequence[str]) -> pa.Table:
        wanted: dict[int, list[int]] = {}
        for key in keys:
            group, row = self._place[key]
            wanted.setdefault(group, []).append(row)
        parts = [self.file.read_row_group(group).take(rows) for group, rows in wanted.items()]
        return pa.concat_tables(parts) if parts else self.file.schema_arrow.empty_table()


def joint_schema(stored: pa.Schema, new: pa.Schema) -> pa.Schema:
    """The stored columns.  One that had nothing but nulls has the type of the new one."""
    if stored.names != new.names:
        raise MismatchError(
            f"its columns are {', '.join(stored.names)}; with these options they would be "
            f"{', '.join(new.names)}: use the options it was made with"
        )
    fields = [
        new.field(field.name) if pa.types.is_null(field.type) else field.with_nullable(True)
        for field in stored
    ]
    return pa.schema(fields, metadata=stored.metadata)


def as_stored(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The new rows with the types of the stored ones, which another version may have chosen."""
    try:
        return rows.cast(schema)
    except pa.ArrowException as error:
        others = [
            f"{old.name} (stored as {old.type}, now {new.type})"
            for old, new in zip(schema, rows.schema, strict=True)
            if not old.type.equals(new.type)
        ]
        raise MismatchError(
            f"the list gives other types to {', '.join(others)}, and its values do not fit those "
            "stored: make the dataset anew with incremental_mode=overwrite"
        ) from error


def substituted(table: pa.Table, rows: pa.Table, schema: pa.Schema, keys: Keys) -> pa.Table:
    """`table` with those of `rows` in the place of what it has under their keys; no copy."""
    place = {key: number for number, key in enumerate(rows["key"].to_pylist())}
    table = table.cast(schema)
    parts, start = [], 0
    for number, key in enumerate(table["key"].to_pylist()):
        if key in keys.again:
            parts += [table.slice(start, number - start), rows.slice(place[key], 1)]
            start = number + 1
    return pa.concat_tables([*parts, table.slice(start)])


JOINS: dict[str, dict[str, Join]] = {
    "files": {".parquet": join_tables},
    "webdataset": {".tar": join_tars, ".parquet": join_tables},
    "parquet": {".parquet": join_pictures},
    "tfrecord": {".tfrecord": join_records, ".parquet": join_tables},
}
"""output_format -> what a shard's name ends in -> how that file is made.  Files in a folder of
the shard are only added to it."""
