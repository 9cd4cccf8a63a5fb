"""Two output folders -> what is different between them.

    python -m tests.compat.compare OLD_DIR NEW_DIR

Compared: names of files and tar members, JSON keys, order, values and bytes, captions, columns
and types and values of the tables, statistics, TFRecord features, decoded pixels.  Rows and
samples are matched by key, so their order is free; members of one sample have an order.
Not compared: times, and everything about tar members but name, order, mode and content.
"""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan, log10
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tfrecord import example_pb2
from tfrecord.reader import tfrecord_iterator

FOLDER_WIDE = ("README.md", "croissant.json", "metadata.parquet", "sizes.json")
"""What the old tool does not write: it is beside the shards."""
IMAGES = (".jpg", ".png", ".webp")
TIMES = ("duration", "start_time", "end_time")


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not the same on both sides."""

    kind: str
    """names, order, value, type, bytes, pixels, mode."""
    where: str
    """File, and in it the member or the row."""
    what: str
    """Key, column or feature; empty if all of it."""
    old: Any
    new: Any
    """For pixels: the PSNR in dB, or the two shapes."""

    def __str__(self) -> str:
        place = f"{self.where} {self.what}".rstrip()
        return f"{self.kind}: {place}: old {short(self.old)}, new {short(self.new)}"


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 200 else f"{text[:200]}..."


def differences(old: Path, new: Path) -> Iterator[Difference]:
    """Everything that is different; file by file, in the order of the names."""
    old_names, new_names = visible(old), visible(new)
    yield from compare_names("", old_names, new_names)
    for name in sorted(set(old_names) & set(new_names)):
        if (old / name).is_file():
            yield from compare_file(name, old / name, new / name)


def visible(folder: Path) -> list[str]:
    """Names of files and folders of shards, at any depth, without what is hidden."""
    found = (path.relative_to(folder) for path in folder.rglob("*"))
    return sorted(
        str(path)
        for path in found
        if not any(part.startswith(".") for part in path.parts) and str(path) not in FOLDER_WIDE
    )


def compare_names(where: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Difference]:
    for name in sorted(set(old) ^ set(new)):
        yield Difference("names", where, name, name in old, name in new)


def compare_file(name: str, old: Path, new: Path) -> Iterator[Difference]:
    match old.suffix:
        case ".parquet":
            yield from compare_tables(name, pq.read_table(old), pq.read_table(new))
        case ".tar":
            yield from compare_tars(name, old, new)
        case ".tfrecord":
            yield from compare_examples(name, old, new)
        case ".json" if name.endswith("_stats.json"):
            yield from compare_stats(name, old.read_bytes(), new.read_bytes())
        case _:
            yield from compare_bytes(name, old.read_bytes(), new.read_bytes())


def compare_bytes(where: str, old: bytes, new: bytes) -> Iterator[Difference]:
    """A member of a sample: image, JSON or caption, told by the extension in `where`."""
    if old == new:
        return
    if where.endswith(IMAGES):
        yield from compare_pictures(where, "", old, new)
    elif where.endswith(".json"):
        yield from compare_documents(where, old, new)
    else:
        yield Difference("value", where, "", old, new)


def compare_documents(where: str, old: bytes, new: bytes) -> Iterator[Difference]:
    found = list(compare_objects(where, json.loads(old), json.loads(new)))
    yield from found or [Difference("bytes", where, "", old, new)]


def compare_objects(
    where: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[Difference]:
    if list(old) != list(new):
        yield Difference("order", where, "", list(old), list(new))
    for key in old.keys() & new.keys():
        if not same(old[key], new[key]):
            yield Difference("value", where, key, old[key], new[key])


def same(old: Any, new: Any) -> bool:
    """Equal in type and value; NaN is NaN."""
    if isinstance(old, float) and isinstance(new, float) and isnan(old) and isnan(new):
        return True
    return type(old) is type(new) and bool(old == new)


def compare_stats(where: str, old: bytes, new: bytes) -> Iterator[Difference]:
    before, after = json.loads(old), json.loads(new)
    for stats in (before, after):
        for key in TIMES:
            if isinstance(stats.get(key), float):
                stats[key] = "some float"
    yield from compare_objects(where, before, after)


def compare_tables(where: str, old: pa.Table, new: pa.Table) -> Iterator[Difference]:
    if old.column_names != new.column_names:
        yield Difference("order", where, "", old.column_names, new.column_names)
    shared = [name for name in old.column_names if name in new.column_names]
    for name in shared:
        if old.schema.field(name).type != new.schema.field(name).type:
            types = (str(table.schema.field(name).type) for table in (old, new))
            yield Difference("type", where, name, *types)
    old_rows, new_rows = (
        {row["key"]: row for row in table.select(shared).to_pylist()} for table in (old, new)
    )
    yield from compare_names(where, list(old_rows), list(new_rows))
    for key in sorted(old_rows.keys() & new_rows.keys()):
        for name in shared:
            place = f"{where}:{key}"
            yield from compare_values(place, name, old_rows[key][name], new_rows[key][name])


def compare_values(where: str, name: str, old: Any, new: Any) -> Iterator[Difference]:
    if f".{name}" in IMAGES and isinstance(old, bytes) and isinstance(new, bytes):
        yield from compare_pictures(where, name, old, new)
    elif not same(old, new):
        yield Difference("value", where, name, old, new)


def compare_pictures(where: str, what: str, old: bytes, new: bytes) -> Iterator[Difference]:
    if old == new:
        return
    before, after = decoded(old), decoded(new)
    if before is None or after is None:
        yield Difference("bytes", where, what, old, new)
    elif shape(before) != shape(after):
        yield Difference("pixels", where, what, shape(before), shape(after))
    elif (quality := psnr(before, after)) < inf:
        yield Difference("pixels", where, what, inf, quality)


def decoded(data: bytes) -> Any:
    """Pixels as stored: grey stays grey, alpha stays."""
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None


def shape(pixels: Any) -> str:
    return f"{'x'.join(map(str, pixels.shape))} {pixels.dtype}"


def psnr(old: Any, new: Any) -> float:
    """Likeness in dB; inf if identical."""
    error = float(np.mean((old.astype(np.float64) - new.astype(np.float64)) ** 2))
    return 10 * log10(255**2 / error) if error > 0 else inf


def compare_tars(where: str, old: Path, new: Path) -> Iterator[Difference]:
    before, after = samples_of(old), samples_of(new)
    yield from compare_names(where, list(before), list(after))
    for key in sorted(before.keys() & after.keys()):
        one, other = before[key], after[key]
        if list(one) != list(other):
            yield Difference("order", f"{where}:{key}", "", list(one), list(other))
        for extension in [extension for extension in one if extension in other]:
            place = f"{where}:{key}.{extension}"
            if one[extension].mode != other[extension].mode:
                modes = (oct(member.mode) for member in (one[extension], other[extension]))
                yield Difference("mode", place, "", *modes)
            yield from compare_bytes(place, one[extension].data, other[extension].data)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a tar."""

    mode: int
    data: bytes


def samples_of(path: Path) -> dict[str, dict[str, Member]]:
    """Key -> extension -> member.

    Raises:
        ValueError: the members of a sample are not adjacent: a reader would see two samples.
    """
    samples: dict[str, dict[str, Member]] = {}
    last = ""
    with tarfile.open(path) as tar:
        for member in tar:
            key, _, extension = member.name.partition(".")
            if key in samples and key != last:
                raise ValueError(f"{path}: the members of {key} are not adjacent")
            file = tar.extractfile(member)
            data = b"" if file is None else file.read()
            samples.setdefault(key, {})[extension] = Member(member.mode, data)
            last = key
    return samples


def compare_examples(where: str, old: Path, new: Path) -> Iterator[Difference]:
    before, after = examples_of(old), examples_of(new)
    yield from compare_names(where, list(before), list(after))
    for key in sorted(before.keys() & after.keys()):
        one, other = before[key], after[key]
        yield from compare_names(f"{where}:{key}", list(one), list(other))
        for name in sorted(one.keys() & other.keys()):
            yield from compare_features(f"{where}:{key}", name, one[name], other[name])


def compare_features(where: str, name: str, old: Any, new: Any) -> Iterator[Difference]:
    (old_kind, old_values), (new_kind, new_values) = old, new
    if old_kind != new_kind:
        yield Difference("type", where, name, old_kind, new_kind)
    elif f".{name}" in IMAGES:
        yield from compare_pictures(where, name, old_values[0], new_values[0])
    elif old_values != new_values:
        yield Difference("value", where, name, old_values, new_values)


def examples_of(path: Path) -> dict[str, dict[str, tuple[str, list[Any]]]]:
    """Key -> feature -> (its kind, its values)."""
    found = {}
    for record in tfrecord_iterator(str(path)) if path.stat().st_size else ():
        example = example_pb2.Example.FromString(bytes(record))
        features = {}
        for name, feature in example.features.feature.items():
            kind = str(feature.WhichOneof("kind"))
            features[name] = (kind, list(getattr(feature, kind).value))
        found[features["key"][1][0].decode()] = features
    return found


def main(argv: Sequence[str] | None = None, write: Callable[[str], Any] = sys.stdout.write) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.compat.compare", description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    folders = parser.parse_args(argv)
    count = 0
    for count, difference in enumerate(differences(folders.old, folders.new), start=1):  # noqa: B007
        write(f"{difference}\n")
    write(f"{count} differences\n")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
