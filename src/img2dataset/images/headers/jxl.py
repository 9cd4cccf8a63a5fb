"""JPEG XL bytes -> their size and orientation, from the first bits of the codestream."""

from __future__ import annotations

from dataclasses import dataclass

from img2dataset.images.headers.isobmff import walk_boxes
from img2dataset.images.headers.tiff import ORDERS
from img2dataset.images.orientation import swaps_sides

CODESTREAM = b"\xff\x0a"
SIDE_BITS = (9, 13, 18, 30)
"""Bits of a side, by a selector of two bits."""
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
HEADER_BYTES = 32


class LsbBits:
    """Read numbers bit by bit, the lowest first."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        return value


@dataclass(frozen=True, slots=True)
class JxlHeader:
    """What a JPEG XL says of itself."""

    width: int
    height: int
    """As displayed."""
    orientation: int
    """Decoders of the codestream have applied it already."""
    exif: bytes


def read_header(data: bytes) -> JxlHeader | None:
    """Read the header; None if there is no codestream."""
    start, exif = _find_codestream(data)
    if start is None:
        return None
    bits = LsbBits(data[start + 2 : start + HEADER_BYTES])
    small = bool(bits.take(1))
    height = _read_side(bits, small=small)
    ratio = bits.take(3)
    if ratio == 0:
        width = _read_side(bits, small=small)
    else:
        over, under = RATIOS[ratio - 1]
        width = height * over // under
    all_default, extra_fields = bits.take(1), bits.take(1)
    orientation = 1 + bits.take(3) if extra_fields and not all_default else 1
    sides = (height, width) if swaps_sides(orientation) else (width, height)
    return JxlHeader(*sides, orientation, exif)


def _read_side(bits: LsbBits, *, small: bool) -> int:
    if small:
        return 8 * (bits.take(5) + 1)
    return bits.take(SIDE_BITS[bits.take(2)]) + 1


def _find_codestream(data: bytes) -> tuple[int | None, bytes]:
    """Find where the codestream begins, at once or in a box of a container, and the EXIF block."""
    if data.startswith(CODESTREAM):
        return 0, b""
    start, exif = None, b""
    for box in walk_boxes(data):
        if box.kind in (b"jxlc", b"jxlp") and start is None:
            place = box.at + (4 if box.kind == b"jxlp" else 0)  # parts are numbered
            start = place if data.startswith(CODESTREAM, place) else None
        if box.kind == b"Exif" and not exif:
            exif = data[box.at : box.end]
            # an offset, nearly always 0, goes before; some leave it out
            exif = exif if exif[:4] in ORDERS else exif[4:]
    return start, exif
