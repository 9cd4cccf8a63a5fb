"""The names in an output folder -> its shards: done, unfinished, missing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from img2dataset.dataset import replace as journal
from img2dataset.dataset.identity import Section, load_sections
from img2dataset.dataset.stats import STATS_SUFFIX, stats_name
from img2dataset.formats import NAMES, TABLE, find_format, list_shard_names, list_suffixes
from img2dataset.storage.folder import HIDDEN, TRANSIENT_NAMES, Folder
from img2dataset.text import plural

MAX_NAMED_GAPS = 10
EVIDENCE = {("",): 1, (TABLE,): 2, (): 3}
"""First suffix of a format -> how little it means that it is there; 0 for all others."""


@dataclass(frozen=True, slots=True)
class StoredShard:
    """A shard in a folder."""

    id: int
    name: str
    files: frozenset[str]
    """Names in the output folder that belong to this shard."""
    output_format: str
    options: Mapping[str, Any]
    """Recorded options of the run that made it; empty if there are none."""

    @property
    def stats(self) -> str:
        return stats_name(self.name)


@dataclass(frozen=True, slots=True)
class Layout:
    """What is in an output folder."""

    shards: tuple[StoredShard, ...]
    """Shards that are done, in order."""
    unfinished: tuple[StoredShard, ...]
    """Shards with files, but without a stats file."""
    replacing: tuple[str, ...]
    """Shards whose replacement was interrupted."""
    staged: tuple[tuple[str, int], ...]
    """Hidden folders of interrupted runs, each with the number of staged files in it."""

    def leftovers(self) -> list[str]:
        lines = [
            f"{shard.name}: not done: there is {', '.join(sorted(shard.files))} without "
            f"{shard.stats}; the same command makes it again"
            for shard in self.unfinished
        ]
        lines += [
            f"{name}: it was being replaced; any run, or --repair, finishes that"
            for name in self.replacing
        ]
        lines += [
            f"{place}: {plural(count, 'file')} of an interrupted run; the next run without part, "
            f"or --repair, removes {'it' if count == 1 else 'them'}"
            for place, count in self.staged
        ]
        return lines

    def gaps(self) -> tuple[tuple[int, int], ...]:
        """Return the ranges of missing ids before existing shards."""
        ids = sorted({shard.id for shard in (*self.shards, *self.unfinished)})
        before = [-1, *ids[:-1]]
        return tuple(
            (low + 1, high - 1) for low, high in zip(before, ids, strict=True) if high - low > 1
        )

    def gaps_line(self, gaps: Sequence[tuple[int, int]]) -> str:
        digits = min(len(shard.name) for shard in (*self.shards, *self.unfinished))
        texts = [
            f"{first:0{digits}d}" if first == last else f"{first:0{digits}d} to {last:0{digits}d}"
            for first, last in gaps[:MAX_NAMED_GAPS]
        ]
        more = f" and {len(gaps) - MAX_NAMED_GAPS} more gaps" if len(gaps) > MAX_NAMED_GAPS else ""
        return (
            f"missing: {', '.join(texts)}{more}: never made, or lost; the same command makes them "
            "(--allow_gaps if the rest is elsewhere)"
        )


def read_layout(folder: Folder) -> Layout:
    sections = load_sections(folder)
    shards = list_shards(folder, folder.names(), sections)
    done = [shard for shard in shards if shard.stats in shard.files]
    return Layout(
        shards=tuple(sorted(done, key=lambda shard: shard.id)),
        unfinished=tuple(s for s in shards if s.files and s.stats not in s.files),
        replacing=tuple(journal.list_committed(folder)),
        staged=tuple(find_staged(folder)),
    )


def list_shards(
    folder: Folder, names: Iterable[str], sections: Sequence[Section]
) -> list[StoredShard]:
    """Sort the names in an output folder by the shards that they belong to, by name."""
    inputs = {source["url"] for section in sections for source in section.identity.inputs}
    found: dict[str, set[str]] = {}
    suffixes: set[str] = set()
    pattern = compile_shard_pattern()
    for name in names:
        match = pattern.fullmatch(name)
        if match and folder.path(name) not in inputs:
            found.setdefault(match[1], set()).add(name)
            suffixes.add(match[2])
    guess = guess_format(suffixes)
    return [make_shard(name, files, sections, guess) for name, files in sorted(found.items())]


def find_staged(folder: Folder) -> Iterator[tuple[str, int]]:
    """Yield the hidden folders of interrupted runs that have files in them."""
    names = sorted(name for name in folder.names(HIDDEN) if name.startswith(TRANSIENT_NAMES))
    places = [f"{HIDDEN}/{name}" for name in names]
    places += [journal.staged_path(name) for name in journal.list_uncommitted(folder)]
    for place in places:
        if count := len(folder.names(place)):
            yield place, count


def make_shard(name: str, files: set[str], sections: Sequence[Section], guess: str) -> StoredShard:
    options: Mapping[str, Any] = {}
    for section in sections:  # the last section that begins at or before it
        if section.first_id <= int(name):
            options = section.identity.options
    output_format = options.get("output_format", guess)
    own = {stats_name(name), *list_shard_names(output_format, name)}
    return StoredShard(int(name), name, frozenset(files & own), output_format, options)


def compile_shard_pattern() -> re.Pattern[str]:
    """Compile the names that a shard's files may have, in any format: digits, then a suffix."""
    endings = "|".join(map(re.escape, (STATS_SUFFIX, *list_suffixes())))
    return re.compile(rf"(\d+)({endings})")


def guess_format(suffixes: Collection[str]) -> str:
    """Guess the format of a dataset of the old tool, which recorded nothing, from its suffixes.

    The table's suffix says little, since most formats have one; stats files alone are dummy.
    """
    first = {name: find_format(name).suffixes[:1] for name in NAMES}
    possible = [name for name in NAMES if set(suffixes).issuperset(first[name])]
    return min(possible, key=lambda name: EVIDENCE.get(first[name], 0))
