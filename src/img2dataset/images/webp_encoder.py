"""Pixels -> the bytes of a WebP image: Pillow where libwebp's quicker method gives as small files,
OpenCV elsewhere."""

from __future__ import annotations

import io

import cv2

from img2dataset.errors import Reason
from img2dataset.images.opencv_encoder import encode_with_opencv
from img2dataset.images.pillow import translate_pillow_errors
from img2dataset.images.pixels import Pixels

QUICK_METHOD = 2
"""libwebp's effort, 0 to 6; OpenCV has no switch, and uses libwebp's 4."""
QUICK_QUALITIES = range(92, 97)
MAX_QUICK_PIXELS = 512 * 768
"""Where the quick method's files are within 1 % of the size of the usual method's, summed over
photos; at other qualities and on larger images they are up to 6 % larger (at 100, 48 %)."""


def encode_webp(pixels: Pixels, quality: int) -> bytes:
    """Encode grey or BGR pixels of 8 bits, as colours; `quality` is 1 to 100, above it lossless.

    Raises:
        RowError: ENCODE, if a side is longer than WebP allows, or memory is short.
    """
    height, width = pixels.shape[:2]
    if quality in QUICK_QUALITIES and height * width <= MAX_QUICK_PIXELS:
        return _encode_quickly(pixels, quality)
    return encode_with_opencv(pixels, "webp", [cv2.IMWRITE_WEBP_QUALITY, quality])


def _encode_quickly(pixels: Pixels, quality: int) -> bytes:
    from PIL import Image  # noqa: PLC0415  (see pillow.py)

    to_rgb = cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB
    stored = io.BytesIO()
    with translate_pillow_errors(Reason.ENCODE):
        image = Image.fromarray(cv2.cvtColor(pixels, to_rgb))
        image.save(stored, "WEBP", quality=quality, method=QUICK_METHOD)
    return stored.getvalue()
