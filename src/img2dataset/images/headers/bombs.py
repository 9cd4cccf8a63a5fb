"""Bytes and a header -> refused, if decoding them costs more than they can be worth."""

from __future__ import annotations

import re
from collections.abc import Iterator

from img2dataset.errors import Reason, RowError
from img2dataset.images.native import JPEG
from img2dataset.images.probe import Header

DENSEST = {"PNG": 8 * 1032, "JPEG": 1024, "PPM": 8, "PFM": 1, "QOI": 62}
"""Pixels that a byte can hold at most: deflate makes 1032 bytes of one; a JPEG spends a bit on
each block, and at least one of its channels has a fourth of the pixels; the others know no
packing, or runs.  Formats that are not here may pack any number into a few bytes."""
SLACK = 1_000_000
"""Pixels that are not worth the question."""
MOST_WORDS = 2_000_000
"""Bytes of a PNM whose numbers are written as words: Pillow reads them one by one."""
MOST_SCANS = 100
"""Of a JPEG.  Real ones have 3 to 20; each may cost as much as the whole image, and take no space."""

ARITHMETIC = re.compile(rb"\xff[\xc9-\xcb\xcd-\xcf]")
MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""What is no pixel, and no mark between pixels."""
IN_ONE_GO = frozenset({0xC0, 0xC1, 0xC3})
FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Markers that say how a JPEG is coded; those of files that have a scan for each channel at most."""
SCAN, END = 0xDA, 0xD9
BARE = frozenset({0x01, 0xD8})
"""Markers without a length."""


def check_length(data: bytes, header: Header) -> None:
    """Refuse a file that is too short for the pixels it promises, before there is space for them;
    and a PNM in words that is too long to be read."""
    if header.format == "PPM" and data[1:2] in b"123" and len(data) > MOST_WORDS:
        raise RowError(Reason.DECODE)
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
    """Refuse a JPEG of more than MOST_SCANS scans, or whose last ones are missing: libjpeg does
    not warn of that."""
    if _is_one_scan(data):
        return
    # thumbnails and what comes behind the end may look like scans: so count twice
    if data.count(b"\xff\xda") > MOST_SCANS:
        scans = sum(marker == SCAN for marker, _ in _markers(data))
        if scans > MOST_SCANS:
            raise RowError(Reason.DECODE)
    if JPEG is not None and not JPEG.find_pixels_end(data, False):
        raise RowError(Reason.DECODE)


def _is_one_scan(data: bytes) -> bool:
    """Whether the first scan has all channels, and no other may follow."""
    channels = None
    for marker, at in _markers(data):
        if marker in FRAMES:
            channels = data[at + 7 : at + 8] if marker in IN_ONE_GO else None
        if marker == SCAN:
            return channels is not None and channels == data[at + 2 : at + 3]
    return False


def _markers(data: bytes) -> Iterator[tuple[int, int]]:
    """(marker, where what follows it begins), from the first to the end of the image."""
    at = 2
    while (found := MARKER.search(data, at)) is not None:
        at = found.end()
        marker = data[at - 1]
        if marker == END:
            return
        yield marker, at
        if marker not in BARE:
            at += int.from_bytes(data[at : at + 2], "big")
