"""JPEG XL bytes -> their size, their orientation, and whether they are animated, from the first bits
of the codestream (ISO/IEC 18181-1, annex D)."""

from __future__ import annotations

from dataclasses import dataclass

from img2dataset.images.headers.isobmff import walk_boxes
from img2dataset.images.headers.tiff import ORDERS
from img2dataset.images.orientation import swaps_sides

CODESTREAM = b"\xff\x0a"
SIDE_BITS = (9, 13, 18, 30)
"""Bits of a side, by a selector of two bits."""
PREVIEW_BITS = ((6, 8, 10, 12), (0, 0, 5, 9))
"""Bits of a side of a preview, for sides of any length and for those of eights, by a selector."""
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
    is_animated: bool
    exif: bytes


def read_header(data: bytes) -> JxlHeader | None:
    """Read the header; None if there is no codestream."""
    head, exif = _find_head(data)
    if not head.startswith(CODESTREAM):
        return None
    bits = LsbBits(head[len(CODESTREAM) :])
    width, height = _read_size(bits)
    all_default, extra_fields = bits.take(1), bits.take(1)
    orientation, is_animated = 1, False
    if extra_fields and not all_default:
        orientation = 1 + bits.take(3)
        if bits.take(1):
            _read_size(bits)  # of a display
        if bits.take(1):
            _pass_preview(bits)
        is_animated = bool(bits.take(1))
    sides = (height, width) if swaps_sides(orientation) else (width, height)
    return JxlHeader(*sides, orientation, is_animated, exif)


def _read_size(bits: LsbBits) -> tuple[int, int]:
    """Read the width and the height."""
    small = bool(bits.take(1))
    height = _read_side(bits, small=small)
    ratio = bits.take(3)
    if ratio == 0:
        return _read_side(bits, small=small), height
    over, under = RATIOS[ratio - 1]
    return height * over // under, height


def _read_side(bits: LsbBits, *, small: bool) -> int:
    if small:
        return 8 * (bits.take(5) + 1)
    return bits.take(SIDE_BITS[bits.take(2)]) + 1


def _pass_preview(bits: LsbBits) -> None:
    sizes = PREVIEW_BITS[bits.take(1)]
    bits.take(sizes[bits.take(2)])
    if bits.take(3) == 0:
        bits.take(sizes[bits.take(2)])


def _find_head(data: bytes) -> tuple[bytes, bytes]:
    """Find the first bytes of the codestream, which lies open or in boxes of a container, and the
    EXIF block."""
    if data.startswith(CODESTREAM):
        return data[:HEADER_BYTES], b""
    head, exif = b"", b""
    for box in walk_boxes(data):
        if box.kind in (b"jxlc", b"jxlp") and len(head) < HEADER_BYTES:
            start = box.at + (4 if box.kind == b"jxlp" else 0)  # parts are numbered
            head += data[start : min(box.end, start + HEADER_BYTES)]
        if box.kind == b"Exif" and not exif:
            exif = data[box.at : box.end]
            # an offset, nearly always 0, goes before; some leave it out
            exif = exif if exif[:4] in ORDERS else exif[4:]
    return head[:HEADER_BYTES], exif
