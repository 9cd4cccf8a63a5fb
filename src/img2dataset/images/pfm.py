"""Colour PFM: floats behind three lines of text.  (Pillow reads the grey ones only.)"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from img2dataset.images.pixels import Pixels

HEAD = re.compile(
    rb"PF\s+(\d{1,7})\s+(\d{1,7})\s+([+-]?)[\d.]{1,20}(?:[eE][+-]?\d{1,3})?(?:\r\n|\s)"
)
ENOUGH = 100


@dataclass(frozen=True, slots=True)
class PfmHeader:
    """Its size, where its floats begin, and their byte order as numpy writes it."""

    width: int
    height: int
    start: int
    order: str


def read_header(data: bytes) -> PfmHeader | None:
    """None if it is none."""
    found = HEAD.match(data[:ENOUGH])
    if found is None:
        return None
    order = "<" if found[3] == b"-" else ">"
    return PfmHeader(int(found[1]), int(found[2]), found.end(), order)


def read_pixels(data: bytes, header: PfmHeader) -> Pixels | None:
    """BGR floats, which the file has as RGB from the lowest row up; None if some are missing."""
    count = 3 * header.width * header.height
    if len(data) - header.start < 4 * count:
        return None
    values = np.frombuffer(data, f"{header.order}f4", count, header.start)
    upright: Pixels = values.reshape(header.height, header.width, 3)[::-1, :, ::-1]
    return upright
