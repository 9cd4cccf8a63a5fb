"""PNG bytes -> pixels, or those of a smaller picture.

The compiled module makes them of files without any oddity, 8 bits, grey or BGR, transparency
blended on white; libpng of the others, as stored.  No pixel depends on which of the two does.
"""

from __future__ import annotations

import cv2
import numpy as np

from img2dataset.errors import Reason, RowError
from img2dataset.images.geometry import Plan
from img2dataset.images.header import Header
from img2dataset.images.headers import png
from img2dataset.images.headers.png import Parts, PngHeader, PngRows
from img2dataset.images.library_decoders import decode_with_opencv
from img2dataset.images.native import PNG
from img2dataset.images.pixels import Pixels, normalise_pixels
from img2dataset.images.resize import crop_or_pad, fit, shrinks_unevenly

WITH_ALPHA = (4, 6)
"""Colour types that have an alpha channel."""


def decode_png(data: bytes, header: Header, *, blend: bool = True) -> tuple[Pixels | None, bool]:
    """Decode, and say whether the file holds exactly these pixels, but for what libpng made.

    Without `blend`, pixels keep an alpha channel.  None if pixels are missing or damaged.
    """
    parts = png.find_parts(data)
    if parts is None:
        return None, False
    has_alpha = header.own.colour in WITH_ALPHA
    found = None
    if PNG is not None and (blend or not (has_alpha or b"tRNS" in parts.header)):
        found = png.inflate_rows(parts, header.own)
    if found is not None and (blend or not found.transparency):
        made = _decode_rows(found, header.own)
        if made is not None:
            return made, header.own.depth <= 8 and not has_alpha and not found.transparency
    return decode_with_libpng(parts, header), True


def shrink_png(data: bytes, header: Header, plan: Plan, orientation: int) -> Pixels | None:
    """Decode and average in one pass, and crop or pad: the pixels of a decode and an area average.

    None if one pass cannot do it: interlaced, turned, or not downscaled by an area average that is
    ours.

    Raises:
        RowError: pixels are missing or damaged.
    """
    average = plan.interpolation == cv2.INTER_AREA and plan.window is None
    if PNG is None or not average or orientation != 1 or header.own.is_interlaced:
        return None
    if not shrinks_unevenly(plan, header.width, header.height):
        return None
    parts = png.find_parts(data)
    found = None if parts is None else png.inflate_rows(parts, header.own)
    small = None if found is None else _shrink_rows(found, header.own, plan)
    if small is not None:
        return crop_or_pad(small, plan)
    pixels = None if parts is None else decode_with_libpng(parts, header)
    if pixels is None:
        raise RowError(Reason.DECODE)
    return fit(normalise_pixels(pixels)[0], plan)


def decode_with_libpng(parts: Parts, header: Header) -> Pixels | None:
    """Decode to pixels as stored, with their alpha channel; None if some are missing."""
    bare = png.pack_pixels_only(parts)
    pixels = None if bare is None else decode_with_opencv(bare, header)
    transparent = header.own.transparent_grey
    if pixels is None or transparent is None:
        return pixels
    return _add_alpha(pixels, transparent, header.own.depth)


def _add_alpha(pixels: Pixels, value: int, depth: int) -> Pixels:
    """Add an alpha channel to grey of which one value, of `depth` bits, is transparent."""
    most = np.iinfo(pixels.dtype).max
    transparent = value * most // ((1 << depth) - 1)
    alpha = np.where(pixels == transparent, pixels.dtype.type(0), pixels.dtype.type(most))
    return np.dstack([pixels, alpha])


def _decode_rows(found: PngRows, header: PngHeader) -> Pixels | None:
    """Return None if a filter, the palette or its transparency is odd."""
    if PNG is None:
        return None
    out = _make_pixels(header, header.width, header.height)
    colours = found.palette, found.transparency
    sizes = header.width, header.height, header.depth, header.colour
    return out if PNG.decode(out, found.rows, *colours, *sizes, header.is_interlaced) else None


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
