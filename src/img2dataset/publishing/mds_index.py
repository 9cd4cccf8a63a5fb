"""The indexes of MDS shards -> index.json of the dataset, with which MosaicML Streaming begins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from img2dataset.publishing.contents import Contents
from img2dataset.publishing.folder_file import FolderFile, PublishConfig
from img2dataset.storage.folder import Folder
from img2dataset.storage.reading import open_stored, read_many
from img2dataset.text import plural

INDEX = "index.json"
INDEXES_READ = 1000
"""Indexes of shards that are read at the same time from a store."""
BEGINNING = re.compile(
    rb'\{("version": 2, )?"shards": \[(\{"column_encodings"|\], "version": 2\}|\]\})'
)
"""How an index of MDS begins, ours or one that was merged by MosaicML Streaming."""
BEGINNING_BYTES = 64


def is_mds(contents: Contents, config: PublishConfig) -> bool:
    del config  # without it nothing of the dataset can be read
    return contents.output_format == "mds"


def write_index(folder: Folder, contents: Contents) -> list[str]:
    """Merge the indexes of the shards into that of the dataset, unless another file has its name."""
    from img2dataset.formats.mds_index import merge_shard_indexes  # noqa: PLC0415  (for one format)

    if folder.exists(INDEX) and not is_index(folder):
        return [
            f"{folder.path(INDEX)} is no index of MDS files: it is left as it is, and none is made"
        ]
    found = dict(read_indexes(folder, contents))
    folder.write(INDEX, merge_shard_indexes(found.items()))
    missing = [shard.name for shard in contents.shards if shard.name not in found]
    if not missing:
        return []
    lacks = (
        f"{plural(len(missing), 'shard')} without an index of MDS files, among them {missing[0]}"
    )
    return [f"{INDEX} lacks {lacks}: img2dataset verify {folder.url}  says more"]


def read_indexes(folder: Folder, contents: Contents) -> Iterator[tuple[str, bytes]]:
    """Yield name and index of each shard that has one."""
    names = [shard.name for shard in contents.shards]
    for start in range(0, len(names), INDEXES_READ):
        some = names[start : start + INDEXES_READ]
        read = read_many(folder, [f"{name}/{INDEX}" for name in some])
        yield from ((name, read[f"{name}/{INDEX}"]) for name in some if f"{name}/{INDEX}" in read)


def remove_index(folder: Folder) -> None:
    """Remove the index of the dataset; another file of its name stays."""
    if folder.exists(INDEX) and is_index(folder):
        folder.remove([INDEX])


def is_index(folder: Folder) -> bool:
    def read_beginning() -> Any:
        with open_stored(folder, INDEX) as file:
            return file.read(BEGINNING_BYTES)

    return BEGINNING.match(folder.do(read_beginning)) is not None


FOLDER_FILE = FolderFile(is_wanted=is_mds, write=write_index, retract=remove_index, names=(INDEX,))
