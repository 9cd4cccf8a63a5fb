"""Broken shards, leftovers and wrong index files -> removed; indexes are made again."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from img2dataset.dataset import replace as journal
from img2dataset.dataset.index_kinds import find_index_kinds
from img2dataset.dataset.layout import Layout, StoredShard
from img2dataset.formats import find_format
from img2dataset.publishing.contents import Contents, read_contents
from img2dataset.publishing.index_check import find_wrong_files
from img2dataset.publishing.index_files import INDEX_FILES
from img2dataset.publishing.indexing import find_kinds_of_shards, write_indexes
from img2dataset.publishing.main import retract
from img2dataset.publishing.tars import list_tars
from img2dataset.storage.folder import Folder


def repair_dataset(
    folder: Folder, layout: Layout, broken: Collection[str], wrong_indexes: Sequence[str]
) -> None:
    """Remove what is broken, and make the indexes again.

    Args:
        folder: the output folder, whose run lock is held.
        layout: what is in it.
        broken: names of shards.
        wrong_indexes: texts about index files, which begin with their names.
    """
    if broken:
        retract(folder)
    remove_broken(folder, layout, broken)
    contents = read_contents(folder)
    if not any(find_format(shard.output_format).indexes for shard in layout.shards):
        return
    has_indexes = bool(wrong_indexes or find_index_kinds(folder))
    if has_indexes or find_wrong_files(folder, contents):
        make_indexes(folder, contents, wrong_indexes)


def remove_broken(folder: Folder, layout: Layout, names: Collection[str]) -> None:
    """Remove leftovers and broken shards, their stats first: from then on they are not done."""
    broken: list[StoredShard] = [shard for shard in layout.shards if shard.name in names]
    folder.remove(shard.stats for shard in broken)
    for shard in (*broken, *layout.unfinished):
        # first the indexes: they are not left without their tar
        folder.remove(
            [*sorted(shard.indexes), *sorted(shard.files - shard.indexes - {shard.stats})]
        )
    journal.roll_back(folder)
    folder.clear_parts()


def make_indexes(folder: Folder, contents: Contents, wrong: Sequence[str]) -> None:
    """Remove the wrong index files, and write all that are then missing."""
    kinds = {*find_index_kinds(folder), *find_kinds_of_shards(contents)}
    for each in INDEX_FILES:
        each.retract(folder)
    folder.remove(text.partition(" ")[0] for text in wrong)
    contents = read_contents(folder)
    if list_tars(contents):
        write_indexes(folder, contents, sorted(kinds), lambda _: None)
