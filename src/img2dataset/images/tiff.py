"""TIFF bytes, which EXIF blocks also are -> the plain numbers in their first directory."""

from __future__ import annotations

import struct

ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
"""How classic TIFF begins -> its byte order."""
SHORT, LONG = 3, 4
MAX_ENTRIES = 1000


def numbers(block: bytes) -> dict[int, int]:
    """Tag -> value, for the tags of the first directory that hold one whole number.

    A block that ends early gives what was read so far: photos with damaged EXIF are photos.
    """
    found: dict[int, int] = {}
    order = ORDERS.get(block[:4])
    if order is None:
        return found
    try:
        (start,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, start)
        for at in range(start + 2, start + 2 + 12 * min(count, MAX_ENTRIES), 12):
            tag, kind, values = struct.unpack_from(order + "HHI", block, at)
            if values == 1 and kind in (SHORT, LONG):
                short = order + ("H" if kind == SHORT else "I")
                found.setdefault(tag, struct.unpack_from(short, block, at + 8)[0])
    except struct.error:
        pass
    return found
