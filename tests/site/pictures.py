"""Numbers -> small image files, the same ones every time."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image

FORMATS = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF"}

ORIENTATION_TAG = 0x0112


@lru_cache(maxsize=4096)
def picture(number: int, extension: str, width: int = 64, height: int = 48) -> bytes:
    """A gradient whose colours depend on `number`."""
    return _encoded(_gradient(number, width, height), extension)


@lru_cache(maxsize=16)
def turned_picture(orientation: int, width: int = 64, height: int = 48) -> bytes:
    """A JPEG whose EXIF orientation is `orientation`: red top left corner, as stored."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


def _gradient(number: int, width: int, height: int) -> np.ndarray:
    rows = np.linspace(0, 255, height)[:, None]
    columns = np.linspace(0, 255, width)[None, :]
    red = (rows + 37 * number) % 256 + 0 * columns
    green = (columns + 91 * number) % 256 + 0 * rows
    blue = np.full((height, width), (number * 53) % 256)
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)


def _encoded(pixels: np.ndarray, extension: str) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, FORMATS[extension])
    return file.getvalue()
