"""The names in an output folder -> its shards, what is not done, and what is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from img2dataset import journal
from img2dataset.shards import Part, load_parts
from img2dataset.storage import PARTS, Folder
from img2dataset.writers import stored_names
from img2dataset.writers.stats import stats_name

SHARD_FILE = re.compile(r"(\d+)(_stats\.json|\.tar|\.tfrecord|\.parquet)?")
MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class StoredShard:
    """A shard in a folder."""

    id: int
    name: str
    files: frozenset[str]
    """Names in the output folder that are this shard's."""
    output_format: str
    options: Mapping[str, Any]
    """Options that it was made with, as far as they were recorded."""

    @property
    def stats(self) -> str:
        return stats_name(self.name)


@dataclass(frozen=True, slots=True)
class Layout:
    """What is in an output folder."""

    shards: tuple[StoredShard, ...]
    """Those that are done, in order."""
    unfinished: tuple[StoredShard, ...]
    """Those of which something is there, but no stats file."""
    replacing: tuple[str, ...]
    """Those that were being replaced when a run was interrupted."""
    parts: int
    """Files that were being written."""

    def leftovers(self) -> list[str]:
        lines = [
            f"{shard.name}: not done: there is {', '.join(sorted(shard.files))} without "
            f"{shard.stats}; the same command makes it anew"
            for shard in self.unfinished
        ]
        lines += [
            f"{name}: it was being replaced; any run, or --repair, finishes that"
            for name in self.replacing
        ]
        if self.parts:
            lines.append(
                f"{PARTS}: {self.parts} files of an interrupted run; the next run removes them"
            )
        return lines

    def gaps(self) -> tuple[tuple[int, int], ...]:
        """Ranges of ids of which nothing is there, although there is of later ones."""
        ids = sorted({shard.id for shard in (*self.shards, *self.unfinished)})
        before = [-1, *ids[:-1]]
        return tuple(
            (low + 1, high - 1) for low, high in zip(before, ids, strict=True) if high - low > 1
        )

    def gaps_line(self, gaps: Sequence[tuple[int, int]]) -> str:
        digits = min(len(shard.name) for shard in (*self.shards, *self.unfinished))
        texts = [
            f"{first:0{digits}d}" if first == last else f"{first:0{digits}d} to {last:0{digits}d}"
            for first, last in gaps[:MOST_NAMED]
        ]
        more = f" and {len(gaps) - MOST_NAMED} more gaps" if len(gaps) > MOST_NAMED else ""
        return (
            f"missing: {', '.join(texts)}{more}: never made, or lost; the same command makes them "
            "(--allow_gaps if the rest is elsewhere)"
        )


def layout_of(folder: Folder) -> Layout:
    parts = load_parts(folder)
    inputs = {source["url"] for part in parts for source in part.identity.inputs}
    names = [name for name in folder.names() if folder.path(name) not in inputs]
    guess = guessed_format(names)
    found: dict[str, set[str]] = {}
    for name in names:
        if match := SHARD_FILE.fullmatch(name):
            found.setdefault(match[1], set()).add(name)
    shards = [stored_shard(name, files, parts, guess) for name, files in sorted(found.items())]
    done = [shard for shard in shards if shard.stats in shard.files]
    return Layout(
        shards=tuple(sorted(done, key=lambda shard: shard.id)),
        unfinished=tuple(s for s in shards if s.files and s.stats not in s.files),
        replacing=tuple(journal.interrupted(folder)),
        parts=len(folder.names(PARTS)),
    )


def stored_shard(name: str, files: set[str], parts: Sequence[Part], guess: str) -> StoredShard:
    options: Mapping[str, Any] = {}
    for part in parts:  # the last one that begins before it
        if part.first_id <= int(name):
            options = part.identity.options
    output_format = options.get("output_format", guess)
    own = {stats_name(name), *stored_names(output_format, name)}
    return StoredShard(int(name), name, frozenset(files & own), output_format, options)


def guessed_format(names: Sequence[str]) -> str:
    """What the old tool, which recorded nothing, was told; dummy where there are stats alone."""
    suffixes = {match[2] or "" for name in names if (match := SHARD_FILE.fullmatch(name))}
    if ".tar" in suffixes:
        return "webdataset"
    if ".tfrecord" in suffixes:
        return "tfrecord"
    if "" in suffixes:
        return "files"
    return "parquet" if ".parquet" in suffixes else "dummy"
