"""Pixels -> the bytes of an image, by OpenCV."""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from img2dataset.errors import Reason, RowError
from img2dataset.images.pixels import Pixels


def encode_with_opencv(pixels: Pixels, encode_format: str, params: Sequence[int]) -> bytes:
    """Encode grey or BGR pixels of 8 bits, without EXIF and ICC profile.

    Args:
        pixels: height x width, or height x width x 3.
        encode_format: the file extension, without a dot.
        params: OpenCV's names and values (`cv2.IMWRITE_*`), in turn.

    Raises:
        RowError: ENCODE, if the format cannot hold the image, or memory is short.
    """
    try:
        done, encoded = cv2.imencode(f".{encode_format}", pixels, params)
    except (cv2.error, MemoryError) as error:
        raise RowError(Reason.ENCODE) from error
    if not done:
        raise RowError(Reason.ENCODE)
    stored: bytes = encoded.tobytes()
    return stored
