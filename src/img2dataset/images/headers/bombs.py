"""Bytes and a header -> refused if decoding would cost far more than the file promises."""

from __future__ import annotations

import re

from img2dataset.errors import Reason, RowError
from img2dataset.images.header import Header
from img2dataset.images.headers.jpeg_segments import FRAMES, SOS, walk_segments
from img2dataset.images.native import JPEG

MAX_PIXELS_PER_BYTE = {"PNG": 8 * 1032, "JPEG": 1024, "PPM": 8, "PFM": 1, "QOI": 62}
"""Pixels that a byte can hold at most: deflate makes 1032 bytes of one; a JPEG spends a bit on
each block, and at least one of its channels has a fourth of the pixels; the others know no
packing, or runs.  Formats that are not here may pack any number into a few bytes."""
UNCHECKED_PIXELS = 1_000_000
"""Images up to so many pixels are not checked."""
MAX_PNM_TEXT_BYTES = 2_000_000
"""Bytes of a PNM whose numbers are written as words: Pillow reads them one by one."""
MAX_SCANS = 100
"""Of a JPEG.  Real ones have 3 to 20; each may cost as much as the whole image, without any bytes."""

ARITHMETIC = re.compile(rb"\xff[\xc9-\xcb\xcd-\xcf]")
SEQUENTIAL_FRAMES = frozenset({0xC0, 0xC1, 0xC3})
"""Frames of files that have at most one scan for each component: not progressive."""


def check_length(data: bytes, header: Header) -> None:
    """Refuse a file that is too short for the pixels it promises, before there is space for them;
    and a PNM in words that is too long to be read."""
    if header.format == "PPM" and data[1:2] in b"123" and len(data) > MAX_PNM_TEXT_BYTES:
        raise RowError(Reason.DECODE)
    pixels = header.width * header.height
    if pixels <= UNCHECKED_PIXELS:
        return
    max_per_byte = MAX_PIXELS_PER_BYTE.get(header.format)
    if max_per_byte is None or pixels <= max_per_byte * len(data):
        return
    if header.format == "JPEG" and ARITHMETIC.search(data):
        return  # arithmetic coding has no minimum length
    raise RowError(Reason.DECODE)


def check_scans(data: bytes) -> None:
    """Refuse a JPEG of more than MOST_SCANS scans, or whose last ones are missing: of which
    libjpeg does not warn."""
    if _is_one_scan(data):
        return
    # thumbnails and trailers may look like scans: count exactly only if there are many
    if data.count(b"\xff\xda") > MAX_SCANS:
        scans = sum(segment.marker == SOS for segment in walk_segments(data))
        if scans > MAX_SCANS:
            raise RowError(Reason.DECODE)
    if JPEG is not None and not JPEG.find_pixels_end(data, False):
        raise RowError(Reason.DECODE)


def _is_one_scan(data: bytes) -> bool:
    """Whether the first scan has all components, so that no other may follow."""
    components = None
    for marker, start, _ in walk_segments(data):
        if marker in FRAMES:
            components = data[start + 5 : start + 6] if marker in SEQUENTIAL_FRAMES else None
        if marker == SOS:
            return components is not None and components == data[start : start + 1]
    return False
