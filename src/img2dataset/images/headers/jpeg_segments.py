"""JPEG bytes -> their marker segments: the one walk that all readers of headers use.

Names are those of ITU-T T.81, annex B.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")
"""What is no stuffed zero and no restart marker; any number of fill bytes may precede it."""
SOI, EOI, SOS, DHT, DAC, DQT, DRI = 0xD8, 0xD9, 0xDA, 0xC4, 0xCC, 0xDB, 0xDD
APP0, APP1, APP14 = 0xE0, 0xE1, 0xEE
FRAMES = frozenset({*range(0xC0, 0xD0)} - {DHT, 0xC8, DAC})
"""SOF0 to SOF15: how the file is coded, and its size."""
WITHOUT_PARAMETERS = frozenset({0x01, SOI})
"""TEM, and a second beginning; neither has a length."""


class Segment(NamedTuple):
    """A marker and its parameters."""

    marker: int
    start: int
    """Of the parameters, behind the marker and their length."""
    end: int
    """May lie beyond the data."""


def walk_segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments up to EOI; junk, and entropy-coded bits, are passed over.

    To read headers only, stop at SOS.
    """
    at = 2
    while (found := MARKER.search(data, at)) is not None:
        marker, at = found[1][0], found.end()
        if marker == EOI:
            return
        if marker not in WITHOUT_PARAMETERS:
            end = at + max(2, int.from_bytes(data[at : at + 2], "big"))
            yield Segment(marker, at + 2, end)
            at = end
