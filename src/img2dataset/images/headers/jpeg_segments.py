"""JPEG bytes -> their marker segments: the one walk that all readers of headers use.

Names are those of ITU-T T.81, annex B.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")
"""What is no stuffed zero and no restart marker; any number of fill bytes may precede it."""
SOI, EOI, SOS, DHT, DAC, DQT, DRI = 0xD8, 0xD9, 0xDA, 0xC4, 0xCC, 0xDB, 0xDD
APP0, APP1, APP14 = 0xE0, 0xE1, 0xEE
FRAMES = frozenset({*range(0xC0, 0xD0)} - {DHT, 0xC8, DAC})
"""SOF0 to SOF15: how the file is coded, and its size."""
WITHOUT_PARAMETERS = frozenset({0x01, SOI})
"""TEM, and a second beginning; neither has a length."""
WITH_PARAMETERS = frozenset({*range(0x02, 0xD0), *range(SOS, 0xFF)})


def walk_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start of the parameters behind their length, end) of each segment up to EOI.

    Junk and entropy-coded bits are skipped; to read headers only, stop at SOS.  The end may lie
    beyond the data.
    """
    at = 2
    while at + 4 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker not in WITH_PARAMETERS:  # else a search would be slow
            found = MARKER.search(data, at)
            if found is None or found[1][0] == EOI:
                return
            marker, at = found[1][0], found.end() - 2
            if marker in WITHOUT_PARAMETERS or at + 4 > len(data):
                at += 2
                continue
        end = at + 2 + max(2, data[at + 2] << 8 | data[at + 3])
        yield marker, at + 4, end
        at = end
