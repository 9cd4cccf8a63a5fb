"""PNG bytes -> pixels, or those of a smaller picture, by the compiled module.

Only files without any oddity; the others are left to libpng.  No pixel depends on which of the two
decodes: 8 bits, grey or BGR, transparency blended on white.
"""

from __future__ import annotations

import cv2
import numpy as np

from img2dataset.images.geometry import Plan
from img2dataset.images.header import Header
from img2dataset.images.headers import png
from img2dataset.images.headers.png import PngHeader, PngRows
from img2dataset.images.native import PNG
from img2dataset.images.pixels import Pixels
from img2dataset.images.resize import shrinks_unevenly

WITH_ALPHA = (4, 6)
"""Colour types that have an alpha channel."""


def decode_png(data: bytes, header: PngHeader, *, opaque: bool) -> tuple[Pixels, bool] | None:
    """Decode, and say whether the file holds exactly these pixels.

    None if the file is odd in any way, or has transparency although it is to be `opaque`.
    """
    found = None if PNG is None else png.read_rows(data, header)
    if PNG is None or found is None:
        return None
    blended = header.colour in WITH_ALPHA or found.transparency != b""
    if blended and opaque:
        return None
    out = _make_pixels(header, header.width, header.height)
    sizes = header.width, header.height, header.depth, header.colour
    if not PNG.decode(
        out, found.rows, found.palette, found.transparency, *sizes, header.is_interlaced
    ):
        return None
    return out, header.depth <= 8 and not blended


def shrink_png(data: bytes, header: Header, plan: Plan, orientation: int) -> Pixels | None:
    """Decode and average in one pass: the pixels of a decode and an area average.

    None if one pass cannot do it: interlaced, odd in any way, turned, or not downscaled by an area
    average that is ours.
    """
    own: PngHeader = header.own
    average = plan.interpolation == cv2.INTER_AREA and plan.window is None
    if PNG is None or not average or orientation != 1 or own.is_interlaced:
        return None
    if not shrinks_unevenly(plan, own.width, own.height):
        return None
    found = png.read_rows(data, own)
    return None if found is None else _shrink_rows(found, own, plan)


def _shrink_rows(found: PngRows, header: PngHeader, plan: Plan) -> Pixels | None:
    if PNG is None:
        return None
    out = _make_pixels(header, plan.width, plan.height)
    colours = found.palette, found.transparency
    sizes = header.width, header.height, header.depth, header.colour, plan.width, plan.height
    return out if PNG.shrink(out, found.rows, *colours, *sizes) else None


def _make_pixels(header: PngHeader, width: int, height: int) -> Pixels:
    grey = header.colour == png.GREY
    return np.empty((height, width) if grey else (height, width, 3), np.uint8)
