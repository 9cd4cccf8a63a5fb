"""TIFF bytes, which EXIF blocks also are -> the numbers in their first directory, and what kind
of TIFF they make."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
"""How classic TIFF begins -> its byte order."""
BIG_ORDERS = {b"II+\0": "<", b"MM\0+": ">"}
"""How BigTIFF begins, whose offsets have 64 bits."""
SHORT, LONG, LONG8 = 3, 4, 16
LETTERS = {SHORT: "H", LONG: "I", LONG8: "Q"}
MAX_ENTRIES = 1000
MAX_PARTS = 1_000_000

WIDTH, HEIGHT, BITS, PHOTOMETRIC, ORIENTATION, SAMPLES, PLANAR, EXTRA, FORMAT = (
    0x0100, 0x0101, 0x0102, 0x0106, 0x0112, 0x0115, 0x011C, 0x0152, 0x0153,
)  # fmt: skip
STRIPS, STRIP_SIZES, TILES, TILE_SIZES = 0x0111, 0x0117, 0x0144, 0x0145
TILE_WIDTH, TILE_HEIGHT = 0x0142, 0x0143
LARGE_TILE_PIXELS = 4_000_000
"""Pixels; a tile may have more than the image."""
ICC_PROFILE = 0x8773
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, SEPARATED = 0, 1, 2, 5
STRAIGHT_ALPHA = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a directory."""

    kind: int
    count: int
    at: int
    """Where the entry's own value field begins."""


@dataclass(frozen=True, slots=True)
class TiffHeader:
    """What a TIFF says of the pixels of its first page."""

    width: int
    height: int
    orientation: int
    bits: int
    samples: int
    photometric: int
    planar: bool
    """Whether each channel is stored apart."""
    straight_alpha: bool
    floats: bool
    is_big_endian_bigtiff: bool
    """Whether it is a BigTIFF with the highest byte first."""
    whole: bool
    """Whether everything it points to is there."""
    oversized_tiles: bool
    """Whether its tiles are much larger than the image, which would waste memory."""

    @property
    def readable(self) -> bool:
        """Whether a decoder reads it right: OpenCV and Pillow mix up deep planes."""
        inverted_floats = self.floats and self.photometric == WHITE_IS_ZERO
        deep_planes = self.planar and self.bits > 8
        return self.whole and not (self.oversized_tiles or inverted_floats or deep_planes)

    @property
    def by_opencv(self) -> bool:
        """Whether OpenCV decodes it: grey, RGB, or RGB and straight alpha, of more than 8 bits (or
        in a BigTIFF whose byte order Pillow does not know).

        Pillow decodes everything else, and refuses damaged files that OpenCV fills up.
        """
        alike = self.photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB)
        plain = self.samples in (1, 3) or (self.samples == 4 and self.straight_alpha)
        return (self.bits > 8 or self.is_big_endian_bigtiff) and alike and plain


def read_numbers(block: bytes) -> dict[int, int]:
    """Read tag -> value, for the tags of the first directory that hold one whole number.

    A block that ends early gives what was read so far: photos with damaged EXIF are photos.
    """
    found: dict[int, int] = {}
    order = _find_byte_order(block)
    for tag, entry in _walk_entries(block, order):
        if entry.count == 1 and entry.kind in LETTERS:
            values = _read_values(block, order, entry, 1)
            if values:
                found.setdefault(tag, values[0])
    return found


def read_header(data: bytes) -> TiffHeader | None:
    """Read the header; None if there are no sizes in it."""
    order = _find_byte_order(data)
    entries = dict(reversed(list(_walk_entries(data, order))))  # the first of a tag counts

    def read_first(tag: int, default: int) -> int:
        entry = entries.get(tag)
        values = _read_values(data, order, entry, 1) if entry is not None else ()
        return values[0] if values else default

    width, height = read_first(WIDTH, 0), read_first(HEIGHT, 0)
    if not (width and height):
        return None
    return TiffHeader(
        width=width,
        height=height,
        orientation=read_first(ORIENTATION, 1),
        bits=read_first(BITS, 1),
        samples=read_first(SAMPLES, 1),
        photometric=read_first(PHOTOMETRIC, BLACK_IS_ZERO),
        planar=read_first(PLANAR, 1) == 2 and read_first(SAMPLES, 1) > 1,
        straight_alpha=read_first(EXTRA, 0) == STRAIGHT_ALPHA,
        floats=read_first(FORMAT, 1) == 3,
        is_big_endian_bigtiff=data.startswith(b"MM\0+"),
        oversized_tiles=read_first(TILE_WIDTH, 0) * read_first(TILE_HEIGHT, 0)
        > max(LARGE_TILE_PIXELS, width * height),
        whole=_has_all_parts(data, order, entries),
    )


def read_profile(data: bytes) -> bytes:
    """Read the ICC profile; empty if there is none."""
    order = _find_byte_order(data)
    for tag, entry in _walk_entries(data, order):
        if tag == ICC_PROFILE and entry.count > 8:
            kind = LONG8 if _is_big(data) else LONG
            at = _read_values(data, order, Entry(kind, 1, entry.at), 1)
            return data[at[0] : at[0] + entry.count] if at else b""
    return b""


def _has_all_parts(data: bytes, order: str, entries: dict[int, Entry]) -> bool:
    """Whether every strip or tile lies within the data."""
    for places, sizes in ((STRIPS, STRIP_SIZES), (TILES, TILE_SIZES)):
        if places in entries and sizes in entries:
            starts = _read_values(data, order, entries[places], MAX_PARTS)
            lengths = _read_values(data, order, entries[sizes], MAX_PARTS)
            ends = (start + length for start, length in zip(starts, lengths, strict=False))
            return len(starts) > 0 and max(ends, default=0) <= len(data)
    return True  # very old files do not say how long their strips are


def _find_byte_order(block: bytes) -> str:
    return ORDERS.get(block[:4]) or BIG_ORDERS.get(block[:4]) or ""


def _is_big(block: bytes) -> bool:
    return block[:4] in BIG_ORDERS


def _walk_entries(block: bytes, order: str) -> Iterator[tuple[int, Entry]]:
    if not order:
        return
    try:
        if _is_big(block):
            (start,) = _unpack(order + "Q", block, 8)
            (count,) = _unpack(order + "Q", block, start)
            read_first, line, size = start + 8, order + "HHQ", 20
        else:
            (start,) = _unpack(order + "I", block, 4)
            (count,) = _unpack(order + "H", block, start)
            read_first, line, size = start + 2, order + "HHI", 12
        for at in range(read_first, read_first + size * min(count, MAX_ENTRIES), size):
            tag, kind, values = _unpack(line, block, at)
            yield tag, Entry(kind, values, at + struct.calcsize(line))
    except struct.error:
        return


def _read_values(block: bytes, order: str, entry: Entry, most: int) -> tuple[int, ...]:
    """Read the first whole numbers of an entry; none if it holds other values, or ends early."""
    letter = LETTERS.get(entry.kind)
    if letter is None:
        return ()
    size = struct.calcsize("=" + letter)
    pointer = "Q" if _is_big(block) else "I"
    try:
        at = entry.at
        if size * entry.count > struct.calcsize("=" + pointer):
            (at,) = _unpack(order + pointer, block, at)
        return _unpack(f"{order}{min(entry.count, most)}{letter}", block, at)
    except struct.error:
        return ()


def _unpack(how: str, block: bytes, at: int) -> tuple[int, ...]:
    """Unpack as struct does, and raise struct.error for an offset behind the end as well."""
    if at > len(block):
        raise struct.error
    return struct.unpack_from(how, block, at)
