"""Bytes -> pixels of any kind, by OpenCV or Pillow as a whole.

Third-party decoders raise nearly any exception on hostile bytes; here it becomes a RowError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np

from img2dataset.errors import Reason, RowError
from img2dataset.images.header import Header
from img2dataset.images.pillow import open_image, translate_pillow_errors
from img2dataset.images.pixels import Pixels

if TYPE_CHECKING:
    from PIL import Image

MIN_OPENCV_BYTES = 32
"""Of a WebP; OpenCV opens no shorter one."""


def set_up_opencv() -> None:
    """Use one thread per call, because the worker has image threads; print nothing on stderr."""
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def decode_with_opencv(data: bytes, _: Header) -> Pixels | None:
    try:
        pixels: Pixels | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:  # its decoders raise it for any kind of damage
        raise RowError(Reason.DECODE) from error
    return pixels


def decode_with_pillow(
    data: bytes, header: Header, of: Callable[[Image.Image], Pixels] | None = None
) -> Pixels | None:
    with translate_pillow_errors(Reason.DECODE):
        image = open_image(data, [header.format])
        if image is None:
            return None
        with image:
            if image.size != (header.width, header.height):
                return None
            tiles = getattr(image, "tile", None) if header.format == "GIF" else None
            covered = tiles[0][1] if tiles else None
            image.load()
            pixels = (of or read_pixels)(image)
    return pixels if covered is None else _fill_outside(pixels, covered)


def _fill_outside(pixels: Pixels, box: tuple[int, int, int, int]) -> Pixels:
    """Fill what a GIF's first frame leaves of the canvas with white, as browsers do."""
    left, top, right, bottom = box
    if (left, top, right, bottom) == (0, 0, *pixels.shape[1::-1]):
        return pixels
    whole = np.full_like(pixels, 255)
    whole[top:bottom, left:right] = pixels[top:bottom, left:right]
    return whole


def read_pixels(image: Image.Image) -> Pixels:
    """Read the first frame: grey, grey and alpha, BGR or BGRA; depth as stored."""
    grey = image.mode in ("1", "L", "LA") and image.format != "GIF"  # a GIF is all palette
    if grey:
        kept = image.convert("LA" if image.has_transparency_data else "L")
    elif image.mode.startswith("I") or image.mode == "F":
        return np.asarray(image)
    elif image.has_transparency_data:
        kept = image.convert("RGBA")
    else:
        kept = image.convert("RGB")
    pixels = np.asarray(kept)
    if not grey:
        swap = cv2.COLOR_RGBA2BGRA if kept.mode == "RGBA" else cv2.COLOR_RGB2BGR
        pixels = cv2.cvtColor(pixels, swap)
    return pixels
