"""What is in the tar of a shard -> its index files, by which loaders find samples without reading it.

Offsets count from the beginning of the tar.  The formats are those of wds2idx.py of DALI (its
version 1.2), of Megatron-Energon 7, and of webshart 0.6; none of them has a file for an empty tar
but webshart.
"""

from __future__ import annotations

import re
import tarfile
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from sys import byteorder

import orjson

from img2dataset.formats.tar_reading import pad
from img2dataset.options import QUALITY
from img2dataset.options.choices import IndexKind

JSON = "json"
Sizes = Mapping[str, tuple[int, int]]
"""Key of a sample -> width and height of its image, in pixels."""


PlaceFields = tuple[str, int, int, int]
"""The fields of a Place.  A writer keeps plain tuples, of which the garbage collector lets go at
its first look; it would go through a million objects of a class again and again."""


@dataclass(frozen=True, slots=True)
class TarContents:
    """What is in a tar."""

    name: str
    """Of its file, without folders."""
    places: Sequence[PlaceFields]
    """Of its members, in their order: name, start, offset, size."""
    bytes: int
    """Of the file."""
    sizes: Sizes = field(default_factory=dict)
    """Of images whose size is known."""

    @property
    def end(self) -> int:
        """Where the members end: at the first of the two empty blocks."""
        if not self.places:
            return 0
        _, _, offset, size = self.places[-1]
        return offset + pad(size)

    def samples(self) -> Iterator[tuple[str, Sequence[PlaceFields]]]:
        """Yield the members of each sample, which stand side by side, with its key."""
        first, key = 0, None
        for number, (name, *_) in enumerate(self.places):
            own = name.partition(".")[0]
            if own != key:
                if key is not None:
                    yield key, self.places[first:number]
                first, key = number, own
        if key is not None:
            yield key, self.places[first:]


def build_dali(tar: TarContents) -> bytes | None:
    """Build a text: a line for each sample, with extension, offset, size and name of its members.

    DALI takes no index without samples.
    """
    lines: list[str] = []
    before = None
    for name, _, offset, size in tar.places:
        key, _, extension = name.partition(".")
        text = f"{extension} {offset} {size} {name}"
        if key == before:
            lines[-1] += f" {text}"
        else:
            lines.append(text)
        before = key
    if not lines:
        return None
    return "\n".join([f"v1.2 {len(lines)}", *lines, ""]).encode()


def build_energon(tar: TarContents) -> bytes | None:
    """Build 64-bit numbers: where the headers of each sample begin, and where the last one ends.

    Energon takes no empty tar.
    """
    starts = array("Q")
    before = None
    for name, start, _, _ in tar.places:
        key = name.partition(".")[0]
        if key != before:
            starts.append(start)
        before = key
    if not starts:
        return None
    starts.append(tar.end)
    if byteorder == "big":
        starts.byteswap()
    return starts.tobytes()


def build_webshart(tar: TarContents) -> bytes:
    """Build a JSON object of all members; images have their size, and the place of their JSON."""
    entries: list[str] = []
    unknown = 0
    for key, places in tar.samples():
        extra = ""
        for name, _, offset, size in places:
            if name.endswith(f".{JSON}"):
                extra = f',"json_path":{quote(name)},"json_offset":{offset},"json_length":{size}'
        for name, _, offset, size in places:
            text = f'{quote(name)}:{{"offset":{offset},"length":{size}'
            if name.rpartition(".")[2] in QUALITY:
                width, height = tar.sizes.get(key, (0, 0))
                unknown += not width
                if width:
                    aspect = round(width / height, 6)
                    text += f',"width":{width},"height":{height},"aspect":{aspect}'
                text += extra
            entries.append(f"{text}}}")
    has_geometry = "true" if entries and not unknown else "false"
    head = f'{{"path":{quote(tar.name)},"filesize":{tar.bytes},"includes_image_geometry":'
    return f'{head}{has_geometry},"files":{{{",".join(entries)}}}}}'.encode()


def quote(name: str) -> str:
    """Write a name as JSON."""
    return f'"{name}"' if PLAIN.fullmatch(name) else orjson.dumps(name).decode()


PLAIN = re.compile(r"[\w.]+", re.ASCII)


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
