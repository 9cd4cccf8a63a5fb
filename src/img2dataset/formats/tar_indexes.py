"""What is in the tar of a shard -> its index files, by which loaders find samples without reading it.

Offsets count from the beginning of the tar.  The formats are those of wds2idx.py of DALI (its
version 1.2), of Megatron-Energon 7, and of webshart 0.6; none of them has a file for an empty tar
but webshart.
"""

from __future__ import annotations

import tarfile
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from sys import byteorder
from typing import Any

import orjson

from img2dataset.formats.tar_reading import Place, pad
from img2dataset.options import QUALITY
from img2dataset.options.choices import IndexKind

JSON = "json"
Sizes = Mapping[str, tuple[int, int]]
"""Key of a sample -> width and height of its image, in pixels."""


@dataclass(frozen=True, slots=True)
class TarContents:
    """What is in a tar."""

    name: str
    """Of its file, without folders."""
    places: Sequence[Place]
    """Of its members, in their order."""
    bytes: int
    """Of the file."""
    sizes: Sizes = field(default_factory=dict)
    """Of images whose size is known."""

    @property
    def end(self) -> int:
        """Where the members end: at the first of the two empty blocks."""
        if not self.places:
            return 0
        last = self.places[-1]
        return last.offset + pad(last.size)

    def samples(self) -> Iterator[tuple[str, list[Place]]]:
        """Yield the members of each sample, which stand side by side, with its key."""
        for key, places in groupby(self.places, key=lambda place: place.key):
            yield key, list(places)


def build_dali(tar: TarContents) -> bytes | None:
    """Build a text: a line for each sample, with extension, offset, size and name of its members.

    DALI takes no index without samples.
    """
    lines = [
        " ".join(f"{each.extension} {each.offset} {each.size} {each.name}" for each in places)
        for _, places in tar.samples()
    ]
    if not lines:
        return None
    return "\n".join([f"v1.2 {len(lines)}", *lines, ""]).encode()


def build_energon(tar: TarContents) -> bytes | None:
    """Build 64-bit numbers: where the headers of each sample begin, and where the last one ends.

    Energon takes no empty tar.
    """
    starts = array("Q", (places[0].start for _, places in tar.samples()))
    if not starts:
        return None
    starts.append(tar.end)
    if byteorder == "big":
        starts.byteswap()
    return starts.tobytes()


def build_webshart(tar: TarContents) -> bytes:
    """Build a JSON object of all members; images have their size, and the place of their JSON."""
    files: dict[str, dict[str, Any]] = {}
    unknown = 0
    for key, places in tar.samples():
        documents = [place for place in places if place.extension == JSON]
        for place in places:
            entry: dict[str, Any] = {"offset": place.offset, "length": place.size}
            files[place.name] = entry
            if place.extension not in QUALITY:
                continue
            if key in tar.sizes:
                width, height = tar.sizes[key]
                entry |= {"width": width, "height": height, "aspect": round(width / height, 6)}
            else:
                unknown += 1
            for document in documents:
                entry |= {
                    "json_path": document.name,
                    "json_offset": document.offset,
                    "json_length": document.size,
                }
    return orjson.dumps(
        {
            "path": tar.name,
            "filesize": tar.bytes,
            "includes_image_geometry": bool(files) and not unknown,
            "files": files,
        }
    )


SUFFIXES: Mapping[str, str] = {
    IndexKind.DALI.value: ".idx",
    IndexKind.ENERGON.value: ".tar.idx",
    IndexKind.WEBSHART.value: ".json",
}
"""Kind of index -> what is appended to the name of a shard."""
BUILDERS: Mapping[str, Callable[[TarContents], bytes | None]] = {
    IndexKind.DALI.value: build_dali,
    IndexKind.ENERGON.value: build_energon,
    IndexKind.WEBSHART.value: build_webshart,
}


def build_indexes(tar: TarContents, kinds: Collection[str]) -> dict[str, bytes]:
    """Build the index files of these kinds that a tar can have: suffix -> content."""
    built = {SUFFIXES[kind]: build(tar) for kind, build in BUILDERS.items() if kind in kinds}
    return {suffix: data for suffix, data in built.items() if data is not None}


def has_index(kind: str, samples: int) -> bool:
    """Whether a tar with so many samples has an index file of this kind."""
    return kind == IndexKind.WEBSHART or samples > 0


def fits_tar(kind: str, index: bytes, samples: int, tar_bytes: int) -> bool:
    """Whether an index file is of a tar with so many samples and bytes.

    This looks at the index only: another tar has, as good as always, another size.
    """
    try:
        found, end = MEASURES[kind](index)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):  # not such an index
        return False
    if kind == IndexKind.WEBSHART:
        return (found, end) == (samples, tar_bytes)
    return found == samples and is_end_of_tar(end, tar_bytes)


def is_end_of_tar(end: int, tar_bytes: int) -> bool:
    """Whether the members of a tar of this size may end there: two empty blocks follow, and less
    than a record of padding."""
    return 0 <= tar_bytes - end - 2 * tarfile.BLOCKSIZE < tarfile.RECORDSIZE


def measure_dali(index: bytes) -> tuple[int, int]:
    """Return the samples of an index, and where the last one ends."""
    head, *lines, rest = index.decode().split("\n")
    offset, size = map(int, lines[-1].split()[-3:-1])
    if head != f"v1.2 {len(lines)}" or rest:
        raise ValueError(head)
    return len(lines), pad(offset + size)


def measure_energon(index: bytes) -> tuple[int, int]:
    """Return the samples of an index, and where the last one ends."""
    samples, rest = divmod(len(index), 8)
    if rest:
        raise ValueError(samples)
    return samples - 1, int.from_bytes(index[-8:], "little")


def measure_webshart(index: bytes) -> tuple[int, int]:
    """Return the samples of an index, and the size of its tar."""
    document = orjson.loads(index)
    return len({name.partition(".")[0] for name in document["files"]}), document["filesize"]


MEASURES: Mapping[str, Callable[[bytes], tuple[int, int]]] = {
    IndexKind.DALI.value: measure_dali,
    IndexKind.ENERGON.value: measure_energon,
    IndexKind.WEBSHART.value: measure_webshart,
}
