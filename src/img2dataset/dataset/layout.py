"""The names in an output folder -> its shards, what is not done, and what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from img2dataset.dataset import replace as journal
from img2dataset.dataset.identity import Section, load_sections
from img2dataset.dataset.stats import stats_name
from img2dataset.formats import stored_names
from img2dataset.storage.folder import HIDDEN, TRANSIENT_NAMES, Folder
from img2dataset.text import plural

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
    passing: tuple[tuple[str, int], ...]
    """Hidden folders with what was being written -> how many files are in each."""

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
        lines += [
            f"{place}: {plural(count, 'file')} of an interrupted run; the next run without part, "
            f"or --repair, removes {'it' if count == 1 else 'them'}"
            for place, count in self.passing
        ]
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
    sections = load_sections(folder)
    inputs = {source["url"] for section in sections for source in section.identity.inputs}
    names = [name for name in folder.names() if folder.path(name) not in inputs]
    guess = guessed_format(names)
    found: dict[str, set[str]] = {}
    for name in names:
        if match := SHARD_FILE.fullmatch(name):
            found.setdefault(match[1], set()).add(name)
    shards = [stored_shard(name, files, sections, guess) for name, files in sorted(found.items())]
    done = [shard for shard in shards if shard.stats in shard.files]
    return Layout(
        shards=tuple(sorted(done, key=lambda shard: shard.id)),
        unfinished=tuple(s for s in shards if s.files and s.stats not in s.files),
        replacing=tuple(journal.list_committed(folder)),
        passing=tuple(passing_in(folder)),
    )


def passing_in(folder: Folder) -> Iterator[tuple[str, int]]:
    """The hidden folders of runs that are over, if there is something in them."""
    names = sorted(name for name in folder.names(HIDDEN) if name.startswith(TRANSIENT_NAMES))
    places = [f"{HIDDEN}/{name}" for name in names]
    places += [journal.staged_path(name) for name in journal.list_uncommitted(folder)]
    for place in places:
        if count := len(folder.names(place)):
            yield place, count


def stored_shard(
    name: str, files: set[str], sections: Sequence[Section], guess: str
) -> StoredShard:
    options: Mapping[str, Any] = {}
    for section in sections:  # the last one that begins before it
        if section.first_id <= int(name):
            options = section.identity.options
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
