"""An output folder -> what is left to do: resume, extend, overwrite.

A shard that has a stats file is done.  A hidden file keeps the identity of the runs that wrote
into the folder: what they read and every option that shapes what is stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from img2dataset.dataset.replace import recover, roll_back, roll_forward
from img2dataset.errors import OptionError, RunError
from img2dataset.options import Options, shaping_options
from img2dataset.storage.folder import HIDDEN, Folder
from img2dataset.text import plural

IDENTITY = f"{HIDDEN}/identity"
STATS = re.compile(r"(\d+)_stats\.json")
NUMBERED = re.compile(r"(\d+)(\.\w+)?")
"""Names that a shard's data may have; whether they have is for the output format to say."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a run is made from: values that JSON can hold."""

    inputs: Sequence[Mapping[str, Any]]
    options: Mapping[str, Any]

    def differences(self, before: Identity) -> list[str]:
        """What is not as it was, one text each."""
        texts = []
        if contents(self.inputs) != contents(before.inputs):
            texts.append(f"url_list ({changed_files(before.inputs, self.inputs)})")
        return [*texts, *self.changed_options(before)]

    def changed_options(self, before: Identity) -> list[str]:
        """The options that are not as they were, one text each."""
        texts = []
        defaults = _as_stored(Identity([], shaping_options(Options(url_list=None)))).options
        for name, value in self.options.items():
            # an option that is newer than the folder had its default
            old = before.options.get(name, defaults.get(name))
            if old != value:
                texts.append(f"{name} (was {old!r}, is {value!r})")
        return texts


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a list that has changed is compared with the shards that are done."""

    touched: Callable[[Sequence[Mapping[str, Any]], int, frozenset[int]], Mapping[int, str]]
    """Takes the files of the list as it was, the first shard, and those that are done; returns
    those of them that the list as it is would not give, each with its file of the list."""
    name_of: Callable[[int], str]
    accepted: bool = False
    """Whether what is touched may be made again."""


def contents(inputs: Sequence[Mapping[str, Any]]) -> list[tuple[Any, Any]]:
    """What a list is made of, whatever its files are called and wherever they lie: they may have
    been moved since."""
    return [(file["size"], file["fingerprint"]) for file in inputs]


MOST_FILES = 3
"""Changed files of a list that are named."""


def changed_files(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> str:
    """Which files of a list are not as they were, for a person."""
    old, new = (
        {
            str(file["url"]).rpartition("/")[2]: content
            for file, content in zip(files, contents(files), strict=True)
        }
        for files in (before, now)
    )
    texts = [f"{name} is gone" for name in old if name not in new]
    texts += [f"{name} is new" for name in new if name not in old]
    texts += [
        f"{name} has other content{changed_size(old[name][0], new[name][0])}"
        for name in new
        if name in old and old[name] != new[name]
    ]
    more = len(texts) - MOST_FILES
    shown = ", ".join(texts[:MOST_FILES]) or "the same files, in another order"
    return f"{shown} and {more} more changes" if more > 0 else shown


def changed_size(before: int | None, now: int | None) -> str:
    return "" if before == now else f": it was {before} bytes, it is {now}"


@dataclass(frozen=True, slots=True)
class Section:
    """Runs that wrote into a folder with the same identity: shards from `first_id` on."""

    first_id: int
    identity: Identity


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a run begins, and what it may leave out."""

    first_id: int
    done: frozenset[int]
    notices: tuple[str, ...] = ()
    unrecorded: tuple[Section, ...] = ()
    """What `record` writes down, once the list is known to be the right one."""
    undone: frozenset[int] = frozenset()
    """Shards that were done, and are to be made again."""


def record(folder: Folder, plan: Plan) -> None:
    """Write down what a dataset that did not say so is made from: from now on something is."""
    if plan.unrecorded:
        try:
            folder.write(IDENTITY, _dump(plan.unrecorded))
        except OSError as error:
            raise RunError(f"{folder.url} cannot be written: {error}") from error


def prepare(  # noqa: PLR0913  (all that a folder and a command say)
    folder: Folder,
    mode: str,
    identity: Identity,
    stored_names: Callable[[str], Sequence[str]],
    part_of: tuple[int, int] = (0, 1),
    *,
    comparison: Comparison | None = None,
) -> Plan:
    """Make `folder` ready for a run and say what is left to do.

    `stored_names` gives the names that a shard of this run leaves in the folder; `part_of` says
    which shards are its own: (i, N) = every N-th, from the i-th on.  Without a `comparison` no
    list that has changed is accepted.

    Raises:
        OptionError: the folder cannot be written, or was made from something else.
    """
    identity = _as_stored(identity)
    try:
        folder.make()
        if mode == "overwrite":
            roll_back(
                folder
            )  # first: what waits must not come back into a folder that is half empty
            folder.empty()
        alone = part_of[1] == 1
        if alone:
            recover(folder)
        else:  # of a shard that was being replaced the stats may be away
            roll_forward(folder, lambda name: is_own(int(name), part_of))
        # the first part to come says what all of them are made from, and finds nothing of ours
        fresh = not alone and folder.create(IDENTITY, _dump([Section(0, identity)]))
        names = folder.names()  # once: a store gives a thousand names a request
        before = load_sections(folder)
        done = done_shards(names)
        if alone and not done:
            plan, sections = Plan(0, done), [Section(0, identity)]
        else:
            asked = _Asked(folder, mode, identity, comparison, alone=alone)
            plan, sections = _plan(asked, done, before)
        folder.clear_parts()
        # first the stats: from then on such a shard is one that is not done, whatever dies
        folder.remove(name for name in names if done_shards([name]) & plan.undone)
        left = [] if fresh else leftovers(names, plan.done, stored_names, part_of)
        _remove_leftovers(folder, left, sections)
        if mode == "retry" and done and not before:  # it will compare the list with what is stored
            plan = replace(plan, unrecorded=tuple(sections))
        elif sections != before:
            folder.write(IDENTITY, _dump(sections))
    except OSError as error:
        raise OptionError(
            f"output_folder is {folder.url!r}: it cannot be written ({error.strerror or error})"
        ) from error
    return plan


def is_own(shard_id: int, part_of: tuple[int, int]) -> bool:
    """Whether a shard belongs to part i of N."""
    index, count = part_of
    return shard_id % count == index


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a command asks of a folder that has shards."""

    folder: Folder
    mode: str
    identity: Identity
    comparison: Comparison | None
    alone: bool
    """Whether it is about all shards, not a part of them."""


def _plan(
    asked: _Asked, done: frozenset[int], sections: list[Section]
) -> tuple[Plan, list[Section]]:
    if asked.mode == "extend":
        first = max(done) + 1
        return Plan(first, done), [*sections, Section(first, asked.identity)]
    if not sections:
        notice = (
            f"{asked.folder.url} has {plural(len(done), 'shard')} of an older version, which did not record "
            f"what {'it was' if len(done) == 1 else 'they were'} made from: "
            f"{'it is' if len(done) == 1 else 'they are'} taken as done"
        )
        return Plan(0, done, (notice,)), [Section(0, asked.identity)]
    for section in sections:
        if not asked.identity.differences(section.identity):
            return Plan(section.first_id, done), sections
    last = sections[-1]
    if asked.comparison is not None and is_same_list_changed(asked.identity, last, len(sections)):
        plan = _with_changed_list(asked, asked.comparison, done, last)
        return plan, [*sections[:-1], Section(last.first_id, asked.identity)]
    raise OptionError(
        f"output_folder is {asked.folder.url!r}: what is in it was made with other settings: "
        f"{'; '.join(asked.identity.differences(last.identity))}. "
        f"Use the same settings to go on, {_other_ways(alone=asked.alone)}"
    )


def is_same_list_changed(identity: Identity, last: Section, sections: int) -> bool:
    """Whether it may be the list of the last section, changed: the options are the same.

    Where lists were added by extend it must have a file in common with the last of them, by name
    or content: what was made from another one is not for it to replace.
    """
    before = last.identity
    if identity.changed_options(before):
        return False
    names = [
        {str(file["url"]).rpartition("/")[2] for file in each.inputs} for each in (identity, before)
    ]
    marks = [{file["fingerprint"] for file in each.inputs} for each in (identity, before)]
    return sections == 1 or bool(names[0] & names[1] or marks[0] & marks[1])


def _with_changed_list(
    asked: _Asked, comparison: Comparison, done: frozenset[int], last: Section
) -> Plan:
    """The plan for a list that has changed, if what is stored allows for it."""
    changes = changed_files(last.identity.inputs, asked.identity.inputs)
    touched = comparison.touched(last.identity.inputs, last.first_id, done)
    where = f"output_folder is {asked.folder.url!r}"
    since = f"url_list has changed since the shards in it were made ({changes})"
    shards = touched_shards(touched, comparison.name_of)
    if not touched and (asked.alone or comparison.accepted):
        notice = f"url_list has changed ({changes}): no shard that is done is touched by that"
        return Plan(last.first_id, done, (notice,))
    if not asked.alone:
        raise OptionError(
            f"{where}: {since}"
            + (
                f", and that touches {shards}; run once without part to say what becomes of them"
                if touched
                else ", and no shard that is done is touched by that; with accept_changed_list=True "
                "a part goes on: only when no part runs that has seen the list as it was"
            )
        )
    if not comparison.accepted:
        raise OptionError(
            f"{where}: {since}, and that touches {shards}. accept_changed_list=True makes "
            f"{'this shard' if len(touched) == 1 else 'these shards'} again from the list as it is "
            f"and keeps the others; or use the list as it was, {_other_ways(alone=True)}"
        )
    notice = (
        f"url_list has changed ({changes}), which is accepted: of {plural(len(done), 'shard')} that "
        f"{'was' if len(done) == 1 else 'were'} done {shards} {'is' if len(touched) == 1 else 'are'} "
        "removed, and made again as far as the list still has them"
    )
    return Plan(last.first_id, done - touched.keys(), (notice,), undone=frozenset(touched))


def _other_ways(*, alone: bool) -> str:
    without_part = "" if alone else " (both without part)"
    return (
        "incremental_mode=extend to add to it, "
        f"incremental_mode=overwrite to start again{without_part}, or another folder"
    )


MOST_RANGES = 5
"""Ranges of shards, or files of the list, that are named."""


def touched_shards(touched: Mapping[int, str], name_of: Callable[[int], str]) -> str:
    """Which shards those are, and of which files of the list, for a person."""
    by_file: dict[str, list[int]] = {}
    for shard_id, url in sorted(touched.items()):
        by_file.setdefault(url, []).append(shard_id)
    texts = [
        f"{ranges(ids, name_of)} ({url.rpartition('/')[2] or 'no longer in the list'})"
        for url, ids in by_file.items()
    ]
    more = len(texts) - MOST_RANGES
    shown = "; ".join(texts[:MOST_RANGES]) + (
        f" and shards of {more} more files" if more > 0 else ""
    )
    return f"{plural(len(touched), 'shard')}: {shown}"


def ranges(ids: Sequence[int], name_of: Callable[[int], str]) -> str:
    """Ids in order, as names: those that follow each other as a range."""
    runs: list[list[int]] = []
    for each in ids:
        if runs and runs[-1][-1] == each - 1:
            runs[-1].append(each)
        else:
            runs.append([each])
    texts = [
        name_of(run[0]) if len(run) == 1 else f"{name_of(run[0])} to {name_of(run[-1])}"
        for run in runs
    ]
    more = len(texts) - MOST_RANGES
    return ", ".join(texts[:MOST_RANGES]) + (f" and {more} more ranges" if more > 0 else "")


def done_shards(names: Sequence[str]) -> frozenset[int]:
    """Ids of the shards that are done, from the names in the output folder."""
    return frozenset(int(match[1]) for name in names if (match := STATS.fullmatch(name)))


def leftovers(
    names: Sequence[str],
    done: frozenset[int],
    stored_names: Callable[[str], Sequence[str]],
    part_of: tuple[int, int] = (0, 1),
) -> list[str]:
    """Names that a shard of this run would have, of shards that are not done."""
    return [
        name
        for name in names
        if (match := NUMBERED.fullmatch(name))
        and int(match[1]) not in done
        and is_own(int(match[1]), part_of)
        and name in stored_names(match[1])
    ]


def _remove_leftovers(folder: Folder, names: Sequence[str], sections: Sequence[Section]) -> None:
    """Remove what an interrupted run of ours left under the names of shards that are not done."""
    if not names or not folder.exists(IDENTITY):
        return
    inputs = {source["url"] for section in sections for source in section.identity.inputs}
    folder.remove(name for name in names if folder.path(name) not in inputs)


def _as_stored(identity: Identity) -> Identity:
    """`identity` as it will be when it is read back: tuples are lists, infinity is text."""
    loaded = json.loads(json.dumps(asdict(identity)), parse_constant=str)
    return Identity(**loaded)


def _dump(sections: Sequence[Section]) -> bytes:
    return json.dumps({"parts": [asdict(section) for section in sections]}, indent=1).encode()


def load_sections(folder: Folder) -> list[Section]:
    """The runs that wrote into the folder; none if it is new, or the old tool's."""
    if not folder.exists(IDENTITY):
        return []
    try:
        stored = json.loads(folder.read(IDENTITY))
        return [Section(each["first_id"], Identity(**each["identity"])) for each in stored["parts"]]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{folder.path(IDENTITY)} is damaged: remove it to go on") from error
