"""The files of a dataset -> where they go in a repository, within the limits of the Hub.

The limits are those of https://huggingface.co/docs/hub/storage-limits: fewer than 100,000 files in
a repository, and fewer than 10,000 entries in a folder.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from img2dataset.errors import OptionError

MAX_FILES = 100_000
MAX_ENTRIES = 10_000
"""In a folder."""
SHARDS_DIGITS = 3
"""Digits of a shard's name that are left out of its folder's: a folder has 1,000 shards."""
CARD = "README.md"
PATTERN = re.compile(r'(?m)^(\s*(?:-\s*)?(?:path:\s*)?)"((?:\[0-9\]\*/)?\*\.\w+)"')
"""A pattern of files in the front matter of a card."""


@dataclass(frozen=True, slots=True)
class Placing:
    """Where the files go."""

    places: Mapping[str, str]
    """Path in the dataset -> path in the repository."""
    left_out: tuple[str, ...]
    """Files that name shards by places that they no longer have."""
    in_folders: bool
    """Whether the shards are in folders of 1,000."""


def place_files(paths: Collection[str], shards: Iterable[str]) -> Placing:
    """Place the files; if there are too many for a folder, the shards' in folders of 1,000.

    Args:
        paths: all files, relative to the dataset's folder.
        shards: the names of the shards.

    Raises:
        OptionError: the Hub does not take so many.
    """
    if len(paths) >= MAX_FILES:
        raise OptionError(
            f"push: there are {len(paths):,} files, and the Hub takes fewer than {MAX_FILES:,} in a "
            "repository: make fewer, larger shards (webdataset or parquet, number_sample_per_shard), "
            "or write to a bucket, --output_folder=hf://buckets/OWNER/NAME"
        )
    if find_crowded(paths) is None:
        return Placing({path: path for path in paths}, (), in_folders=False)
    names = frozenset(shards)
    places = {
        path: f"{name[:-SHARDS_DIGITS] or '0'}/{path}"
        for path in paths
        if (name := find_shard(path)) in names
    }
    left_out = tuple(sorted(path for path in paths if path not in places and path != CARD))
    if CARD in paths:
        places[CARD] = CARD
    crowded = find_crowded(places.values())
    if crowded is not None:
        raise OptionError(
            f"push: the folder {crowded} has {MAX_ENTRIES:,} files or more, and the Hub takes fewer: "
            "make a dataset of another output_format (webdataset, parquet), or of smaller shards"
        )
    return Placing(places, left_out, in_folders=True)


def find_shard(path: str) -> str:
    """Find the digits that the name of a shard's file begins with; empty if there are none."""
    found = re.match(r"\d*", path)
    return found[0] if found else ""


def find_crowded(paths: Iterable[str]) -> str | None:
    """Find a folder with more entries than the Hub takes."""
    entries = {
        (*path.split("/"),)[:depth] for path in paths for depth in range(1, path.count("/") + 2)
    }
    for folder, count in Counter(entry[:-1] for entry in entries).most_common(1):
        if count >= MAX_ENTRIES:
            return "/".join(folder) or "of the dataset"
    return None


def adapt_card(text: str) -> str:
    """Let the patterns of a card find shards in folders."""
    head, separator, rest = text.partition("\n---\n")
    return PATTERN.sub(r'\1"*/\2"', head) + separator + rest
