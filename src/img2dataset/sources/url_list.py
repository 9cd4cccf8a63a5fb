"""url_list, of any kind -> Source: files of any format, or a table, frame or list in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike
from typing import Any, cast
from urllib.parse import urlsplit

import pyarrow as pa

from img2dataset.errors import OptionError
from img2dataset.records import URL
from img2dataset.sources.columns import check_paths
from img2dataset.sources.compression import Compression
from img2dataset.sources.config import Source, SourceConfig
from img2dataset.sources.limited import FirstRows
from img2dataset.sources.locate import LeaveOut, locate_files
from img2dataset.sources.registry import import_format
from img2dataset.sources.text import refuse_columns
from img2dataset.storage.schemes import scheme_of

IMAGES = (
    ".jpg",
    ".jpeg",
    ".png",
    ".gif",
    ".webp",
    ".bmp",
    ".tif",
    ".tiff",
    ".avif",
    ".heic",
    ".jxl",
)
"""Endings of image files, in lower case."""

LISTS = (".txt", *(f".txt.{kind.value}" for kind in Compression))
"""Endings of lists of URLs."""


def make_source(url_list: Any, config: SourceConfig, leave_out: LeaveOut) -> Source:
    """See `img2dataset.sources.open_source`."""
    whole = make_whole_source(url_list, config, leave_out)
    return whole if config.limit is None else FirstRows(whole, config.limit)


def make_whole_source(url_list: Any, config: SourceConfig, leave_out: LeaveOut) -> Source:
    """Make the source of a list, whatever its limit is."""
    is_txt = config.input_format == "txt"
    if is_txt and isinstance(url_list, str) and names_image(url_list, config.url_schemes):
        source = make_memory_source([url_list], config, leave_out)
        source.notices = (
            *source.notices,
            "url_list is the URL of an image: it is taken as a list of this one",
        )
        return source
    if isinstance(url_list, str | PathLike):
        return open_locations([url_list], config, leave_out)
    return make_memory_source(url_list, config, leave_out)


def make_memory_source(url_list: Any, config: SourceConfig, leave_out: LeaveOut) -> Source:
    """Make a source of a list that a Python program passed in."""
    from img2dataset.sources import tables  # noqa: PLC0415  (not for the command line)

    name = f"<{type(url_list).__name__}>"
    if is_frame(url_list):
        return tables.make_frame_source(name, url_list, config)
    if isinstance(url_list, pa.RecordBatch):
        return tables.TableSource(name, pa.Table.from_batches([url_list]), config)
    if isinstance(url_list, pa.Table):
        return tables.TableSource(name, url_list, config)
    if isinstance(url_list, bytes) or not isinstance(url_list, Iterable):
        raise OptionError(
            f"url_list is of the type {type(url_list).__name__}: it must be a path or URL of a file or "
            "folder, several of them, a list of image URLs, a pyarrow Table or a pandas DataFrame"
        )
    items = list(convert_items(url_list))
    if config.input_format == "txt" and are_image_urls(items, config.url_schemes):
        refuse_columns(config)
        table = tables.make_url_table(items)
        return tables.TableSource("<list>", table, replace(config, url_col=URL))
    return open_locations(items, config, leave_out)


def is_frame(url_list: Any) -> bool:
    """True if this is a pandas DataFrame; pandas is not imported for that."""
    kind = type(url_list)
    return kind.__module__.partition(".")[0] == "pandas" and kind.__name__ == "DataFrame"


def convert_items(url_list: Iterable[Any]) -> Iterable[Any]:
    if isinstance(url_list, pa.Array | pa.ChunkedArray):
        return cast("Iterable[Any]", url_list.to_pylist())
    return url_list


def are_image_urls(items: list[Any], schemes: Sequence[str]) -> bool:
    """True if one of these clearly is the URL of an image, not the location of a list.

    Any one, not the first: a list of images may begin with a bad row.
    """
    return any(isinstance(item, str) and is_image_url(item.strip(), schemes) for item in items)


def is_image_url(text: str, schemes: Sequence[str]) -> bool:
    """True if this is the URL of an image; one that is not on http needs the ending of one, since
    lists are in stores too."""
    if text.lower().startswith(("http://", "https://")):
        return not get_path(text).endswith(LISTS)
    allowed = scheme_of(text).lower() in schemes
    return allowed and text.lower().endswith(IMAGES)


def names_image(text: str, schemes: Sequence[str]) -> bool:
    """True if this is the URL of an image by its ending, which no list has."""
    text = text.strip()
    is_one = not any(f",{scheme}:" in text for scheme in schemes)
    return is_one and is_image_url(text, schemes) and get_path(text).lower().endswith(IMAGES)


def get_path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:  # not a URL after all
        return ""


def open_locations(locations: list[Any], config: SourceConfig, leave_out: LeaveOut) -> Source:
    """Open a list in files."""
    if not locations:
        raise OptionError("url_list is empty: there is nothing to download")
    for location in locations:
        if not isinstance(location, str | PathLike):
            raise OptionError(f"url_list holds {location!r:.100}, which is no path or URL")
    check_paths(config)
    module = import_format(config.base_format)
    if config.base_format == "folder":
        return cast("Source", module.open_files(module.find_folders(locations), config))
    look_at = getattr(module, "inspect_file", None)
    files, notices = locate_files(
        locations,
        config,
        partial(look_at, config=config) if look_at else lambda *_: None,
        leave_out,
    )
    source = cast("Source", module.open_files(files, config))
    if config.base_format != "txt":
        from img2dataset.sources.first_rows import check_first_rows  # noqa: PLC0415  (not for txt)

        notices = (*notices, *check_first_rows(cast("Any", source), config))
    source.notices = (*notices, *source.notices)
    return source
