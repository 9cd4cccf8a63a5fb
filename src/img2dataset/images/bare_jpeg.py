"""Odd JPEG bytes -> a JPEG of what makes its pixels, if all of them are there.

libjpeg tells of its first complaint only, so a harmless one hides that half of the picture is
missing.  Here the pixels alone are judged: by reading the codes of all scans, in `jpeg_completeness.h`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from img2dataset.images.native import JPEG

START, END = b"\xff\xd8", b"\xff\xd9"
JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
"""Decides, by being there, that colours are YCbCr; here of a version that nobody minds."""
MARKER = re.compile(rb"\xff+([\x01-\xfe])")
BARE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""
SCAN, APP0, APP14, LAST = 0xDA, 0xE0, 0xEE, 0xD9
FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
MAKES_PIXELS = frozenset({*FRAMES, 0xC4, 0xCC, 0xDB, 0xDD})
RGB_IDS = b"RGB"
BITS = 8


def pixels_only(data: bytes) -> bytes | None:
    """The same picture without metadata, junk and trailers; None if pixels are missing.

    Without our compiled part nobody can judge that: None.
    """
    end = _find_pixels_end(data)
    if not end:
        return None
    parts = [START]
    for marker, start, body in _segments(data):
        if marker == SCAN:
            return b"".join([*parts, data[start:end], END])
        if marker == APP0 and body.startswith(b"JFIF\0"):
            parts.append(JFIF)
        elif marker in MAKES_PIXELS or (marker == APP14 and body.startswith(b"Adobe")):
            parts.append(data[start : start + 4] + body)
    return None


def ends_well(data: bytes) -> bool:
    """Whether a whole JPEG has its end marker, which some readers insist on."""
    if data.endswith(END):
        return True
    found = MARKER.search(data, _find_pixels_end(data))
    return found is not None and found[1] == END[1:]


def read_frame(data: bytes) -> tuple[int, int, str] | None:
    """Height, width and colours of a JPEG whatever its sampling; None if it is none of ours."""
    jfif, adobe, frame = False, None, b""
    for marker, _, body in _segments(data):
        if marker == SCAN:
            break
        if marker == APP0:
            jfif = jfif or body.startswith(b"JFIF\0")
        elif marker == APP14 and body.startswith(b"Adobe") and len(body) >= 12:
            adobe = body[11]
        elif marker in FRAMES:
            frame = body
    else:
        return None
    if len(frame) < 6 or frame[0] != BITS or len(frame) < 6 + 3 * frame[5]:
        return None
    colours = _colours(frame[6 : 6 + 3 * frame[5] : 3], jfif=jfif, adobe=adobe)
    height, width = (int.from_bytes(frame[at : at + 2], "big") for at in (1, 3))
    return None if colours is None else (height, width, colours)


def _colours(ids: bytes, *, jfif: bool, adobe: int | None) -> str | None:
    """As libjpeg guesses them."""
    match len(ids):
        case 1:
            return "Gray"
        case 3:
            is_rgb = adobe == 0 if adobe is not None else ids == RGB_IDS
            return "RGB" if is_rgb and not jfif else "YCbCr"
        case 4:
            return "YCCK" if adobe == 2 else "CMYK"
    return None


def _segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(marker, where it begins, its body) up to the first scan; junk between is passed over."""
    at = len(START)
    while (found := MARKER.search(data, at)) is not None:
        marker, at = found[1][0], found.end()
        if marker == LAST:
            return
        if marker in BARE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        yield marker, at - 2, data[at + 2 : at + length]
        if marker == SCAN:
            return
        at += max(length, 2)


def _find_pixels_end(data: bytes) -> int:
    return 0 if JPEG is None else int(JPEG.find_pixels_end(data, True))
