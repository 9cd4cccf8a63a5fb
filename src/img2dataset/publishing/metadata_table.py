"""The tables of a dataset of files -> metadata.parquet, which names the file of each image.

`datasets` shows a folder of images with the columns of a metadata.parquet whose `file_name` is the
path of the image.  It has a row for each image; rows that failed are in the tables of the shards.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from img2dataset.errors import DamagedError, Status
from img2dataset.json_text import to_json
from img2dataset.publishing.contents import Contents
from img2dataset.publishing.features import make_feature
from img2dataset.publishing.folder_file import FolderFile, PublishConfig
from img2dataset.storage.checked_file import open_checked
from img2dataset.storage.folder import Folder
from img2dataset.storage.pending import whole
from img2dataset.version import VERSION

METADATA = "metadata.parquet"
FILE_NAME = "file_name"
TAKEN = ("image", "images")
"""Names that the builder of `datasets` gives to the images."""
BATCH_ROWS = 10_000
MARK = b"img2dataset"
"""Key in the schema's metadata of a file that a run has written, and may remove."""


def make_metadata_schema(schema: pa.Schema) -> pa.Schema:
    """Return the columns of metadata.parquet: all of the tables', in types that `datasets` knows.

    A name that `datasets` takes for that of an image file gets the suffix "_column".
    """
    fields = [pa.field(FILE_NAME, pa.string())]
    for each in schema:
        kind = each.type
        known = make_feature(kind) is not None and not has_file_names(kind)
        fields.append(pa.field(rename(each.name), plain(kind) if known else pa.string()))
    return pa.schema(fields)


def rename(name: str) -> str:
    return f"{name}_column" if name in TAKEN or is_file_name(name) else name


def is_file_name(name: str) -> bool:
    """True if `datasets` takes the values of this column for paths of images."""
    return name in ("file_name", "file_names") or name.endswith(("_file_name", "_file_names"))


def has_file_names(kind: pa.DataType) -> bool:
    """True if a struct has such a member, at any depth."""
    members = [kind.field(index) for index in range(kind.num_fields)]
    return any(is_file_name(each.name) or has_file_names(each.type) for each in members)


def plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def write_metadata_table(folder: Folder, contents: Contents) -> list[str]:
    """Write metadata.parquet, a few thousand rows of one shard's table at a time."""
    import pyarrow.parquet as pq  # noqa: PLC0415  (heavy, and every run imports this)

    if folder.exists(METADATA) and not is_ours(folder):
        return [f"{METADATA} is left alone: it was not written by img2dataset"]
    schema = make_metadata_schema(contents.schema).with_metadata({MARK: VERSION.encode()})
    pending = folder.begin(METADATA)
    with whole(pending), pq.ParquetWriter(pending.file, schema) as writer:
        for shard in contents.shards:
            if not shard.successes:
                continue
            with open_checked(folder, f"{shard.name}.parquet") as file:
                for batch in pq.ParquetFile(file).iter_batches(BATCH_ROWS, use_threads=False):
                    rows = keep_successes(pa.Table.from_batches([batch]))
                    paths = [
                        f"{shard.name}/{key}.{contents.encode_format}"
                        for key in rows["key"].to_pylist()
                    ]
                    if paths:
                        writer.write_table(convert(rows, paths, schema))
    return []


def keep_successes(rows: pa.Table) -> pa.Table:
    if all(status == Status.SUCCESS.value for status in rows["status"].to_pylist()):
        return rows
    import pyarrow.compute as pc  # noqa: PLC0415  (imports numpy too, and few images may all be there)

    return rows.filter(pc.equal(rows["status"], Status.SUCCESS.value))


def convert(rows: pa.Table, paths: list[str], schema: pa.Schema) -> pa.Table:
    """Return the rows in the columns of `schema`; a column that they lack is null."""
    columns = {rename(name): rows[name] for name in rows.column_names}
    arrays: list[Any] = [pa.array(paths, pa.string())]
    for field in list(schema)[1:]:
        column = columns.get(field.name)
        if column is None:
            arrays.append(pa.nulls(rows.num_rows, field.type))
        else:
            arrays.append(cast_column(column, field.type))
    return pa.table(arrays, schema=schema)


def cast_column(column: pa.ChunkedArray, kind: pa.DataType) -> Any:
    """Cast a column; what has no other form becomes JSON text."""
    if column.type == kind:
        return column
    if pa.types.is_string(kind) and pa.types.is_nested(column.type):
        return pa.array([to_text(value) for value in column.to_pylist()], kind)
    return column.cast(kind, safe=False)


def to_text(value: Any) -> str | None:
    """Write a value as JSON; a map comes as a list of pairs."""
    if value is None:
        return None
    return json.dumps(json.loads(to_json({"": value}))[""], ensure_ascii=False)


def is_ours(folder: Folder) -> bool:
    """True if a metadata.parquet is there that a run has written, not the list or another table."""
    import pyarrow.parquet as pq  # noqa: PLC0415  (as above)

    if not folder.exists(METADATA):
        return False
    try:
        with open_checked(folder, METADATA) as file:
            return MARK in (pq.read_schema(file).metadata or {})
    except DamagedError:
        return False


def retract(folder: Folder) -> None:
    if is_ours(folder):
        folder.remove([METADATA])


def is_wanted(contents: Contents, config: PublishConfig) -> bool:
    return config.card and contents.output_format == "files"


FOLDER_FILE = FolderFile(
    names=(METADATA,), is_wanted=is_wanted, write=write_metadata_table, retract=retract
)
