"""Tars, their counts and sizes -> wids.json, the list of shards of the library wids (version 1)."""

from __future__ import annotations

from typing import Any

from img2dataset.json_text import to_json
from img2dataset.options.choices import IndexKind
from img2dataset.publishing.contents import Contents
from img2dataset.publishing.folder_file import (
    FolderFile,
    PublishConfig,
    describe_foreign,
    may_replace,
)
from img2dataset.publishing.tars import list_tars, tar_bytes, tar_name
from img2dataset.storage.folder import Folder

WIDS = "wids.json"


def is_wanted(contents: Contents, config: PublishConfig) -> bool:
    return IndexKind.WIDS in config.index_kinds and bool(list_tars(contents))


def make_wids(contents: Contents) -> bytes:
    """Make the JSON: names are relative to its own folder; an empty tar has no sample to find."""
    shards = [
        {
            "url": tar_name(shard),
            "nsamples": shard.successes,
            "filesize": tar_bytes(shard),
        }
        for shard in list_tars(contents)
        if shard.successes
    ]
    return to_json({"__kind__": "wids-shard-index-v1", "wids_version": 1, "shardlist": shards})


def count_samples(contents: Contents) -> dict[str, int]:
    """Return the name of each tar that has samples -> how many."""
    return {tar_name(shard): shard.successes for shard in list_tars(contents) if shard.successes}


def find_counts(document: Any) -> dict[str, int] | None:
    """Return the same of a list of shards, as far as its tars are in its own folder; None if it is
    no such list."""
    try:
        return {
            str(each["url"]): int(each["nsamples"])
            for each in document["shardlist"]
            if each["nsamples"]
        }
    except (KeyError, TypeError, ValueError):
        return None


def is_wids(document: Any) -> bool:
    return find_counts(document) is not None


def write(folder: Folder, contents: Contents) -> list[str]:
    if not may_replace(folder, WIDS, is_wids):
        return [describe_foreign(folder, WIDS)]
    folder.write(WIDS, make_wids(contents))
    return []


def retract(folder: Folder) -> None:
    if may_replace(folder, WIDS, is_wids):
        folder.remove([WIDS])


FILE = FolderFile(names=(WIDS,), is_wanted=is_wanted, write=write, retract=retract)
