"""URL list -> Shards, streaming; and, in a worker, Shard -> table -> Rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from os import PathLike
from typing import Any, cast
from urllib.parse import urlsplit

import pyarrow as pa

from img2dataset.errors import OptionError
from img2dataset.records import URL, ParquetRange, Shard
from img2dataset.sources.config import InputFile, Source, SourceConfig
from img2dataset.sources.find import find_files
from img2dataset.sources.parquet import load_range
from img2dataset.sources.rows import rows_of
from img2dataset.sources.tables import TableSource, table_of_frame, table_of_urls
from img2dataset.sources.text import refuse_columns

__all__ = [
    "FORMATS",
    "InputFile",
    "Source",
    "SourceConfig",
    "load_table",
    "open_source",
    "rows_of",
]

FORMATS = {
    "txt": "img2dataset.sources.text",
    "csv": "img2dataset.sources.delimited",
    "tsv": "img2dataset.sources.delimited",
    "json": "img2dataset.sources.json_lists",
    "jsonl": "img2dataset.sources.json_lines",
    "parquet": "img2dataset.sources.parquet",
}
"""Content of a file -> module with `open_files(files, config)`; each but parquet also as .gz."""


def open_source(url_list: Any, config: SourceConfig) -> Source:
    """Find the files of a list and check what can be checked before work.

    Raises:
        OptionError: a file, folder or column is missing or cannot be read, or there are no rows.
    """
    table = table_in_python(url_list, config)
    if table is not None:
        return TableSource(f"<{type(url_list).__name__}>", table, config)
    if isinstance(url_list, str | PathLike):
        return open_locations([url_list], config)
    if isinstance(url_list, bytes) or not isinstance(url_list, Iterable):
        raise OptionError(
            f"url_list is of the type {type(url_list).__name__}: it must be a path or URL of a file or "
            "folder, several of them, a list of image URLs, a pyarrow Table or a pandas DataFrame"
        )
    items = list(items_of(url_list))
    if config.input_format == "txt" and are_image_urls(items):
        refuse_columns(config)
        return TableSource("<list>", table_of_urls(items), replace(config, url_col=URL))
    return open_locations(items, config)


def table_in_python(url_list: Any, config: SourceConfig) -> pa.Table | None:
    """The table that `url_list` is or holds; None if it is something else."""
    if isinstance(url_list, pa.Table):
        return url_list
    if isinstance(url_list, pa.RecordBatch):
        return pa.Table.from_batches([url_list])
    kind = type(url_list)
    if kind.__module__.partition(".")[0] == "pandas" and kind.__name__ == "DataFrame":
        return table_of_frame(url_list, config)
    return None


def items_of(url_list: Iterable[Any]) -> Iterable[Any]:
    if isinstance(url_list, pa.Array | pa.ChunkedArray):
        return cast("Iterable[Any]", url_list.to_pylist())
    return url_list


def are_image_urls(items: list[Any]) -> bool:
    """Whether these are URLs of images, not places of lists: one of them clearly is.

    Any one, not the first: a list of images may well begin with a bad row.
    """
    return any(isinstance(item, str) and is_image_url(item.strip()) for item in items)


def is_image_url(text: str) -> bool:
    web = text.lower().startswith(("http://", "https://"))
    return web and not urlsplit_path(text).endswith((".txt", ".txt.gz"))


def urlsplit_path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:  # not a URL after all
        return ""


def open_locations(locations: list[Any], config: SourceConfig) -> Source:
    """A list in files."""
    if not locations:
        raise OptionError("url_list is empty: there is nothing to download")
    for location in locations:
        if not isinstance(location, str | PathLike):
            raise OptionError(f"url_list holds {location!r:.100}, which is no path or URL")
    files = find_files(locations, config)
    module = import_module(FORMATS[config.base_format])
    return cast("Source", module.open_files(files, config))


def load_table(shard: Shard, config: SourceConfig) -> pa.Table:
    """The normalised table of a shard; row ranges are read now.

    Raises:
        SourceError: the file cannot be read any more.
    """
    if isinstance(shard.rows, ParquetRange):
        return load_range(shard.rows, config)
    return shard.rows
