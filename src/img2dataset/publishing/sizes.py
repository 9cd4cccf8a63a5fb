"""Tars and their counts -> sizes.json, by which open_clip knows how long an epoch is."""

from __future__ import annotations

from img2dataset.json_text import to_json
from img2dataset.output_format import OutputFormat
from img2dataset.publishing.contents import Contents
from img2dataset.publishing.folder_file import FolderFile, PublishConfig, remove_names
from img2dataset.storage.folder import Folder

SIZES = "sizes.json"


def is_wanted(contents: Contents, config: PublishConfig) -> bool:
    del config
    return contents.output_format == OutputFormat.WEBDATASET


def make_sizes(contents: Contents) -> bytes:
    """Make a JSON object: the name of each tar, also of an empty one -> how many samples it has."""
    return to_json({f"{shard.name}.tar": shard.successes for shard in contents.shards})


def write(folder: Folder, contents: Contents) -> list[str]:
    folder.write(SIZES, make_sizes(contents))
    return []


FILE = FolderFile(is_wanted=is_wanted, write=write, retract=remove_names(SIZES))
