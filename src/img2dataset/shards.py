"""An output folder -> what is left to do: resume, extend, overwrite.

A shard that has a stats file is done.  A hidden file keeps the identity of the runs that wrote
into the folder: what they read and every option that shapes what is stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from img2dataset.errors import OptionError, RunError
from img2dataset.options import Options
from img2dataset.storage import HIDDEN, Folder

IDENTITY = f"{HIDDEN}/identity"
STATS = re.compile(r"(\d+)_stats\.json")
SHARD_FILE = re.compile(r"(\d+)(\.\w+)?")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a run is made from: values that JSON can hold."""

    inputs: Sequence[Mapping[str, Any]]
    options: Mapping[str, Any]

    def differences(self, before: Identity) -> list[str]:
        """What is not as it was, one text each."""
        texts = []
        if contents(self.inputs) != contents(before.inputs):
            texts.append("url_list (other files, or other content)")
        for name, value in self.options.items():
            # an option that is newer than the folder had its default
            old = before.options.get(name, getattr(Options, name, None))
            if old != value:
                texts.append(f"{name} (was {old!r}, is {value!r})")
        return texts


def contents(inputs: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """What a list is made of, wherever it lies: it may have been moved since."""
    return [
        (str(file["url"]).rpartition("/")[2], file["size"], file["fingerprint"]) for file in inputs
    ]


@dataclass(frozen=True, slots=True)
class Part:
    """Runs that wrote into a folder with the same identity: shards from `first_id` on."""

    first_id: int
    identity: Identity


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a run begins, and what it may leave out."""

    first_id: int
    done: frozenset[int]
    notices: tuple[str, ...] = ()


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
            folder.empty()
        if part_of[1] > 1:  # the first to come says what all of them are made from
            folder.create(IDENTITY, _dump([Part(0, identity)]))
        plan, parts = _plan(folder, mode, identity, alone=part_of[1] == 1)
        folder.clear_parts()
        _remove_leftovers(
            folder,
            parts,
            lambda shard_id: shard_id not in plan.done and is_own(shard_id, part_of),
            stored_names,
        )
        if part_of[1] == 1:
            folder.write(IDENTITY, _dump(parts))
    except OSError as error:
        raise OptionError(
            f"output_folder is {folder.url!r}: it cannot be written ({error.strerror or error})"
        ) from error
    return plan


def is_own(shard_id: int, part_of: tuple[int, int]) -> bool:
    """Whether a shard belongs to part i of N."""
    index, count = part_of
    return shard_id % count == index


def _plan(folder: Folder, mode: str, identity: Identity, *, alone: bool) -> tuple[Plan, list[Part]]:
    done = done_shards(folder.names())
    parts = _load(folder)
    if not done and alone:
        return Plan(0, done), [Part(0, identity)]
    if mode == "extend":
        first = max(done) + 1
        return Plan(first, done), [*parts, Part(first, identity)]
    if not parts:
        notice = (
            f"{folder.url} has {len(done)} shards of an older version, which did not record "
            "what they were made from: they are taken as done"
        )
        return Plan(0, done, (notice,)), [Part(0, identity)]
    for part in parts:
        if not identity.differences(part.identity):
            return Plan(part.first_id, done), parts
    raise OptionError(
        f"output_folder is {folder.url!r}: what is in it was made with other settings: "
        f"{'; '.join(identity.differences(parts[-1].identity))}. "
        "Use the same settings to go on, incremental_mode=extend to add to it, "
        "incremental_mode=overwrite to start again, or another folder"
    )


def done_shards(names: Sequence[str]) -> frozenset[int]:
    """Ids of the shards that are done, from the names in the output folder."""
    return frozenset(int(match[1]) for name in names if (match := STATS.fullmatch(name)))


def _remove_leftovers(
    folder: Folder,
    parts: Sequence[Part],
    is_left: Callable[[int], bool],
    stored_names: Callable[[str], Sequence[str]],
) -> None:
    """Remove what an interrupted run of ours left under the names of shards that are not done."""
    if not folder.exists(IDENTITY):
        return
    inputs = {source["url"] for part in parts for source in part.identity.inputs}
    left = []
    for name in folder.names():
        match = SHARD_FILE.fullmatch(name)
        if match is None or not is_left(int(match[1])):
            continue
        if name in stored_names(match[1]) and folder.path(name) not in inputs:
            left.append(name)
    folder.remove(left)


def _as_stored(identity: Identity) -> Identity:
    """`identity` as it will be when it is read back: tuples are lists, infinity is text."""
    loaded = json.loads(json.dumps(asdict(identity)), parse_constant=str)
    return Identity(**loaded)


def _dump(parts: Sequence[Part]) -> bytes:
    return json.dumps({"parts": [asdict(part) for part in parts]}, indent=1).encode()


def _load(folder: Folder) -> list[Part]:
    if not folder.exists(IDENTITY):
        return []
    try:
        stored = json.loads(folder.read(IDENTITY))
        return [Part(part["first_id"], Identity(**part["identity"])) for part in stored["parts"]]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{folder.path(IDENTITY)} is damaged: remove it to go on") from error
