"""Tars and their counts -> sizes.json, by which open_clip knows how long an epoch is."""

from __future__ import annotations

from img2dataset.json_text import to_json
from img2dataset.publishing.contents import Contents
from img2dataset.publishing.folder_file import FolderFile, PublishConfig, remove_names
from img2dataset.publishing.tars import list_tars, tar_name
from img2dataset.storage.folder import Folder

SIZES = "sizes.json"


def is_wanted(contents: Contents, config: PublishConfig) -> bool:
    del config
    return bool(list_tars(contents))


def make_sizes(contents: Contents) -> bytes:
    """Make a JSON object: the name of each tar, also of an empty one -> how many samples it has."""
    return to_json({tar_name(shard): shard.successes for shard in list_tars(contents)})


def write(folder: Folder, contents: Contents) -> list[str]:
    folder.write(SIZES, make_sizes(contents))
    return []


FILE = FolderFile(names=(SIZES,), is_wanted=is_wanted, write=write, retract=remove_names(SIZES))
