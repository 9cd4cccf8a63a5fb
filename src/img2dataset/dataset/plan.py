"""An output folder -> what is left to do: resume, extend, overwrite.

A shard that has a stats file is done.  A hidden file keeps the identity of the runs that wrote
into the folder: what they read and every option that shapes what is stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from img2dataset.dataset.identity import (
    IDENTITY,
    Identity,
    Section,
    describe_changed_files,
    dump_sections,
    is_same_list_changed,
    load_sections,
    normalize,
)
from img2dataset.dataset.replace import recover, roll_back, roll_forward
from img2dataset.dataset.touched import describe_touched
from img2dataset.errors import OptionError, RunError
from img2dataset.storage.folder import HIDDEN, Folder
from img2dataset.text import plural

STATS = re.compile(r"(\d+)_stats\.json")
NUMBERED = re.compile(r"(\d+)(\.\w+)*")
"""Names that the data of a shard may have; the output format decides."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a list that has changed is compared with the shards that are done."""

    touched: Callable[[Sequence[Mapping[str, Any]], int, frozenset[int]], Mapping[int, str]]
    """Takes the files of the list as it was, the first shard, and those that are done; returns
    those of them that the list as it is would not give, each with its file of the list."""
    name_of: Callable[[int], str]
    accepted: bool = False
    """True if touched shards may be made again."""


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
    others: frozenset[str] = frozenset()
    """Names in the folder that are no shard's."""
    end_id: int | None = None
    """From this shard on they are of a list that was added later; None if none was."""

    def find_own_done(self, part_of: tuple[int, int]) -> frozenset[int]:
        """Find the shards of this list, and of part i of N, that are done."""
        return frozenset(
            each
            for each in self.done
            if self.first_id <= each
            and (self.end_id is None or each < self.end_id)
            and belongs_to_part(each, part_of)
        )


def record(folder: Folder, plan: Plan) -> None:
    """Record the identity of a dataset that had none."""
    if plan.unrecorded:
        try:
            folder.write(IDENTITY, dump_sections(plan.unrecorded))
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
    before_change: Callable[[], None] = lambda: None,
) -> Plan:
    """Make `folder` ready for a run and say what is left to do.

    `stored_names` gives the names that a shard of this run leaves in the folder; `part_of` says
    which shards are its own: (i, N) = every N-th, from the i-th on.  Without a `comparison` no
    list that has changed is accepted.  `before_change` is called before shards that are done are
    removed.

    Raises:
        OptionError: the folder cannot be written, or was made from something else.
    """
    identity = normalize(identity)
    try:
        folder.make()
        if mode == "overwrite":
            before_change()
            # first: staged files must not come back into a folder that is half empty
            roll_back(folder)
            folder.empty()
        alone = part_of[1] == 1
        if alone:
            recover(folder)
        else:  # the stats of a shard that was being replaced may have been moved
            roll_forward(folder, lambda name: belongs_to_part(int(name), part_of))
        # the first part records the identity for all parts, and finds no leftovers
        fresh = not alone and folder.create(IDENTITY, dump_sections([Section(0, identity)]))
        names = folder.names()  # once: a store gives a thousand names a request
        before = load_sections(folder)
        done = find_done(names)
        if alone and not done:
            plan, sections = Plan(0, done), [Section(0, identity)]
        else:
            asked = _Request(folder, mode, identity, comparison, alone=alone)
            plan, sections = _make_plan(asked, done, before)
        folder.clear_parts()
        if plan.undone:
            before_change()
        # first the stats: from then on such a shard is one that is not done, whatever dies
        folder.remove(name for name in names if find_done([name]) & plan.undone)
        left = [] if fresh else find_leftovers(names, plan.done, stored_names, part_of)
        _remove_leftovers(folder, left, sections)
        if mode == "retry" and done and not before:  # it will compare the list with what is stored
            plan = replace(plan, unrecorded=tuple(sections))
        elif sections != before:
            folder.write(IDENTITY, dump_sections(sections))
        others = frozenset(name for name in names if not name[:1].isdigit() and name != HIDDEN)
    except OSError as error:
        raise OptionError(
            f"output_folder is {folder.url!r}: it cannot be written ({error.strerror or error})"
        ) from error
    return replace(plan, others=others)


def belongs_to_part(shard_id: int, part_of: tuple[int, int]) -> bool:
    """True if a shard belongs to part i of N."""
    index, count = part_of
    return shard_id % count == index


@dataclass(frozen=True, slots=True)
class _Request:
    """What a command asks for, of a folder that has shards."""

    folder: Folder
    mode: str
    identity: Identity
    comparison: Comparison | None
    alone: bool
    """True if it is about all shards, not a part of them."""


def _make_plan(
    asked: _Request, done: frozenset[int], sections: list[Section]
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
    ends = [*(section.first_id for section in sections[1:]), None]
    for section, end_id in zip(sections, ends, strict=True):
        if not asked.identity.differences(section.identity):
            return Plan(section.first_id, done, end_id=end_id), sections
    last = sections[-1]
    if asked.comparison is not None and is_same_list_changed(asked.identity, last, len(sections)):
        plan = _with_changed_list(asked, asked.comparison, done, last)
        return plan, [*sections[:-1], Section(last.first_id, asked.identity)]
    raise OptionError(
        f"output_folder is {asked.folder.url!r}: what is in it was made with other settings: "
        f"{'; '.join(asked.identity.differences(last.identity))}. "
        f"Use the same settings to go on, {_describe_alternatives(alone=asked.alone)}"
    )


def _with_changed_list(
    asked: _Request, comparison: Comparison, done: frozenset[int], last: Section
) -> Plan:
    """Make the plan for a list that has changed, if the stored shards allow it."""
    changes = describe_changed_files(last.identity.inputs, asked.identity.inputs)
    touched = comparison.touched(last.identity.inputs, last.first_id, done)
    where = f"output_folder is {asked.folder.url!r}"
    since = f"url_list has changed since the shards in it were made ({changes})"
    shards = describe_touched(touched, comparison.name_of)
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
            f"and keeps the others; or use the list as it was, {_describe_alternatives(alone=True)}"
        )
    notice = (
        f"url_list has changed ({changes}), which is accepted: of {plural(len(done), 'shard')} that "
        f"{'was' if len(done) == 1 else 'were'} done {shards} {'is' if len(touched) == 1 else 'are'} "
        "removed, and made again as far as the list still has them"
    )
    return Plan(last.first_id, done - touched.keys(), (notice,), undone=frozenset(touched))


def _describe_alternatives(*, alone: bool) -> str:
    without_part = "" if alone else " (both without part)"
    return (
        "incremental_mode=extend to add to it, "
        f"incremental_mode=overwrite to start again{without_part}, or another folder"
    )


def find_done(names: Sequence[str]) -> frozenset[int]:
    """Return the ids of finished shards, from the names in the output folder."""
    return frozenset(int(match[1]) for name in names if (match := STATS.fullmatch(name)))


def find_leftovers(
    names: Sequence[str],
    done: frozenset[int],
    stored_names: Callable[[str], Sequence[str]],
    part_of: tuple[int, int] = (0, 1),
) -> list[str]:
    """Return the names of unfinished shards, as far as they belong to this run.

    They are ordered as `stored_names` gives them, so that none is left that makes sense only
    with another one.
    """
    found = [
        (stored_names(match[1]).index(name), name)
        for name in names
        if (match := NUMBERED.fullmatch(name))
        and int(match[1]) not in done
        and belongs_to_part(int(match[1]), part_of)
        and name in stored_names(match[1])
    ]
    return [name for _, name in sorted(found)]


def _remove_leftovers(folder: Folder, names: Sequence[str], sections: Sequence[Section]) -> None:
    """Remove what an interrupted run left under the names of unfinished shards."""
    if not names or not folder.exists(IDENTITY):
        return
    inputs = {source["url"] for section in sections for source in section.identity.inputs}
    folder.remove(name for name in names if folder.path(name) not in inputs)
