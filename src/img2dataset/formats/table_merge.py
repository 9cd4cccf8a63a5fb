"""A stored metadata table and the one of the refetched rows -> the table that replaces it.

What is kept is copied as it is, whichever version wrote it.
"""

from __future__ import annotations

from typing import IO

import pyarrow as pa

from img2dataset.errors import MismatchError
from img2dataset.formats.format import ShardKeys


def merge_tables(stored: IO[bytes], new: IO[bytes], out: IO[bytes], keys: ShardKeys) -> None:
    """Replace each refetched row where it stands."""
    import pyarrow.parquet as pq  # noqa: PLC0415  (15 ms, and few runs complete a shard)

    table, rows = pq.read_table(stored), pq.read_table(new)
    schema = merge_schemas(table.schema, rows.schema)
    pq.write_table(replace_rows(table, cast_rows(schema, rows), schema, keys), out)


def merge_schemas(stored: pa.Schema, new: pa.Schema) -> pa.Schema:
    """The stored columns; a column that had only nulls gets the type of the new one."""
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


def cast_rows(schema: pa.Schema, rows: pa.Table) -> pa.Table:
    """Cast new rows to the stored types, which another version may have chosen."""
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
            "stored: make the dataset again with incremental_mode=overwrite"
        ) from error


def replace_rows(table: pa.Table, rows: pa.Table, schema: pa.Schema, keys: ShardKeys) -> pa.Table:
    """Put each of `rows` in the place of the row of `table` with its key; nothing is copied."""
    place = {key: number for number, key in enumerate(rows["key"].to_pylist())}
    table = table.cast(schema)
    parts, start = [], 0
    for number, key in enumerate(table["key"].to_pylist()):
        if key in keys.refetched:
            parts += [table.slice(start, number - start), rows.slice(place[key], 1)]
            start = number + 1
    return pa.concat_tables([*parts, table.slice(start)])
