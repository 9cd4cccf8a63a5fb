"""Pixels, or the bytes of a JPEG, and a plan -> pixels of the planned size."""

from __future__ import annotations

from types import ModuleType

import cv2
import numpy as np

from img2dataset.images.geometry import Plan
from img2dataset.images.header import Header
from img2dataset.images.native import AREA, JPEG
from img2dataset.images.orientation import swaps_sides, turn_upright
from img2dataset.images.pixels import Pixels

WHITE = 255
JPEG_CHANNELS = {"YCbCr": 3, "Gray": 1}
"""Colours of a JPEG that `shrink_jpeg` knows -> channels."""


def shrink_jpeg(data: bytes, header: Header, plan: Plan, orientation: int) -> Pixels | None:
    """Decode and average in one pass: grey or BGR pixels as displayed, at most a few levels from
    a full decode's area average.

    None if one pass cannot do it: no plain baseline JPEG, odd in any way, or not downscaled by an
    area average.
    """
    if JPEG is None or header.format != "JPEG" or plan.interpolation != cv2.INTER_AREA:
        return None
    channels = JPEG_CHANNELS.get(header.own.colours)
    width, height = plan.width, plan.height
    if swaps_sides(orientation):
        width, height = height, width
    if channels is None or width > header.width or height > header.height:
        return None
    out: Pixels = np.empty((height, width, channels) if channels > 1 else (height, width), np.uint8)
    done = JPEG.shrink(out, data, channels, header.width, header.height, width, height)
    return turn_upright(out, orientation) if done else None


def resize(pixels: Pixels, plan: Plan, *, by_opencv: bool = False) -> Pixels:
    """Resize without cropping and padding, because boxes are blurred in between.

    Area averages are at most one level from OpenCV's; `by_opencv` insists on OpenCV.
    """
    if plan.interpolation is None:
        return pixels
    if plan.window is not None:
        left, top, width, height = plan.window
        pixels = pixels[top : top + height, left : left + width]
    size = plan.width, plan.height
    ours = plan.interpolation == cv2.INTER_AREA and not by_opencv
    if ours and AREA is not None and _is_for_native(pixels, plan):
        return _average_areas(AREA, pixels, plan)
    resized: Pixels = cv2.resize(pixels, size, interpolation=plan.interpolation)
    return resized


def _is_for_native(pixels: Pixels, plan: Plan) -> bool:
    """Whether the compiled module does this: smaller on both sides, and not by whole numbers, at
    which OpenCV is as quick."""
    height, width = pixels.shape[:2]
    known = pixels.flags.c_contiguous and pixels.shape[2:] in {(), (1,), (3,)}
    return known and shrinks_unevenly(plan, width, height)


def shrinks_unevenly(plan: Plan, width: int, height: int) -> bool:
    """Whether no side becomes larger, and not both smaller by whole numbers."""
    if plan.width > width or plan.height > height:
        return False
    return width % plan.width != 0 or height % plan.height != 0


def _average_areas(native: ModuleType, pixels: Pixels, plan: Plan) -> Pixels:
    shape = plan.height, plan.width, *pixels.shape[2:]
    out: Pixels = np.empty(shape, np.uint8)
    channels = shape[2] if len(shape) > 2 else 1
    native.shrink(out, pixels, *pixels.shape[:2], plan.height, plan.width, channels)
    return out


def crop_or_pad(pixels: Pixels, plan: Plan) -> Pixels:
    """Cut out the crop, or put white around."""
    if plan.crop is not None:
        left, top, width, height = plan.crop
        return np.ascontiguousarray(pixels[top : top + height, left : left + width])
    if plan.pad is not None:
        left, top, _, _ = plan.pad
        width, height = plan.final
        padded = np.full((height, width, *pixels.shape[2:]), WHITE, np.uint8)
        padded[top : top + plan.height, left : left + plan.width] = pixels
        return padded
    return pixels
