"""The kinds of indexes that a dataset has: recorded in its hidden folder, so that every later run
and `img2dataset index` keep them current, and `verify` misses those that are lost."""

from __future__ import annotations

import json
from collections.abc import Collection

from img2dataset.options.choices import IndexKind
from img2dataset.storage.folder import HIDDEN, Folder

RECORD = f"{HIDDEN}/indexes"
"""A JSON list; without that suffix, as the identity."""
FOLDER_WIDE = {IndexKind.ENERGON: ".nv-meta/.info.json", IndexKind.WIDS: "wids.json"}
"""Kinds of which there is a file for the whole dataset, which other programs write, too."""


def read_index_kinds(folder: Folder) -> tuple[str, ...]:
    """Read the kinds of indexes that the dataset has; unknown ones are left out."""
    try:
        found = json.loads(folder.read(RECORD))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return ()
    return tuple(kind for kind in IndexKind.names() if isinstance(found, list) and kind in found)


def find_index_kinds(folder: Folder) -> tuple[str, ...]:
    """Return the kinds of indexes that are recorded, and those of which another program made some."""
    recorded = read_index_kinds(folder)
    found = {kind.value for kind, name in FOLDER_WIDE.items() if folder.exists(name)}
    return tuple(kind for kind in IndexKind.names() if kind in recorded or kind in found)


def record_index_kinds(folder: Folder, kinds: Collection[str]) -> None:
    """Record the kinds of indexes that the dataset has from now on."""
    if set(kinds) == set(read_index_kinds(folder)):
        return
    if kinds:
        folder.write(RECORD, json.dumps(sorted(kinds)).encode())
    else:
        folder.remove([RECORD])
