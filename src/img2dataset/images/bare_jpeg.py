"""Unusual JPEG bytes -> a JPEG of only what makes its pixels, if they are complete.

libjpeg reports its first warning only, so that a harmless one hides missing pixels.  Here the
pixels alone are checked, by reading the codes of all scans: `native/jpeg_completeness.h`.
"""

from __future__ import annotations

import re

from img2dataset.images.headers.jpeg_segments import (
    APP0,
    APP14,
    DAC,
    DHT,
    DQT,
    DRI,
    FRAMES,
    SOS,
    walk_segments,
)
from img2dataset.images.native import JPEG

START, END = b"\xff\xd8", b"\xff\xd9"
JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
"""Says by its presence that colours are YCbCr; its version is one that every reader accepts."""
NEXT_MARKER = re.compile(rb"\xff+([\x01-\xfe])")
MAKES_PIXELS = frozenset({*FRAMES, DHT, DAC, DQT, DRI})


def keep_pixels_only(data: bytes) -> bytes | None:
    """Return the image without metadata, junk and trailers; None if pixels are missing.

    None as well without the compiled module, which checks that.
    """
    end = _find_pixels_end(data)
    if not end:
        return None
    parts = [START]
    for marker, start, segment_end in walk_segments(data):
        if marker == SOS:
            return b"".join([*parts, data[start - 4 : end], END])
        if marker == APP0 and data.startswith(b"JFIF\0", start):
            parts.append(JFIF)
        elif marker in MAKES_PIXELS or (marker == APP14 and data.startswith(b"Adobe", start)):
            parts.append(data[start - 4 : segment_end])
    return None


def has_end_marker(data: bytes) -> bool:
    """Whether a complete JPEG has its end marker, which some readers insist on."""
    if data.endswith(END):
        return True
    found = NEXT_MARKER.search(data, _find_pixels_end(data))
    return found is not None and found[1] == END[1:]


def _find_pixels_end(data: bytes) -> int:
    return 0 if JPEG is None else int(JPEG.find_pixels_end(data, True))
