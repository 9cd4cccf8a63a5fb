"""Samples of a shard -> the shard as it is stored, by output format.

A format is a module with a `FORMAT` and a line in `img2dataset.output_format`; the module is
imported when its format is asked for.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from img2dataset.errors import OptionError
from img2dataset.formats.format import (
    TABLE,
    Format,
    Merge,
    SampleFile,
    ShardFiles,
    ShardKeys,
    ShardReader,
    StoredSample,
    Writer,
    WriterConfig,
)
from img2dataset.options import Options
from img2dataset.output_format import NAMES, WITHOUT_ROWS, OutputFormat
from img2dataset.storage.folder import Folder

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "NAMES",
    "TABLE",
    "Format",
    "Merge",
    "SampleFile",
    "ShardFiles",
    "ShardKeys",
    "ShardReader",
    "StoredSample",
    "Writer",
    "WriterConfig",
    "check_options",
    "find_format",
    "list_index_names",
    "list_index_suffixes",
    "list_shard_names",
    "list_suffixes",
    "open_writer",
]


@lru_cache
def find_format(output_format: str) -> Format:
    """Return the declaration of an output format.

    Raises:
        OptionError: a dataset was made with a format that this version lacks.
    """
    try:
        name = OutputFormat(output_format).value
    except ValueError as error:
        raise OptionError(f"this version has no output_format {output_format!r}") from error
    declared: Format = import_module(f"img2dataset.formats.{name}").FORMAT
    return declared


def open_writer(
    output_format: str, folder: Folder, name: str, table: pa.Table, config: WriterConfig
) -> Writer:
    """Begin the shard `name`; row i of `table` holds the input columns of its i-th row."""
    return find_format(output_format).writer(folder, name, table, config)


def list_shard_names(output_format: str, name: str) -> tuple[str, ...]:
    """List what the shard `name` stores in the output folder, without its stats file."""
    return tuple(name + suffix for suffix in find_format(output_format).suffixes)


def list_index_names(output_format: str, name: str) -> tuple[str, ...]:
    """List the index files that the shard `name` may have besides."""
    return tuple(name + suffix for suffix in find_format(output_format).indexes.values())


def list_index_suffixes() -> tuple[str, ...]:
    """List what the name of an index file may end in, in any format."""
    suffixes = [suffix for name in NAMES for suffix in find_format(name).indexes.values()]
    return tuple(dict.fromkeys(suffixes))


def list_suffixes() -> tuple[str, ...]:
    """List what the name of a shard's file may end in, in any format, without the stats file."""
    formats = [find_format(name) for name in NAMES]
    suffixes = [suffix for each in formats for suffix in (*each.suffixes, *each.indexes.values())]
    return tuple(dict.fromkeys(suffixes))


def check_options(options: Options) -> None:
    """Refuse options that the output format cannot follow.

    Raises:
        OptionError: rows are to be retried that are not stored, indexes are asked for that the
            format cannot have, a column has a taken name, or a library is missing or too old.
    """
    name = options.output_format
    if options.indexes and not find_format(name).indexes:
        raise OptionError(
            f"indexes is {list(options.indexes)!r}: output_format {name} has none; they are for the "
            "tars of webdataset"
        )
    if options.incremental_mode == "retry" and name in WITHOUT_ROWS:
        raise OptionError(
            f"incremental_mode is 'retry': output_format {name} keeps no rows, so none of them can "
            "be fetched again"
        )
    if (options.parquet_layout, options.mds_compression) != ("default", "none"):
        find_format(name).check_options(options)
    if not options.additional_columns:
        return
    reserved = find_format(name).reserved_columns(options.encode_format)
    clashing = sorted(reserved.intersection(options.additional_columns))
    if clashing:
        raise OptionError(
            f"save_additional_columns contains {', '.join(clashing)}: output_format {name} stores "
            "something of its own under this name"
        )
