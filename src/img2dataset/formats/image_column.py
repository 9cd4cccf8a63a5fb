"""The column of images in a Parquet table: plain bytes, or an Image of the Hugging Face Hub.

The Hub and `datasets` show a column as images if it is struct<bytes: binary, path: string>, in this
order, and the schema metadata `huggingface` calls it an Image
(https://huggingface.co/docs/hub/datasets-image).  Such a file also is cut into pages by its content,
so that the Hub stores equal parts of two versions once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from img2dataset.formats.metadata import make_text_column
from img2dataset.options.choices import ParquetLayout

IMAGE_STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
HF_ROWS = 100
"""Rows in a row group at most, in the layout of the Hub: its own value for images."""
CHUNKING = {"min_chunk_size": 262_144, "max_chunk_size": 1_048_576, "norm_level": 0}
"""Bounds of content-defined chunks in bytes, as `datasets` writes them."""
CHUNKING_KEYS = ("content_defined_chunking", "use_content_defined_chunking")
"""Where a file says that it has such chunks: the first is what `datasets` writes, the second is what
the Hub's viewer looks for."""
FEATURE_NAMES = {
    "halffloat": "float16", "float": "float32", "double": "float64", "date32[day]": "date32",
    "date64[ms]": "date64",
}  # fmt: skip
"""Names that Arrow's types have in `datasets`, where they differ."""


def holds_images(kind: pa.DataType) -> bool:
    """True of the types that a column of images has, in either layout."""
    return bool(types.is_binary(kind) or kind.equals(IMAGE_STRUCT))


def find_image_column(schema: pa.Schema) -> str | None:
    """Return the name of the column with the images; None if they are in another file.

    It is the last one: a column of the list may have any name and type, but stands before the key.
    """
    return schema.names[-1] if len(schema) and holds_images(schema.field(-1).type) else None


def is_hub_layout(schema: pa.Schema) -> bool:
    """True if the last column, the one with the images, is an Image of the Hub."""
    return len(schema) > 0 and bool(schema.field(-1).type.equals(IMAGE_STRUCT))


def add_image_field(schema: pa.Schema, name: str, layout: str) -> pa.Schema:
    """Append the column of images."""
    if layout != ParquetLayout.HF:
        return schema.append(pa.field(name, pa.binary()))
    return describe_features(schema.append(pa.field(name, IMAGE_STRUCT)))


def describe_features(schema: pa.Schema) -> pa.Schema:
    """Replace the metadata of a schema in the layout of the Hub: the feature of each column.

    A stored column of a type that `datasets` lacks is left out.
    """
    found = {field.name: describe_type(field.type) for field in schema}
    features = {name: feature for name, feature in found.items() if feature is not None}
    features[schema[-1].name] = {"_type": "Image"}
    return schema.with_metadata({"huggingface": orjson.dumps({"info": {"features": features}})})


def describe_type(kind: pa.DataType) -> dict[str, Any] | None:
    """Return the feature that `datasets` has for an Arrow type; None if it has none."""
    if types.is_struct(kind):
        members = {field.name: describe_type(field.type) for field in kind}
        return None if None in members.values() else members
    if types.is_map(kind) or types.is_dictionary(kind) or types.is_union(kind):
        return None
    if hasattr(kind, "value_field"):  # a list of some kind
        element = describe_type(kind.value_type)
        large = types.is_large_list(kind)
        size = {"length": kind.list_size} if types.is_fixed_size_list(kind) else {}
        kept = {"feature": element, **size, "_type": "LargeList" if large else "List"}
        return None if element is None else kept
    return {"dtype": FEATURE_NAMES.get(str(kind), str(kind)), "_type": "Value"}


def make_loadable(table: pa.Table) -> pa.Table:
    """Convert the columns whose type `datasets` lacks: one such column, and it loads nothing.

    A dictionary becomes its values, a map or what has one inside JSON text.
    """
    for place, field in enumerate(table.schema):
        if describe_type(field.type) is None:
            column = table.column(place)
            if types.is_dictionary(field.type):
                column = column.cast(field.type.value_type)
            if describe_type(column.type) is None:
                column = make_text_column(column)
            table = table.set_column(place, field.name, column)
    return table


def make_image_column(images: pa.Array, keys: list[str], field: pa.Field) -> pa.Array:
    """Make the column `field` of images as bytes: as it is, or a struct with a file name each."""
    if types.is_binary(field.type):
        return images
    missing = images.is_null()
    names = pa.array([f"{key}.{field.name}" for key in keys], pa.string())
    import pyarrow.compute as pc  # noqa: PLC0415  (heavy, and every run imports this)

    paths = pc.if_else(missing, pa.scalar(None, pa.string()), names)
    return pa.StructArray.from_arrays([images, paths], fields=list(IMAGE_STRUCT), mask=missing)


@contextmanager
def open_table_writer(file: Any, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Write a table with a column of images, the last one."""
    with pq.ParquetWriter(file, schema, **make_column_settings(schema)) as writer:
        yield writer
        if is_hub_layout(schema):
            chunking = orjson.dumps(CHUNKING).decode()
            writer.add_key_value_metadata(dict.fromkeys(CHUNKING_KEYS, chunking))


def make_column_settings(schema: pa.Schema) -> dict[str, Any]:
    """Switch off compression, dictionary and statistics for images; index the pages."""
    probe = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), probe)
    stored = pq.ParquetFile(pa.BufferReader(probe.getvalue())).schema
    paths = [stored.column(i).path for i in range(len(stored))]
    in_image = 2 if is_hub_layout(schema) else 1
    others, images = paths[:-in_image], paths[-in_image:]
    settings = {
        "compression": {**dict.fromkeys(others, "SNAPPY"), **dict.fromkeys(images, "NONE")},
        "write_batch_size": 16,  # rows: then a page is flushed at 1 MB, not at the end of the group
        "use_dictionary": others,
        "write_statistics": others,
        "write_page_index": True,
    }
    if is_hub_layout(schema):
        settings["use_content_defined_chunking"] = CHUNKING
    return settings
