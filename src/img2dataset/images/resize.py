"""Pixels, or the bytes of a JPEG, and a plan -> pixels of the planned size."""

from __future__ import annotations

from types import ModuleType

import cv2
import numpy as np

from img2dataset.images.geometry import Plan
from img2dataset.images.header import Header
from img2dataset.images.native import AREA, JPEG, LANCZOS
from img2dataset.images.orientation import swaps_sides, turn_upright
from img2dataset.images.pixels import Pixels

WHITE = 255
JPEG_CHANNELS = {"YCbCr": 3, "Gray": 1}
"""Colours of a JPEG that `shrink_jpeg` knows -> channels."""


def shrink_jpeg(data: bytes, header: Header, plan: Plan, orientation: int) -> Pixels | None:
    """Average the coefficients of a JPEG, and crop or pad: grey or BGR pixels as displayed, at most
    a few levels from a full decode's area average.

    None if that cannot be done: no plain baseline or progressive JPEG, odd in any way, too large
    (`native/jpeg_scans.h`), or not downscaled by an area average.
    """
    if JPEG is None or header.format != "JPEG" or plan.interpolation != cv2.INTER_AREA:
        return None
    channels = JPEG_CHANNELS.get(header.own.colours)
    width, height = plan.width, plan.height
    if swaps_sides(orientation):
        width, height = height, width
    if channels is None or width > header.width or height > header.height:
        return None
    shape = (channels,) if channels > 1 else ()
    out: Pixels
    if plan.pad is not None and plan.pad[0] + plan.pad[2] == 0 and orientation == 1:
        whole, out = _make_padded(plan, shape)  # its rows lie side by side
    else:
        whole, out = None, np.empty((height, width, *shape), np.uint8)
    if not JPEG.shrink(out, data, channels, header.width, header.height, width, height):
        return None
    return crop_or_pad(turn_upright(out, orientation), plan) if whole is None else whole


def resize(pixels: Pixels, plan: Plan, *, by_opencv: bool = False) -> Pixels:
    """Resize without cropping and padding, because boxes are blurred in between.

    Area averages and Lanczos interpolation are at most one level from OpenCV's; `by_opencv`
    insists on OpenCV.
    """
    if plan.interpolation is None:
        return pixels
    if plan.window is not None:
        left, top, width, height = plan.window
        pixels = pixels[top : top + height, left : left + width]
    if not by_opencv:
        if plan.interpolation == cv2.INTER_AREA and AREA is not None and _is_averaged(pixels, plan):
            return _average_areas(AREA, pixels, plan)
        if plan.interpolation == cv2.INTER_LANCZOS4 and LANCZOS is not None:
            out: Pixels = np.empty((plan.height, plan.width, *pixels.shape[2:]), np.uint8)
            _interpolate(LANCZOS, pixels, out)
            return out
    size = plan.width, plan.height
    resized: Pixels = cv2.resize(pixels, size, interpolation=plan.interpolation)
    return resized


def fit(pixels: Pixels, plan: Plan) -> Pixels:
    """Resize, and crop or pad."""
    is_padded = plan.pad is not None and plan.interpolation == cv2.INTER_LANCZOS4
    if LANCZOS is None or not is_padded:
        return crop_or_pad(resize(pixels, plan), plan)
    padded, inside = _make_padded(plan, pixels.shape[2:])
    _interpolate(LANCZOS, pixels, inside)
    return padded


def _interpolate(native: ModuleType, pixels: Pixels, out: Pixels) -> None:
    """Fill `out`, whose rows may lie apart."""
    side_by_side = pixels.strides[1:] == out.strides[1:]
    native.resize(out, pixels if side_by_side else np.ascontiguousarray(pixels))


def _is_averaged(pixels: Pixels, plan: Plan) -> bool:
    """Whether the compiled module averages this: smaller on both sides, and not by whole numbers, at
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
        padded, inside = _make_padded(plan, pixels.shape[2:])
        inside[:] = pixels
        return padded
    return pixels


def _make_padded(plan: Plan, channels: tuple[int, ...]) -> tuple[Pixels, Pixels]:
    """Make the picture of a plan that pads: all of it, and the part inside the white, which is not
    filled yet."""
    assert plan.pad is not None  # noqa: S101  (for the type checker)
    left, top, _, _ = plan.pad
    right, bottom = left + plan.width, top + plan.height
    width, height = plan.final
    padded: Pixels = np.empty((height, width, *channels), np.uint8)
    for border in (
        padded[:top],
        padded[bottom:],
        padded[top:bottom, :left],
        padded[top:bottom, right:],
    ):
        border[:] = WHITE
    return padded, padded[top:bottom, left:right]
