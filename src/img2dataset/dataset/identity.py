"""What a dataset was made from: recorded in its hidden folder, and compared with a new run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from img2dataset.errors import RunError
from img2dataset.options import Options, shaping_options
from img2dataset.records import NO_COLUMN
from img2dataset.storage.folder import HIDDEN, Folder

IDENTITY = f"{HIDDEN}/identity"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a run is made from: values that JSON can hold."""

    inputs: Sequence[Mapping[str, Any]]
    options: Mapping[str, Any]

    def differences(self, before: Identity) -> list[str]:
        """Describe what has changed since `before`, one text each."""
        texts = []
        if list_fingerprints(self.inputs) != list_fingerprints(before.inputs):
            texts.append(f"url_list ({describe_changed_files(before.inputs, self.inputs)})")
        return [*texts, *self.changed_options(before)]

    def changed_options(self, before: Identity) -> list[str]:
        """Describe the options that have changed since `before`, one text each."""
        texts = []
        defaults = normalize(Identity([], shaping_options(Options(url_list=None)))).options
        for name, value in self.options.items():
            # an option that is newer than the folder had its default
            old = before.options.get(name, defaults.get(name))
            if old != value:
                texts.append(f"{name} (was {describe_value(old)}, is {describe_value(value)})")
        return texts


def describe_value(value: Any) -> str:
    return "a column that this list lacks" if value == NO_COLUMN else repr(value)


def list_fingerprints(inputs: Sequence[Mapping[str, Any]]) -> list[tuple[Any, Any]]:
    """Return what identifies a list: sizes and fingerprints, not names, since files may have been
    moved."""
    return [(file["size"], file["fingerprint"]) for file in inputs]


MAX_NAMED_FILES = 3
"""Changed files of a list that a message names at most."""


def describe_changed_files(
    before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]
) -> str:
    """Describe to a person which files of a list have changed."""
    old, new = (
        {
            str(file["url"]).rpartition("/")[2]: content
            for file, content in zip(files, list_fingerprints(files), strict=True)
        }
        for files in (before, now)
    )
    texts = [f"{name} is gone" for name in old if name not in new]
    texts += [f"{name} is new" for name in new if name not in old]
    texts += [
        f"{name} has other content{describe_changed_size(old[name][0], new[name][0])}"
        for name in new
        if name in old and old[name] != new[name]
    ]
    more = len(texts) - MAX_NAMED_FILES
    shown = ", ".join(texts[:MAX_NAMED_FILES]) or "the same files, in another order"
    return f"{shown} and {more} more changes" if more > 0 else shown


def describe_changed_size(before: int | None, now: int | None) -> str:
    return "" if before == now else f": it was {before} bytes, it is {now}"


@dataclass(frozen=True, slots=True)
class Section:
    """Runs that wrote into a folder with the same identity: shards from `first_id` on."""

    first_id: int
    identity: Identity


def is_same_list_changed(identity: Identity, last: Section, sections: int) -> bool:
    """True if the list may be that of the last section, changed: the options are the same.

    Where lists were added by extend it must have a file in common with the last of them, by name
    or content: a run never replaces what was made from another list.
    """
    before = last.identity
    if identity.changed_options(before):
        return False
    names = [
        {str(file["url"]).rpartition("/")[2] for file in each.inputs} for each in (identity, before)
    ]
    marks = [{file["fingerprint"] for file in each.inputs} for each in (identity, before)]
    return sections == 1 or bool(names[0] & names[1] or marks[0] & marks[1])


def normalize(identity: Identity) -> Identity:
    """Return `identity` as it will be when it is read back: tuples are lists, infinity is text."""
    loaded = json.loads(json.dumps(asdict(identity)), parse_constant=str)
    return Identity(**loaded)


def dump_sections(sections: Sequence[Section]) -> bytes:
    return json.dumps({"parts": [asdict(section) for section in sections]}, indent=1).encode()


def load_sections(folder: Folder) -> list[Section]:
    """Read which runs wrote into the folder; none if it is new, or was written by the old tool."""
    if not folder.exists(IDENTITY):
        return []
    try:
        stored = json.loads(folder.read(IDENTITY))
        return [Section(each["first_id"], Identity(**each["identity"])) for each in stored["parts"]]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{folder.path(IDENTITY)} is damaged: remove it to go on") from error
