"""The footer of a Parquet file -> its rows and the types of its columns."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from img2dataset.sources.columns import check_columns, list_read_columns
from img2dataset.sources.config import InputFile, SourceConfig
from img2dataset.sources.nested_columns import add_paths, find_type, list_paths
from img2dataset.sources.parquet_ranges import open_parquet
from img2dataset.sources.partitions import parse_partitions
from img2dataset.sources.types import find_common_type

MAGIC = b"PAR1"
MAX_FOOTERS_AT_ONCE = 16

FOOTER_END_BYTES = 8
"""The length of the footer, and the magic."""


def inspect_file(
    file: InputFile,
    head: bytes,  # noqa: ARG001
    tail: bytes | None,
    config: SourceConfig,
) -> int | None:
    """Count the rows of a file whose footer is in its tail; refuse it if it lacks a wanted column."""
    footer = find_footer(tail or b"")
    if footer is None:
        return None
    metadata = pq.read_metadata(pa.BufferReader(MAGIC + footer))
    check_schema(metadata.schema.to_arrow_schema(), config, file.url)
    return int(metadata.num_rows)


def check_schema(schema: pa.Schema, config: SourceConfig, url: str) -> None:
    """Refuse a file that lacks a wanted column or path."""
    wanted = [column.source for column in list_read_columns(config)]
    there = add_paths(schema, wanted, config)
    check_columns(there, config, url, lambda: (path for path, _ in list_paths(schema)))


def find_footer(tail: bytes) -> bytes | None:
    """Find the footer in the tail of a file, with its length and magic; None if it is longer."""
    if len(tail) < FOOTER_END_BYTES or not tail.endswith(MAGIC):
        return None
    length = int.from_bytes(tail[-FOOTER_END_BYTES : -len(MAGIC)], "little") + FOOTER_END_BYTES
    return tail[-length:] if length <= len(tail) else None


@dataclass(frozen=True, slots=True)
class Footer:
    """What is known about a file before it is read."""

    rows: int
    schema: pa.Schema
    """Of the columns that are kept."""


def read_footer(file: InputFile, config: SourceConfig) -> Footer:
    """Read the footer of a file; refuse it if it lacks a wanted column."""
    with open_parquet(file.url) as parquet:
        schema = parquet.schema_arrow
        check_schema(schema, config, file.url)
        folders = {
            name: pa.scalar(value).type for name, value in parse_partitions(file.url).items()
        }
        sources = {name: config.name_in_files(name) for name in config.additional_columns}
        kept = pa.schema(
            [
                (name, find_type(schema, source, config) or folders[source])
                for name, source in sources.items()
            ]
        )
        return Footer(int(parquet.metadata.num_rows), kept)


def read_row_groups(file: InputFile) -> list[int]:
    """Read how many rows each row group of a file has."""
    with open_parquet(file.url) as parquet:
        metadata = parquet.metadata
        return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]


def find_schemas_to_cast(
    files: tuple[InputFile, ...], schemas: list[pa.Schema], config: SourceConfig
) -> dict[InputFile, pa.Schema]:
    """Find, for each file, the columns whose type in the list is another than in the file."""
    types = {
        name: find_common_type(schema.field(name).type for schema in schemas)
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
