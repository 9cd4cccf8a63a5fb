"""Pixels of any depth and any number of channels -> 8 bits, grey or BGR, on white."""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[Any]
"""height x width (grey) or height x width x channels (BGR, BGRA; two channels = grey, alpha)."""
CHUNK_VALUES = 1_000_000
"""Values that are stretched at once."""
BLENDED_PIXELS = 1 << 16
"""Pixels that are blended at once: their planes stay in the processor's cache (2.2 ms for
500,000 pixels against 6.6 for all at once)."""


class ColourConversion(Protocol):
    """Turns colours into sRGB; see icc.Conversion."""

    def fits(self, pixels: Pixels) -> bool: ...

    def convert_colours(self, pixels: Pixels) -> Pixels: ...


def normalise_pixels(
    pixels: Pixels, recolour: ColourConversion | None = None
) -> tuple[Pixels, bool]:
    """Convert to 8-bit grey or BGR without alpha; say whether the pixels were so already.

    `recolour` is applied where it fits, before transparency is blended on white.
    """
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    recolour = recolour if recolour is not None and recolour.fits(pixels) else None
    plain = pixels.dtype == np.uint8 and (pixels.ndim == 2 or pixels.shape[2] == 3)
    if plain and recolour is None:
        return pixels, True
    pixels = scale_to_8bit(pixels)
    if recolour is not None:
        pixels = recolour.convert_colours(pixels)
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        pixels = blend_on_white(pixels)
    return pixels, False


def scale_to_8bit(pixels: Pixels) -> Pixels:
    """Scale to 0..255.

    16 bits: v / 257, rounded.  Floats: 0..1 is the whole range if all values lie in it, else
    the lowest and highest value are (NaN counts as 0).  Wider integers: likewise, and those
    that fit 16 bits count as such.
    """
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype == np.uint16:
        return _scale_16bit(pixels)
    if pixels.dtype == np.int8:
        return (pixels.astype(np.int16) + 128).astype(np.uint8)
    if pixels.dtype.kind in "iu" and pixels.min() >= 0 and pixels.max() <= 65_535:
        return _scale_16bit(pixels.astype(np.uint16))
    return _stretch_range(pixels)


def _scale_16bit(pixels: Pixels) -> Pixels:
    # no v / 257 lies halfway between two integers: OpenCV's rounding is exact here
    scaled: Pixels = cv2.convertScaleAbs(pixels, alpha=1 / 257)
    return scaled


def _stretch_range(pixels: Pixels) -> Pixels:
    """Stretch some rows at a time, because floats take many times the memory."""
    step = max(1, CHUNK_VALUES // max(1, pixels[0].size))
    parts = [slice(top, top + step) for top in range(0, len(pixels), step)]
    low = min(float(_make_finite(pixels[part]).min()) for part in parts)
    high = max(float(_make_finite(pixels[part]).max()) for part in parts)
    if pixels.dtype.kind == "f" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    result = np.zeros(pixels.shape, np.uint8)
    if high > low:
        for part in parts:
            unit = (_make_finite(pixels[part]).astype(np.float64) - low) / (high - low)
            result[part] = np.rint(unit * 255)
    return result


def _make_finite(pixels: Pixels) -> Pixels:
    """Convert to floats; NaN becomes 0, infinities the largest numbers."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.nan_to_num(pixels.astype(np.float32, copy=False), nan=0.0)


def blend_on_white(pixels: Pixels) -> Pixels:
    """Blend 8-bit pixels, whose last channel is alpha, on white; round to nearest."""
    height, width, channels = pixels.shape
    result = np.empty((height, width, channels - 1), np.uint8)
    step = max(1, BLENDED_PIXELS // width)
    for top in range(0, height, step):
        part = np.ascontiguousarray(pixels[top : top + step])
        made = result[top : top + step]
        made[:] = _blend_planes(*cv2.split(part)).reshape(made.shape)
    return result[:, :, 0] if channels == 2 else result


def _blend_planes(*planes: Pixels) -> Pixels:
    alpha = planes[-1].astype(np.uint16)
    white = (255 - alpha) * np.uint16(255) + np.uint16(127)  # at most 65152: fits
    blended = []
    for plane in planes[:-1]:
        sums = plane * alpha
        sums += white
        sums //= np.uint16(255)
        blended.append(sums.astype(np.uint8))
    merged: Pixels = cv2.merge(blended)
    return merged
