"""The name of a stored shard -> some small images of it: a process for the page of a run.

It belongs to the page of a run that goes on (`reports/dashboard/strip.py`), which starts it by name.
Names come on standard input, a line each; when that ends, the run is over, and this process exits.
"""

from __future__ import annotations

import os
import pickle
import sys
from contextlib import suppress

from img2dataset.dataset.identity import load_sections
from img2dataset.dataset.layout import StoredShard, make_shard
from img2dataset.dataset.stats import STATS_SUFFIX
from img2dataset.errors import DamagedError
from img2dataset.formats import list_suffixes
from img2dataset.insight.page_images import MAX_CAPTION
from img2dataset.insight.pictures import make_thumbnail, read_pictures, set_up_thumbnails
from img2dataset.pages.svg import shorten
from img2dataset.pages.texts import MAX_URL
from img2dataset.process.spawn import open_pipes_to_parent
from img2dataset.process.startup import start_minimal
from img2dataset.storage.folder import Folder

IMAGES = 12
"""Of a shard: its first successes, since most formats are read from their beginning."""
NICENESS = 10
"""The workers go first."""

Shown = tuple[str, str, str, bytes]
"""Key, URL, caption and a small JPEG."""


def main() -> None:
    names, replies = open_pipes_to_parent()
    start_minimal()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    set_up_thumbnails()
    folder = Folder(sys.argv[3])
    for line in names:
        shown: list[Shown] = []
        # the shard may be replaced at this moment; the next one is tried then
        with suppress(DamagedError, OSError):
            shown = show_shard(folder, line.decode().strip())
        pickle.dump(shown, replies, protocol=5)
        replies.flush()


def show_shard(folder: Folder, name: str) -> list[Shown]:
    """Make small images of the first successes of a shard; none of a store, which costs requests."""
    if not folder.local:
        return []
    shard = find_shard(folder, name)
    shown = []
    for picture in read_pictures(folder, [shard], {name: range(IMAGES)}, problems=[]):
        small = make_thumbnail(picture.data)
        if small is not None:
            caption = shorten((picture.caption or "").strip(), MAX_CAPTION)
            shown.append((picture.key, shorten(picture.url, MAX_URL), caption, small))
    return shown


def find_shard(folder: Folder, name: str) -> StoredShard:
    """Find a shard by its name, without listing the folder."""
    files = (name + suffix for suffix in (STATS_SUFFIX, *list_suffixes()))
    return make_shard(
        name, {each for each in files if folder.exists(each)}, load_sections(folder), "files"
    )
