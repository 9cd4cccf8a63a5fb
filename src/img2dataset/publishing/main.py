"""A stored dataset -> its folder-wide files, written when its shards are done.

While a run may change shards, no folder-wide file says counts or offsets: `retract` comes before
the first shard that is changed, `publish` after the last one.  A run that is killed between the two
leaves none that is wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson

from img2dataset.dataset.index_kinds import read_index_kinds
from img2dataset.dataset.shard_lock import acquire_lock
from img2dataset.json_text import to_json
from img2dataset.publishing import card, croissant, mds_index, metadata_table
from img2dataset.publishing.contents import OptOutHandling, read_contents
from img2dataset.publishing.folder_file import FolderFile, PublishConfig
from img2dataset.publishing.index_files import INDEX_FILES
from img2dataset.storage.folder import HIDDEN, Folder
from img2dataset.tally import Tally
from img2dataset.version import VERSION

FOLDER_FILES: tuple[FolderFile, ...] = (
    *INDEX_FILES,
    metadata_table.FOLDER_FILE,
    mds_index.FOLDER_FILE,
    croissant.FOLDER_FILE,
    card.FOLDER_FILE,
)
"""The registry: every kind of folder-wide file, in the order of writing."""

PUBLISHED = f"{HIDDEN}/published"
"""Says of which shards, and with which options, the folder-wide files are; written last."""
PUBLISH_LOCK = f"{HIDDEN}/publishing"


@dataclass(frozen=True, slots=True)
class Published:
    """What writing the folder-wide files told."""

    notices: tuple[str, ...] = ()
    """For people."""
    tally: Tally | None = None
    """Rows of all shards in the folder; None if they were not counted."""


def publish(
    folder: Folder, config: PublishConfig, opt_outs: OptOutHandling | None = None
) -> Published:
    """Write all folder-wide files of a dataset whose shards do not change meanwhile.

    Call it with the lock of `hold_publish_lock`.

    Raises:
        OSError: the folder cannot be read or written.
        RunError: as OSError.
    """
    with folder.unguarded():
        contents = replace(read_contents(folder), opt_outs=opt_outs)
        config = add_index_kinds(config, folder)
    if not contents.shards:
        return Published(tally=contents.tally)
    notices: list[str] = []
    wanted = [each for each in FOLDER_FILES if each.is_wanted(contents, config)]
    for each in wanted:
        notices += each.write(folder, contents)
    names = [name for each in wanted for name in each.names]
    ids = [int(shard.name) for shard in contents.shards]
    folder.write(PUBLISHED, to_json({**describe_state(config, ids), "files": names}))
    folder.remove([folder.parts])
    return Published(tuple(notices), contents.tally)


def retract(folder: Folder) -> None:
    """Remove from the folder-wide files whatever a change of a shard makes wrong.

    Raises:
        OSError: the folder cannot be written.
    """
    with hold_publish_lock(folder):
        folder.remove([PUBLISHED])  # first: what is retracted in part is not current
        for each in find_present(folder.names()):
            each.retract(folder)


def may_be_published(folder: Folder, names: Collection[str]) -> bool:
    """False if there is nothing to retract; `names` were those in the folder a moment ago.

    What another process has published since is found by its lock, or by what it writes last.
    """
    return folder.exists(PUBLISH_LOCK) or folder.exists(PUBLISHED) or bool(find_present(names))


def find_present(names: Collection[str]) -> list[FolderFile]:
    """Find the kinds of files of which there may be some in a folder with these names."""
    there = set(names)
    return [each for each in FOLDER_FILES if there.intersection(map(first_part, each.names))]


def first_part(name: str) -> str:
    return name.partition("/")[0]


def is_published(
    folder: Folder, config: PublishConfig, names: Collection[str], done: Collection[int]
) -> bool:
    """True if the folder-wide files are those of just these shards, by this version.

    Args:
        folder: the output folder.
        config: what is asked for.
        names: those in the folder; those of shards may be left out.
        done: the ids of the shards that are done.
    """
    if not folder.exists(PUBLISHED):
        return False
    try:
        state = orjson.loads(folder.read(PUBLISHED))
        files = {first_part(str(name)) for name in state.pop("files")}
    except (ValueError, KeyError, AttributeError):
        return False
    config = add_index_kinds(config, folder)
    return files <= set(names) and to_json(state) == to_json(describe_state(config, done))


def add_index_kinds(config: PublishConfig, folder: Folder) -> PublishConfig:
    """Add the kinds of indexes that the dataset has, whichever options are given."""
    return replace(config, index_kinds=read_index_kinds(folder))


@contextmanager
def hold_publish_lock(folder: Folder) -> Iterator[None]:
    """Let only one process at a time publish or retract; others wait."""
    with acquire_lock(folder, PUBLISH_LOCK):
        yield


def describe_state(config: PublishConfig, shard_ids: Iterable[int]) -> dict[str, Any]:
    """Describe what the folder-wide files were made of."""
    ids = ",".join(map(str, sorted(shard_ids)))
    digest = hashlib.sha256(ids.encode()).hexdigest()
    return {"version": VERSION, "options": asdict(config), "shards": digest}
