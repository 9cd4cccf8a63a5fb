"""PNG bytes -> whether readers that are stricter than browsers open the file.

The rules are those of Pillow and OpenCV together.
"""

from __future__ import annotations

import re
import zlib

from img2dataset.images.headers.png import (
    GREY,
    PALETTE,
    RGB,
    PngHeader,
    has_right_checksum,
    walk_chunks,
)

OF_PIXELS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
ODD = frozenset({b"tRNS", b"acTL", b"fcTL", b"fdAT"})
"""Transparency, which kept files do not have, and animations, of which readers demand a lot."""
LEAST_BYTES = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9}
"""Kind -> bytes of its body without which Pillow refuses the file."""
BACKGROUND_BYTES = {GREY: 2, RGB: 6, PALETTE: 1}
"""Colour type -> bytes of bKGD without which OpenCV refuses the file."""
NAME = re.compile(rb"[a-z][A-Za-z][A-Z][A-Za-z]")
"""Of chunks that can be passed over."""
PACKED = {
    b"iCCP": re.compile(rb"[^\0]{1,79}\0\0"),
    b"zTXt": re.compile(rb"[^\0]{1,79}\0\0"),
    b"iTXt": re.compile(rb"[^\0]{1,79}\x00\x01\x00[^\0]*\x00[^\0]*\x00"),
}
"""Kind -> what goes before the packed part of its body."""
PLAIN_TEXT = re.compile(rb"[^\0]{1,79}\0\0")
"""What an iTXt begins with that is not packed."""
MAX_ASIDE_BYTES = 1_000_000
"""Of all chunks that make no pixels, unpacked.  Pillow has this limit for one text, OpenCV one of
eight times as much for a chunk."""
LARGEST_WINDOW_BYTES = 1 << 15


def is_regular(data: bytes, header: PngHeader, row_bytes: int) -> bool:
    """Whether a file, of which all rows could be inflated, is also whole and regular."""
    chunks = list(walk_chunks(data))
    if chunks[-1][0] != b"IEND" or not _is_in_order([kind for kind, _, _ in chunks]):
        return False
    aside, packed = 0, b""
    for kind, start, end in chunks:
        if end > len(data) or not has_right_checksum(data, start, end):
            return False
        if kind == b"IDAT" and len(packed) < 2:
            packed = (packed + data[start + 8 : min(start + 10, end - 4)])[:2]
        if kind not in OF_PIXELS:
            size = _measure_aside(kind, data[start + 8 : end - 4], header)
            if size is None:
                return False
            aside += size
    return aside <= MAX_ASIDE_BYTES and _is_window_enough(packed, row_bytes)


def _is_in_order(kinds: list[bytes]) -> bool:
    """Whether the chunks of the pixels follow each other, and there is one palette at most."""
    first, count = kinds.index(b"IDAT"), kinds.count(b"IDAT")
    pixels, later = kinds[first : first + count], kinds[first + count :]
    return set(pixels) == {b"IDAT"} and b"PLTE" not in later and kinds.count(b"PLTE") <= 1


def _measure_aside(kind: bytes, body: bytes, header: PngHeader) -> int | None:
    """Count the bytes of a chunk that makes no pixels, unpacked; None if a reader may refuse it."""
    if kind in ODD or not NAME.fullmatch(kind) or len(body) < LEAST_BYTES.get(kind, 0):
        return None
    if kind == b"bKGD" and len(body) != BACKGROUND_BYTES.get(header.colour):
        return None
    if kind not in PACKED or (kind == b"iTXt" and PLAIN_TEXT.match(body)):
        return len(body)
    head = PACKED[kind].match(body)
    if head is None:
        return None
    inflate = zlib.decompressobj()
    try:
        size = len(inflate.decompress(body[head.end() :], MAX_ASIDE_BYTES))
    except zlib.error:
        return None
    return None if inflate.unconsumed_tail else size


def _is_window_enough(packed: bytes, row_bytes: int) -> bool:
    """Whether the head of the zlib stream is right, and its window reaches as far back as needed."""
    if len(packed) < 2 or int.from_bytes(packed, "big") % 31 or packed[0] & 15 != zlib.DEFLATED:
        return False
    window = 1 << (packed[0] >> 4) + 8
    has_dictionary = packed[1] & 0x20
    return not has_dictionary and min(row_bytes, LARGEST_WINDOW_BYTES) <= window
