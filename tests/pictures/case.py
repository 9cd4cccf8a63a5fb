"""The source of all kinds: one photo-like image, in colour, grey, and with alpha."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[Any]

WIDTH, HEIGHT = 64, 48


@dataclass(frozen=True)
class Case:
    """A file, and the pixels that are to be made of it."""

    data: bytes = field(repr=False)
    expected: Array = field(repr=False)
    """Grey or RGB, 8 bits, as displayed."""
    most: int = 0
    """Levels that a pixel may be off: 0 for what loses nothing."""


def smooth(seed: int, channels: int) -> Array:
    """Broad patches with soft edges."""
    rng = np.random.default_rng(seed)
    few = rng.integers(0, 256, (6, 8, channels), np.uint8)
    made = cv2.resize(few, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.asarray(made.reshape(HEIGHT, WIDTH, channels))


RGB = smooth(0, 3)
GREY = np.ascontiguousarray(RGB[:, :, 0])
ALPHA = np.ascontiguousarray(smooth(5, 1)[:, :, 0])
ALPHA[:4], ALPHA[4:8] = 0, 255
RGBA = np.dstack([RGB, ALPHA])
GREY_ALPHA = np.dstack([GREY, ALPHA])
BLACK_AND_WHITE = GREY > 127
PALETTED = Image.fromarray(RGB).quantize(64)
EXPANDED = np.asarray(PALETTED.convert("RGB"))
INKS = np.asarray(Image.fromarray(RGB).convert("CMYK"))
"""CMYK, 255 = full ink."""


def deep(pixels: Array) -> Array:
    """16 bits, of which 8 are left."""
    return pixels.astype(np.uint16) * np.uint16(257)


def scaled_up(values: Array, bits: int) -> Array:
    """`bits` bits as 8."""
    made: Array = np.rint(values * (255.0 / (2**bits - 1))).astype(np.uint8)
    return made


def on_white(colour: Array, alpha: Array) -> Array:
    share = alpha.astype(np.float64) / 255
    if colour.ndim == 3:
        share = share[:, :, np.newaxis]
    return np.rint(colour * share + 255 * (1 - share)).astype(np.uint8)


def without(colour: Array, transparent: Array) -> Array:
    """`colour` with white where it is `transparent`."""
    white = np.full_like(colour, 255)
    return np.asarray(np.where(transparent[:, :, np.newaxis], white, colour))


def of_inks(inks: Array) -> Array:
    """RGB of CMYK, as usual without a profile."""
    part = 255.0 - inks
    made: Array = np.rint(part[:, :, :3] * part[:, :, 3:] / 255).astype(np.uint8)
    return made


def by_pillow(picture: Array | Image.Image, format_name: str, **options: Any) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, format_name, **options)
    return file.getvalue()


def grey_alpha_image() -> Image.Image:
    return Image.merge("LA", (Image.fromarray(GREY), Image.fromarray(ALPHA)))
