"""ICO and CUR bytes -> the largest picture in them: where it is, and its true size.

The directory says at most 256 x 256; what stands behind it may be anything.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from img2dataset.images.png import SIGNATURE


@dataclass(frozen=True, slots=True)
class IcoHeader:
    """The largest picture of a file, and of those the deepest."""

    width: int
    height: int
    start: int
    size: int
    is_png: bool


def read_header(data: bytes) -> IcoHeader | None:
    """The header; None if there is no picture within the data."""
    (count,) = struct.unpack_from("<H", data, 4) if len(data) >= 6 else (0,)
    entries = []
    for at in range(6, min(6 + 16 * count, len(data) - 15), 16):
        width, height, _, _, _, bits, size, start = struct.unpack_from("<BBBBHHII", data, at)
        # of a cursor the bits are its hot spot
        sides = (width or 256, height or 256)
        entries.append((sides[0] * sides[1], bits if data[2] == 1 else 0, -at, size, start))
    if not entries:
        return None
    *_, size, start = max(entries)
    return _picture(data, start, size)


def _picture(data: bytes, start: int, size: int) -> IcoHeader | None:
    if start + size > len(data):
        return None
    if data.startswith(SIGNATURE, start) and size >= 33:
        width, height = struct.unpack_from(">II", data, start + 16)
        return IcoHeader(width, height, start, size, is_png=True)
    if size < 40:
        return None
    width, both = struct.unpack_from("<ii", data, start + 4)  # colours, and below them the mask
    return IcoHeader(abs(width), abs(both) // 2, start, size, is_png=False)


def alone(data: bytes, header: IcoHeader) -> bytes:
    """An ICO with that picture only: which of several a decoder takes differs."""
    sides = header.width & 0xFF, header.height & 0xFF
    entry = struct.pack("<HHHBBBBHHII", 0, 1, 1, *sides, 0, 0, 1, 32, header.size, 22)
    return entry + data[header.start : header.start + header.size]
