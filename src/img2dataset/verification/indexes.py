"""The index files of a shard, compared with its tar."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import orjson

from img2dataset.dataset.layout import StoredShard
from img2dataset.errors import DamagedError
from img2dataset.formats import ShardFiles, find_format
from img2dataset.formats.tar_indexes import SUFFIXES, build_indexes
from img2dataset.formats.tar_scan import scan_shard
from img2dataset.options.choices import IndexKind
from img2dataset.storage.folder import Folder


def find_wrong_indexes(
    folder: Folder, shard: StoredShard, kinds: Collection[str]
) -> tuple[str, ...]:
    """Find what is wrong with the index files of a shard, one text each, beginning with the name.

    Args:
        kinds: those that the dataset has; a file of another kind that is there is checked, too.

    Raises:
        RunError: a file cannot be read.
    """
    suffixes = find_format(shard.output_format).indexes
    present = [kind for kind, suffix in suffixes.items() if shard.name + suffix in shard.indexes]
    expected = [kind for kind in suffixes if kind in kinds or kind in present]
    if not expected:
        return ()
    with_sizes = IndexKind.WEBSHART in expected
    try:
        contents = scan_shard(ShardFiles(folder, shard.name), with_sizes=with_sizes)
    except DamagedError:  # a problem of the shard, which is reported as such
        return ()
    built = build_indexes(contents, expected)
    problems = []
    for kind in expected:
        name = shard.name + SUFFIXES[kind]
        data = folder.read(name) if kind in present else None
        problem = compare(kind, data, built.get(SUFFIXES[kind]))
        if problem is not None:
            problems.append(f"{name} {problem}")
    return tuple(problems)


def compare(kind: str, stored: bytes | None, built: bytes | None) -> str | None:
    """Say what is wrong with a stored index file, if `built` is what it should be.

    Webshart's may say more, since its tools add captions.
    """
    if stored is None:
        return None if built is None else "is missing"
    if stored == built or (kind == IndexKind.WEBSHART and built and includes(stored, built)):
        return None
    return "is not the index of the tar as it is"


def includes(stored: bytes, built: bytes) -> bool:
    """Whether one JSON object says everything that another one says, and has no other files."""
    try:
        found = orjson.loads(stored)
    except orjson.JSONDecodeError:
        return False
    expected = orjson.loads(built)
    return (
        isinstance(found, dict)
        and isinstance(found.get("files"), dict)
        and found["files"].keys() == expected["files"].keys()
        and agrees(found, {"filesize": expected["filesize"]})
        and all(agrees(found["files"][name], each) for name, each in expected["files"].items())
    )


def agrees(found: Any, expected: Mapping[str, Any]) -> bool:
    """Whether `found` has these values, as far as it has these names; offsets it must have."""
    return isinstance(found, dict) and all(
        found.get(name, None if name in ("offset", "length", "filesize") else value) == value
        for name, value in expected.items()
        if name != "aspect"  # a quotient, rounded by each in its own way
    )
