"""An output folder -> all that is in it, in an order of its own: equal for equal datasets."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from tfrecord import example_pb2

from tests.chaos.indexes import INDEX, is_of_its_tar
from tests.e2e.mds_dataset import read_dataset

HIDDEN = ".img2dataset"
FOLDER_WIDE = ("README.md", "croissant.json")
MDS_INDEX = "index.json"
TIMES = ("duration", "start_time", "end_time")


def contents(folder: Path) -> dict[str, Any]:
    """Name -> content of every visible file, and of what is in it."""
    found: dict[str, Any] = {}
    for path in sorted(folder.iterdir()):
        if path.name == MDS_INDEX:  # it fits the files, which hold samples as they came
            found[path.name] = sorted(sample["key"] for sample in read_dataset(folder))
        elif path.name in FOLDER_WIDE:
            found[path.name] = folder_wide(path)
        elif path.name != HIDDEN:
            found[path.name] = content(path)
    return found


def folder_wide(path: Path) -> str:
    """The text of a file about the whole dataset, without the names of its folder and the day."""
    name = re.escape(path.parent.name)
    text = re.sub(rf"(?<=[ '\"/]){name}(?=['\"\n])", "FOLDER", path.read_text().replace("\\", ""))
    return re.sub(r'"datePublished": "[^"]*"', "", text)


def content(path: Path) -> Any:  # noqa: PLR0911  (a table)
    if path.is_dir():
        return folder_content(path)
    if INDEX.fullmatch(path.name):  # the order of samples differs from run to run
        return is_of_its_tar(path)
    match path.suffix:
        case ".parquet":
            return pq.read_table(path).to_pylist()
        case ".tar":
            return members(path)
        case ".tfrecord":
            return examples(path)
        case ".json":
            stats = json.loads(path.read_bytes())
            return {name: value for name, value in stats.items() if name not in TIMES}
        case _:
            return path.read_bytes()


def folder_content(path: Path) -> dict[str, Any]:
    if (path / MDS_INDEX).exists():
        return {sample["key"]: sample for sample in read_dataset(path)}
    return {inner.name: inner.read_bytes() for inner in path.iterdir()}


def members(path: Path) -> dict[str, bytes]:
    """Of a tar that ends as one should; no name stands twice."""
    found: dict[str, bytes] = {}
    with tarfile.open(path) as tar:
        for member in tar:
            assert member.name not in found, f"{member.name} stands twice in {path}"
            file = tar.extractfile(member)
            assert file is not None
            found[member.name] = file.read()
    assert path.read_bytes().endswith(bytes(1024)), f"{path} has no end"
    return found


def examples(path: Path) -> dict[bytes, bytes]:
    data, at = path.read_bytes(), 0
    found: dict[bytes, bytes] = {}
    while at < len(data):
        length = int.from_bytes(data[at : at + 8], "little")
        record = data[at + 12 : at + 12 + length]
        key = example_pb2.Example.FromString(record).features.feature["key"].bytes_list.value[0]
        assert len(record) == length, f"{path} is cut off"
        assert key not in found, f"{key!r} stands twice in {path}"
        found[key] = record
        at += length + 16
    return found


def hidden_names(folder: Path) -> set[str]:
    hidden = folder / HIDDEN
    return {path.name for path in hidden.iterdir()} if hidden.exists() else set()


def check_done_shards(folder: Path, truth: dict[str, Any]) -> None:
    """Between runs: a shard that says it is done is, all of it."""
    for stats in folder.glob("*_stats.json"):
        name = stats.name.removesuffix("_stats.json")
        for expected in (each for each in truth if each.partition(".")[0] in {name, stats.stem}):
            assert content(folder / expected) == truth[expected], f"{expected} is not whole"


def check_counts(folder: Path) -> None:
    """Between runs: what the card says of counts, if it says anything, is what is stored."""
    card = folder / "README.md"
    said = re.search(r"num_examples: (\d+)", card.read_text()) if card.exists() else None
    if said is None:
        return
    stats = [json.loads(path.read_text()) for path in folder.glob("*_stats.json")]
    counts = [sum(each[name] for each in stats) for name in ("successes", "count")]
    assert int(said[1]) in counts, f"the card says {said[1]}, stored are {counts}"


def differences(found: dict[str, Any], truth: dict[str, Any]) -> list[str]:
    """Names of files that are missing, too many, or other than they should be."""
    texts = [f"{name} is missing" for name in truth.keys() - found.keys()]
    texts += [f"{name} is stale" for name in found.keys() - truth.keys()]
    return texts + [
        f"{name} differs" for name in truth.keys() & found.keys() if truth[name] != found[name]
    ]
