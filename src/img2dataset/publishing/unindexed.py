"""Shards that lack index files which the dataset has for others -> a notice."""

from __future__ import annotations

from img2dataset.dataset.index_kinds import read_index_kinds
from img2dataset.dataset.touched import format_ranges
from img2dataset.formats.tar_indexes import SUFFIXES, has_index
from img2dataset.publishing.contents import Contents, PublishedShard
from img2dataset.publishing.folder_file import FolderFile, PublishConfig
from img2dataset.publishing.tars import list_tars
from img2dataset.storage.folder import Folder
from img2dataset.text import plural


def is_wanted(contents: Contents, config: PublishConfig) -> bool:
    return bool(list_tars(contents)) and bool(SUFFIXES.keys() & config.index_kinds)


def find_missing(shard: PublishedShard, kinds: tuple[str, ...]) -> list[str]:
    """Find the kinds of which a shard has no index file, and could have one."""
    return [
        kind
        for kind, suffix in SUFFIXES.items()
        if kind in kinds
        and has_index(kind, shard.successes)
        and shard.name + suffix not in shard.sizes
    ]


def write(folder: Folder, contents: Contents) -> list[str]:
    """Write nothing; say which shards were made before the indexes were asked for."""
    kinds = read_index_kinds(folder)
    missing = {shard.name: find_missing(shard, kinds) for shard in list_tars(contents)}
    names = [name for name, lacking in missing.items() if lacking]
    if not names:
        return []
    lacking = sorted({kind for name in names for kind in missing[name]})
    shown = format_ranges([int(name) for name in names], {int(n): n for n in names}.__getitem__)
    which = f"{plural(len(names), 'shard')} ({shown}) {'has' if len(names) == 1 else 'have'}"
    advice = f"img2dataset index {folder.url}  makes them"
    return [f"{which} no index files for {', '.join(lacking)}: {advice}"]


def retract(folder: Folder) -> None:
    del folder  # there is no file


FILE = FolderFile(is_wanted=is_wanted, write=write, retract=retract)
