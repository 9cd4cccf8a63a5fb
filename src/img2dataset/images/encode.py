"""Pixels -> the bytes of an image, by OpenCV."""

from __future__ import annotations

from collections.abc import Callable

import cv2

from img2dataset.errors import Reason, RowError
from img2dataset.images.pixels import Pixels

Params = list[int]

FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}
"""encode_format -> what `probe` calls it."""

ENCODERS: dict[str, Callable[[int], Params]] = {
    "jpg": lambda quality: [cv2.IMWRITE_JPEG_QUALITY, quality],
    "png": lambda level: [cv2.IMWRITE_PNG_COMPRESSION, level],
    "webp": lambda quality: [cv2.IMWRITE_WEBP_QUALITY, quality],
}
"""encode_format -> OpenCV's parameters for a quality."""


def encode(pixels: Pixels, encode_format: str, params: Params) -> bytes:
    """Encode the image to store, without EXIF and ICC profile."""
    try:
        done, encoded = cv2.imencode(f".{encode_format}", pixels, params)
    except (cv2.error, MemoryError) as error:
        raise RowError(Reason.ENCODE) from error
    if not done:
        raise RowError(Reason.ENCODE)
    stored: bytes = encoded.tobytes()
    return stored
