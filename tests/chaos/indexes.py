"""Index files of webdataset -> whether they are of the tars beside them, at this moment."""

from __future__ import annotations

import json
import re
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

INDEX = re.compile(r"(\d+)(\.idx|\.tar\.idx|\.json)")


def members(tar: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(tar) as archive:
        return archive.getmembers()


def dali(tar: Path) -> bytes:
    """As DALI's documentation describes version 1.2, sample by sample."""
    samples: dict[str, list[str]] = {}
    for each in members(tar):
        key, _, extension = each.name.partition(".")
        text = f"{extension} {each.offset_data} {each.size} {each.name}"
        samples.setdefault(key, []).append(text)
    lines = [f"v1.2 {len(samples)}", *map(" ".join, samples.values())]
    return "".join(f"{line}\n" for line in lines).encode()


def energon(tar: Path) -> bytes:
    """Where the headers of each sample begin, and where the last sample ends."""
    starts: dict[str, int] = {}
    for each in members(tar):
        starts.setdefault(each.name.partition(".")[0], each.offset)
    last = members(tar)[-1]
    end = last.offset_data + -(-last.size // 512) * 512
    return struct.pack(f"<{len(starts) + 1}Q", *starts.values(), end)


def webshart(tar: Path) -> dict[str, Any]:
    """Where members are, without what else it says of them."""
    files = {each.name: [each.offset_data, each.size] for each in members(tar)}
    return {"filesize": tar.stat().st_size, "files": files}


def is_of_its_tar(path: Path) -> bool:
    """Whether an index file is that of the tar beside it."""
    match = INDEX.fullmatch(path.name)
    assert match is not None, path
    tar = path.with_name(f"{match[1]}.tar")
    if match[2] == ".json":
        found = json.loads(path.read_bytes())
        files = {name: [each["offset"], each["length"]] for name, each in found["files"].items()}
        return {"filesize": found["filesize"], "files": files} == webshart(tar)
    return path.read_bytes() == (dali(tar) if match[2] == ".idx" else energon(tar))


def check_index_files(folder: Path) -> None:
    """Between runs: an index that stands is right, as far as shards are done."""
    counts = {
        f"{path.name.removesuffix('_stats.json')}.tar": json.loads(path.read_bytes())["successes"]
        for path in folder.glob("*_stats.json")
    }
    for path in folder.iterdir():
        match = INDEX.fullmatch(path.name)
        if match and f"{match[1]}.tar" in counts:
            assert is_of_its_tar(path), f"{path.name} is of another tar"
    filled = {name: count for name, count in counts.items() if count}
    for name, found in folder_wide(folder).items():
        assert found in (counts, filled), f"{name} says {found}, stored are {counts}"


def folder_wide(folder: Path) -> dict[str, dict[str, int]]:
    """The counts that the index files of the whole folder say, as far as there are such files."""
    readers: dict[str, Callable[[Any], dict[str, int]]] = {
        "sizes.json": lambda found: found,
        "wids.json": lambda found: {each["url"]: each["nsamples"] for each in found["shardlist"]},
        ".nv-meta/.info.json": lambda found: found["shard_counts"],
    }
    return {
        name: read(json.loads((folder / name).read_bytes()))
        for name, read in readers.items()
        if (folder / name).exists()
    }
