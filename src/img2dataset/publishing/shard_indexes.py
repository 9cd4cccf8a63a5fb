"""Stored shards of webdataset -> their index files: those that are missing, or not of their tars."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from img2dataset.errors import DamagedError
from img2dataset.formats import ShardFiles
from img2dataset.formats.tar_indexes import (
    SUFFIXES,
    TarContents,
    build_indexes,
    fits_tar,
    has_index,
)
from img2dataset.formats.tar_scan import scan_shard
from img2dataset.options.choices import IndexKind
from img2dataset.publishing.contents import PublishedShard
from img2dataset.publishing.tars import tar_bytes
from img2dataset.storage.folder import Folder

MAX_THREADS = 8
SHARDS_PER_THREAD = 2
"""Shards that are being read, or wait for those before them, for each thread."""


@dataclass(frozen=True, slots=True)
class IndexedShard:
    """What became of the index files of a shard."""

    name: str
    written: tuple[str, ...] = ()
    """Names of files that were written."""
    contents: TarContents | None = None
    """What is in the tar, if it was read."""
    problem: str | None = None
    """Why it cannot be indexed."""


def index_shards(
    folder: Folder, shards: Sequence[PublishedShard], kinds: Collection[str], *, read_all: bool
) -> Iterator[IndexedShard]:
    """Write what is missing, of several shards at the same time; yield the shards in their order.

    Args:
        folder: the output folder, in which no run changes anything meanwhile.
        shards: those that are done.
        kinds: see IndexKind.
        read_all: read every tar, also those whose index files are right.
    """
    threads = min(MAX_THREADS, os.cpu_count() or 1) if folder.local else MAX_THREADS
    waiting: deque[Future[IndexedShard]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for shard in shards:
            waiting.append(pool.submit(index_shard, folder, shard, kinds, read_all=read_all))
            if len(waiting) >= SHARDS_PER_THREAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def index_shard(
    folder: Folder, shard: PublishedShard, kinds: Collection[str], *, read_all: bool
) -> IndexedShard:
    """Write the index files of a shard that are missing or not of its tar."""
    wrong = [kind for kind in SUFFIXES if kind in kinds and not is_right(folder, shard, kind)]
    if not wrong and not read_all:
        return IndexedShard(shard.name)
    # first, so that no wrong one is left whatever happens
    folder.remove(shard.name + SUFFIXES[kind] for kind in wrong)
    try:
        contents = scan_shard(
            ShardFiles(folder, shard.name), with_sizes=IndexKind.WEBSHART in wrong
        )
    except DamagedError as error:
        return give_up(folder, shard, kinds, str(error))
    found = sum(1 for _ in contents.samples())
    if found != shard.successes:
        problem = f"tar: {found} samples, the stats say {shard.successes}"
        return give_up(folder, shard, kinds, problem)
    built = build_indexes(contents, wrong)
    for suffix, data in built.items():
        folder.write(shard.name + suffix, data)
    return IndexedShard(shard.name, tuple(shard.name + suffix for suffix in built), contents)


def give_up(
    folder: Folder, shard: PublishedShard, kinds: Collection[str], problem: str
) -> IndexedShard:
    """Leave a damaged tar without indexes, also those that seemed right."""
    folder.remove(shard.name + SUFFIXES[kind] for kind in SUFFIXES if kind in kinds)
    return IndexedShard(shard.name, problem=problem)


def is_right(folder: Folder, shard: PublishedShard, kind: str) -> bool:
    """Whether an index file is there and has the count and the bytes of its tar; or is not there,
    where there should be none."""
    name = shard.name + SUFFIXES[kind]
    is_there = name in shard.sizes
    if not has_index(kind, shard.successes):
        return not is_there
    return is_there and fits_tar(kind, folder.read(name), shard.successes, tar_bytes(shard))
