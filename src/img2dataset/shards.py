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

from img2dataset.errors import OptionError, RunError
from img2dataset.journal import discard, finish, settle
from img2dataset.options import Options, shaping_options
from img2dataset.storage import HIDDEN, Folder
from img2dataset.words import plural

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
            changes = changed_files(contents(before.inputs), contents(self.inputs))
            texts.append(f"url_list ({changes})")
        defaults = _as_stored(Identity([], shaping_options(Options(url_list=None)))).options
        for name, value in self.options.items():
            # an option that is newer than the folder had its default
            old = before.options.get(name, defaults.get(name))
            if old != value:
                texts.append(f"{name} (was {old!r}, is {value!r})")
        return texts


def contents(inputs: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """What a list is made of, wherever it lies: it may have been moved since."""
    return [
        (str(file["url"]).rpartition("/")[2], file["size"], file["fingerprint"]) for file in inputs
    ]


MOST_FILES = 3
"""Changed files of a list that are named."""


def changed_files(before: Sequence[tuple[Any, ...]], now: Sequence[tuple[Any, ...]]) -> str:
    """Which files of a list are not as they were, for a person."""
    old, new = ({name: rest for name, *rest in files} for files in (before, now))
    texts = [f"{name} is gone" for name in old if name not in new]
    texts += [f"{name} is new" for name in new if name not in old]
    texts += [
        f"{name} has other content: it was {old[name][0]} bytes, it is {new[name][0]}"
        for name in new
        if name in old and old[name] != new[name]
    ]
    more = len(texts) - MOST_FILES
    shown = ", ".join(texts[:MOST_FILES]) or "the same files, in another order"
    return f"{shown} and {more} more changes" if more > 0 else shown


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


def record(folder: Folder, plan: Plan) -> None:
    """Write down what a dataset that did not say so is made from: from now on something is."""
    if plan.unrecorded:
        try:
            folder.write(IDENTITY, _dump(plan.unrecorded))
        except OSError as error:
            raise RunError(f"{folder.url} cannot be written: {error}") from error


def prepare(
    folder: Folder,
    mode: str,
    identity: Identity,
    stored_names: Callable[[str], Sequence[str]],
    part_of: tuple[int, int] = (0, 1),
) -> Plan:
    """Make `folder` ready for a run and say what is left to do.

    `stored_names` gives the names that a shard of this run leaves in the folder; `part_of` says
    which shards are its own: (i, N) = every N-th, from the i-th on.

    Raises:
        OptionError: the folder cannot be written, or was made from something else.
    """
    identity = _as_stored(identity)
    try:
        folder.make()
        if mode == "overwrite":
            discard(folder)  # first: what waits must not come back into a folder that is half empty
            folder.empty()
        alone = part_of[1] == 1
        if alone:
            settle(folder)
        else:  # of a shard that was being replaced the stats may be away
            finish(folder, lambda name: is_own(int(name), part_of))
        # the first part to come says what all of them are made from, and finds nothing of ours
        fresh = not alone and folder.create(IDENTITY, _dump([Section(0, identity)]))
        names = folder.names()  # once: a store gives a thousand names a request
        before = load_sections(folder)
        done = done_shards(names)
        if alone and not done:
            plan, sections = Plan(0, done), [Section(0, identity)]
        else:
            plan, sections = _plan(folder, mode, identity, done, before, alone=alone)
        folder.clear_parts()
        left = [] if fresh else leftovers(names, plan.done, stored_names, part_of)
        _remove_leftovers(folder, left, sections)
        if mode == "retry" and plan.notices:  # it will compare the list with what is stored
            plan = replace(plan, unrecorded=tuple(sections))
        elif alone and sections != before:
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


def _plan(  # noqa: PLR0913  (all that a folder and a command say)
    folder: Folder,
    mode: str,
    identity: Identity,
    done: frozenset[int],
    sections: list[Section],
    *,
    alone: bool,
) -> tuple[Plan, list[Section]]:
    if mode == "extend":
        first = max(done) + 1
        return Plan(first, done), [*sections, Section(first, identity)]
    if not sections:
        notice = (
            f"{folder.url} has {plural(len(done), 'shard')} of an older version, which did not record "
            f"what {'it was' if len(done) == 1 else 'they were'} made from: "
            f"{'it is' if len(done) == 1 else 'they are'} taken as done"
        )
        return Plan(0, done, (notice,)), [Section(0, identity)]
    for section in sections:
        if not identity.differences(section.identity):
            return Plan(section.first_id, done), sections
    without_part = "" if alone else " (both without part)"
    raise OptionError(
        f"output_folder is {folder.url!r}: what is in it was made with other settings: "
        f"{'; '.join(identity.differences(sections[-1].identity))}. "
        "Use the same settings to go on, incremental_mode=extend to add to it, "
        f"incremental_mode=overwrite to start again{without_part}, or another folder"
    )


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
