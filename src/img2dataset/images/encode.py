"""encode_format and encode_quality -> the function that makes the bytes of an image."""

from __future__ import annotations

from collections.abc import Callable

import cv2

from img2dataset.images.opencv_encoder import encode_with_opencv
from img2dataset.images.pixels import Pixels
from img2dataset.images.png_encoder import encode_png
from img2dataset.images.webp_encoder import encode_webp

FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}
"""encode_format -> what `probe` calls it."""


def encode_jpg(pixels: Pixels, quality: int) -> bytes:
    """Encode grey or BGR pixels of 8 bits; `quality` is libjpeg's 0 to 100.

    Raises:
        RowError: ENCODE, if a side is longer than JPEG allows, or memory is short.
    """
    return encode_with_opencv(pixels, "jpg", [cv2.IMWRITE_JPEG_QUALITY, quality])


ENCODERS: dict[str, Callable[[Pixels, int], bytes]] = {
    "jpg": encode_jpg,
    "png": encode_png,
    "webp": encode_webp,
}
"""encode_format -> its encoder: pixels (grey or BGR, 8 bits) and encode_quality to bytes without
EXIF and ICC profile.  It raises RowError (ENCODE) for an image that it cannot hold."""
