"""PNG bytes -> what their chunks say, and the same image without ancillary chunks."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
ORDER = {b"IHDR": 0, b"PLTE": 1, b"tRNS": 2, b"IDAT": 3, b"IEND": 4}
"""The chunks that make the pixels -> their place.  libpng warns about oddities in others."""
MAX_CHUNKS = 200_000
GREY, PALETTE = 0, 3


@dataclass(frozen=True, slots=True)
class PngHeader:
    """What a PNG says about itself before its pixels."""

    width: int
    height: int
    depth: int
    colour: int
    exif: bytes
    transparent_grey: int | None
    """The grey value that counts as transparent, which OpenCV leaves out."""


def read_header(data: bytes) -> PngHeader | None:
    """The header; None if there is none."""
    if data[12:16] != b"IHDR" or len(data) < 33:
        return None
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    exif, transparent = b"", None
    for kind, start, end in _chunks(data):
        if kind == b"eXIf":
            exif = data[start + 8 : end - 4]
        if kind == b"tRNS" and colour == GREY and end - start == 14:
            transparent = int.from_bytes(data[start + 8 : start + 10], "big") & ((1 << depth) - 1)
    return PngHeader(width, height, depth, colour, exif, transparent)


def pixels_only(data: bytes) -> bytes | None:
    """The PNG with the chunks that make its pixels; None if it is damaged or not complete.

    Checked here, because libpng would print its complaints on stderr.
    """
    view = memoryview(data)
    parts: list[bytes | memoryview] = [SIGNATURE]
    place = -1
    for kind, start, end in _chunks(data):
        if kind not in ORDER:
            if not kind[0] & 0x20:  # critical, and unknown
                return None
            continue
        if end > len(data) or zlib.crc32(view[start + 4 : end - 4]) != _u32(data, end - 4):
            return None
        last, place = place, ORDER[kind]
        no_palette = last < ORDER[b"PLTE"] < place and data[25] == PALETTE
        if place < last or (place == last and kind != b"IDAT") or no_palette:
            return None
        parts.append(view[start:end])
        if kind == b"IEND":
            return b"".join(parts)
    return None


def profile_in(data: bytes, most: int) -> bytes:
    """The ICC profile; empty if there is none, or it is damaged, or has more than `most` bytes."""
    for kind, start, end in _chunks(data):
        if kind == b"iCCP":
            _, _, packed = data[start + 8 : end - 4].partition(b"\0")
            inflate = zlib.decompressobj()
            try:
                profile = inflate.decompress(packed[1:], most)
            except zlib.error:
                return b""
            return profile if inflate.eof else b""
        if kind == b"IDAT":
            break
    return b""


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of each chunk up to IEND; the last may end beyond the data."""
    start = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if start + 12 > len(data):
            return
        end = start + 12 + _u32(data, start)
        kind = data[start + 4 : start + 8]
        yield kind, start, end
        if kind == b"IEND":
            return
        start = end


def _u32(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "big")
