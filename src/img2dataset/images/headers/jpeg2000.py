"""JPEG 2000 bytes -> what the codestream's first segment says."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from img2dataset.images.headers.isobmff import walk_boxes

SIZ_START = b"\xff\x4f\xff\x51"
"""The codestream begins, and with the segment of sizes."""


@dataclass(frozen=True, slots=True)
class Jpeg2000Size:
    """Of the whole image; `bits` are those of its deepest channel."""

    width: int
    height: int
    channels: int
    bits: int


CIELAB = 14
"""The value of EnumCS for it (ITU-T T.801, M.11.7.3)."""


def is_lab(data: bytes) -> bool:
    """Whether the colours are CIELab, which the decoders take for red, green and blue."""
    for box in walk_boxes(data):
        if box.kind != b"jp2h":
            continue
        for inner in box.children():
            if inner.kind == b"colr" and inner.take(1) == 1:
                inner.take(2)
                return inner.take(4) == CIELAB
    return False


def read_size(data: bytes) -> Jpeg2000Size | None:
    """Read the size from the codestream; None if there is none."""
    at = data.find(SIZ_START)
    if at < 0 or len(data) < at + 42:
        return None
    right, bottom, left, top = struct.unpack_from(">4I", data, at + 8)
    (channels,) = struct.unpack_from(">H", data, at + 40)
    depths = data[at + 42 : at + 42 + 3 * channels : 3]
    bits = max((depth & 0x7F) + 1 for depth in depths) if depths else 0
    return Jpeg2000Size(right - left, bottom - top, channels, bits)
