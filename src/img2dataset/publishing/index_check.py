"""The index files of a whole folder, compared with what is stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from img2dataset.dataset.index_kinds import read_index_kinds
from img2dataset.formats.tar_indexes import is_end_of_tar
from img2dataset.publishing import energon, sizes, wids
from img2dataset.publishing.contents import Contents
from img2dataset.publishing.folder_file import PublishConfig
from img2dataset.publishing.main import PUBLISHED
from img2dataset.publishing.marked_file import is_ours, mark
from img2dataset.publishing.tars import tar_bytes, tar_name
from img2dataset.storage.folder import Folder

STALE = "does not say what is stored"


def find_wrong_files(folder: Folder, contents: Contents) -> list[str]:
    """Find what is wrong with the index files of the whole folder, one text each.

    A file may be missing where no run has ended; each that is there has to be right.

    Raises:
        OSError: the folder cannot be read.
    """
    return list(_find_wrong(folder, contents))


def _find_wrong(folder: Folder, contents: Contents) -> Iterator[str]:
    config = PublishConfig(index_kinds=read_index_kinds(folder))
    is_published = folder.exists(PUBLISHED)
    for name, is_wanted, is_right in CHECKS:
        data = read_if_there(folder, name)
        if data is not None:
            if not is_right(data, contents):
                yield f"{name} {STALE}"
        elif is_published and is_wanted(contents, config):
            yield f"{name} is missing"
    split = read_if_there(folder, energon.SPLIT)
    if split not in (None, mark(energon.make_split(contents))) and is_ours(folder, energon.SPLIT):
        yield f"{energon.SPLIT} {STALE}"
    if folder.exists(energon.DATABASE) and not has_right_database(folder, contents):
        yield f"{energon.DATABASE} {STALE}"


def read_if_there(folder: Folder, name: str) -> bytes | None:
    try:
        return folder.read(name)
    except (FileNotFoundError, NotADirectoryError):
        return None


def parse(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None


def is_right_info(data: bytes, contents: Contents) -> bool:
    """Compare the counts only: other versions of Energon write more."""
    found = parse(data)
    expected = orjson.loads(energon.make_info(contents))["shard_counts"]
    return isinstance(found, dict) and found.get("shard_counts") == expected


CHECKS: tuple[
    tuple[str, Callable[[Contents, PublishConfig], bool], Callable[[bytes, Contents], bool]], ...
] = (
    (
        sizes.SIZES,
        sizes.is_wanted,
        lambda data, contents: parse(data) == orjson.loads(sizes.make_sizes(contents)),
    ),
    (
        wids.WIDS,
        wids.is_wanted,
        lambda data, contents: wids.find_counts(parse(data)) == wids.count_samples(contents),
    ),
    (energon.INFO, energon.is_wanted, is_right_info),
)
"""Name of a file, whether it should be there, whether its content is right."""


def has_right_database(folder: Folder, contents: Contents) -> bool:
    """Whether the database numbers the tars as .info.json does, with their counts and ends."""
    order = (parse(read_if_there(folder, energon.INFO) or b"") or {}).get("shard_counts", {})
    tars = {tar_name(shard): shard for shard in energon.list_filled(contents)}
    found = read_database(folder)
    if found is None or len(found) != len(order) or set(order) != set(tars):
        return False
    return all(
        count == tars[name].successes and is_end_of_tar(end, tar_bytes(tars[name]))
        for name, (_, count, end) in zip(order, found, strict=True)
    )


def read_database(folder: Folder) -> list[tuple[int, int, int]] | None:
    """Read the number, the samples and the end of each tar; None if it is no such database."""
    with TemporaryDirectory(prefix="img2dataset-") as temporary:
        path = Path(folder.path(energon.DATABASE))
        if not folder.local:
            path = Path(temporary) / "index.sqlite"
            path.write_bytes(folder.read(energon.DATABASE))
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
                rows = db.execute(
                    "SELECT tar_file_id, COUNT(*), MAX(byte_offset + byte_size) FROM samples "
                    "GROUP BY tar_file_id ORDER BY tar_file_id"
                )
                return list(rows)
        except sqlite3.Error:
            return None
