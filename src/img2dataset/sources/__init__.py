"""URL list -> Shards, streaming; and, in a worker, Shard -> table -> Rows.

This page imports no pyarrow: a run starts its workers first, and they all import it at once.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from img2dataset.records import ParquetRange, Shard
from img2dataset.sources.config import InputFile, Source, SourceConfig

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "InputFile",
    "Source",
    "SourceConfig",
    "close_tables",
    "load_table",
    "open_source",
]

PARQUET_READER = "img2dataset.sources.parquet_ranges"


def open_source(
    url_list: Any, config: SourceConfig, leave_out: Callable[[str], bool] = lambda _: False
) -> Source:
    """Find the files of a list and check what can be checked before work.

    Files of folders and patterns for which `leave_out` is true are not part of the list.

    Raises:
        OptionError: a file, folder or column is missing or cannot be read, or there are no rows.
    """
    from img2dataset.sources.url_list import make_source  # noqa: PLC0415  (see above)

    return make_source(url_list, config, leave_out)


def load_table(shard: Shard, config: SourceConfig) -> pa.Table:
    """Return the normalised table of a shard; row ranges are read now.

    Raises:
        SourceError: the file can no longer be read.
    """
    if isinstance(shard.rows, ParquetRange):
        return cast("pa.Table", import_module(PARQUET_READER).load_range(shard.rows, config))
    return shard.rows


def close_tables() -> None:
    """Close what `load_table` keeps open for the next shard of a file."""
    import_module(PARQUET_READER).close_idle_reader()
