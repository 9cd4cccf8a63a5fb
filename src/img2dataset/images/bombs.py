"""Bytes and a header -> refused, if decoding them costs more than they can be worth."""

from __future__ import annotations

import re

from img2dataset.errors import Reason, RowError
from img2dataset.images.probe import Header

DENSEST = {"PNG": 8 * 1032, "JPEG": 1024, "PPM": 8, "QOI": 62}
"""Pixels that a byte can hold at most: deflate makes 1032 bytes of one; a JPEG spends a bit on
each block, and at least one of its channels has a fourth of the pixels; the others know no
packing, or runs.  Formats that are not here may pack any number into a few bytes."""
SLACK = 1_000_000
"""Pixels that are not worth the question."""
MOST_SCANS = 100
"""Of a JPEG.  Real ones have 3 to 20; each may cost as much as the whole image, and take no space."""

FRAME = re.compile(rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]")
"""Markers that say how a JPEG is coded."""
ARITHMETIC = re.compile(rb"\xff[\xc9-\xcb\xcd-\xcf]")
IN_ONE_GO = frozenset({0xC0, 0xC1, 0xC3})
MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""What is no pixel, and no mark between pixels."""
SCAN, END = 0xDA, 0xD9


def check_length(data: bytes, header: Header) -> None:
    """Refuse a file that is too short for the pixels it promises, before there is space for them."""
    pixels = header.width * header.height
    if pixels <= SLACK:
        return
    densest = DENSEST.get(header.format)
    if densest is None or pixels <= densest * len(data):
        return
    if header.format == "JPEG" and ARITHMETIC.search(data):
        return  # such coding knows no least length
    raise RowError(Reason.DECODE)


def check_scans(data: bytes) -> None:
    """Refuse a JPEG of more than MOST_SCANS scans."""
    scan = data.find(b"\xff\xda")
    frame = FRAME.search(data, 0, max(scan, 0))
    if (
        frame is not None
        and data[frame.end() - 1] in IN_ONE_GO
        and _channels(data, frame) == data[scan + 4 : scan + 5]
    ):
        return
    # thumbnails and what comes behind the end may look like scans: so count twice
    if data.count(b"\xff\xda") > MOST_SCANS and _scans(data) > MOST_SCANS:
        raise RowError(Reason.DECODE)


def _channels(data: bytes, frame: re.Match[bytes]) -> bytes:
    return data[frame.start() + 9 : frame.start() + 10]


def _scans(data: bytes) -> int:
    count, at = 0, 2
    while (found := MARKER.search(data, at)) is not None:
        marker = data[found.end() - 1]
        if marker == END:
            break
        count += marker == SCAN
        length = int.from_bytes(data[found.end() : found.end() + 2], "big")
        at = found.end() + (0 if marker in (0x01, 0xD8) else length)
    return count
