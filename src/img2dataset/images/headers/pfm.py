"""Colour PFM: floats behind three lines of text.  (Pillow reads the grey ones only.)"""

from __future__ import annotations

import re
from dataclasses import dataclass

HEAD = re.compile(
    rb"PF\s+(\d{1,7})\s+(\d{1,7})\s+([+-]?)[\d.]{1,20}(?:[eE][+-]?\d{1,3})?(?:\r\n|\s)"
)
MAX_HEADER_BYTES = 100


@dataclass(frozen=True, slots=True)
class PfmHeader:
    """Its size, where its floats begin, and their byte order as numpy writes it."""

    width: int
    height: int
    start: int
    order: str


def read_header(data: bytes) -> PfmHeader | None:
    """Read the header; None if it is not a colour PFM."""
    found = HEAD.match(data[:MAX_HEADER_BYTES])
    if found is None:
        return None
    order = "<" if found[3] == b"-" else ">"
    return PfmHeader(int(found[1]), int(found[2]), found.end(), order)
