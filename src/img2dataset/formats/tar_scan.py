"""A stored shard of webdataset -> what is in its tar."""

from __future__ import annotations

from collections.abc import Collection
from os import SEEK_END

import pyarrow.parquet as pq

from img2dataset.errors import DamagedError, Status
from img2dataset.formats.format import TABLE, ShardFiles
from img2dataset.formats.tar_indexes import Sizes, TarContents, build_indexes
from img2dataset.formats.tar_reading import scan_places
from img2dataset.formats.webdataset import TAR
from img2dataset.options.choices import IndexKind
from img2dataset.storage.checked_file import CheckedFile, open_checked


def scan_shard(files: ShardFiles, *, with_sizes: bool) -> TarContents:
    """Read the headers of the tar, and, with `with_sizes`, the sizes of images from the table.

    Of a local tar nothing but its headers is read; a remote one is read once.

    Raises:
        DamagedError: the tar, or the table, is not whole.
        RunError: it cannot be read.
    """
    sizes: Sizes = {}
    if with_sizes:
        with open_checked(files.folder, files.path(TABLE)) as file:
            sizes = read_sizes(file)
    with open_checked(files.folder, files.path(TAR)) as file:
        places = tuple(scan_places(file))
        return TarContents(files.name + TAR, places, file.seek(0, SEEK_END), sizes)


def build_stored(files: ShardFiles, kinds: Collection[str]) -> dict[str, bytes]:
    """Build the index files of a stored shard: suffix -> content.

    Raises:
        DamagedError, RunError: as `scan_shard`.
    """
    contents = scan_shard(files, with_sizes=IndexKind.WEBSHART in kinds)
    return build_indexes(contents, kinds)


SIZE_COLUMNS = ["key", "status", "width", "height"]


def read_sizes(table: CheckedFile) -> Sizes:
    """Read the sizes of images from the metadata table; images that were not decoded have none."""
    columns = pq.ParquetFile(table).read(columns=SIZE_COLUMNS, use_threads=False)
    if set(SIZE_COLUMNS) - set(columns.column_names):
        raise DamagedError("parquet: no column key, status, width or height")
    rows = zip(*(columns[name].to_pylist() for name in SIZE_COLUMNS), strict=True)
    return {
        key: (width, height)
        for key, status, width, height in rows
        if status == Status.SUCCESS.value and width and height
    }
