"""Tars and their counts -> sizes.json, by which open_clip knows how long an epoch is."""

from __future__ import annotations

from typing import Any

from img2dataset.json_text import to_json
from img2dataset.publishing.contents import Contents
from img2dataset.publishing.folder_file import (
    FolderFile,
    PublishConfig,
    describe_foreign,
    may_replace,
)
from img2dataset.publishing.tars import list_tars, tar_name
from img2dataset.storage.folder import Folder

SIZES = "sizes.json"


def is_wanted(contents: Contents, config: PublishConfig) -> bool:
    del config
    return bool(list_tars(contents))


def make_sizes(contents: Contents) -> bytes:
    """Make a JSON object: the name of each tar, also of an empty one -> how many samples it has."""
    return to_json({tar_name(shard): shard.successes for shard in list_tars(contents)})


def is_sizes(document: Any) -> bool:
    """Whether a JSON document says how many samples tars have, whoever wrote it."""
    return isinstance(document, dict) and all(
        name.endswith(".tar") and isinstance(count, int) for name, count in document.items()
    )


def write(folder: Folder, contents: Contents) -> list[str]:
    if not may_replace(folder, SIZES, is_sizes):
        return [describe_foreign(folder, SIZES)]
    folder.write(SIZES, make_sizes(contents))
    return []


def retract(folder: Folder) -> None:
    if may_replace(folder, SIZES, is_sizes):
        folder.remove([SIZES])


FILE = FolderFile(names=(SIZES,), is_wanted=is_wanted, write=write, retract=retract)
