"""Pixels -> the bytes of a PNG image: filters in C, deflate by libdeflate."""

from __future__ import annotations

import struct
from types import ModuleType

import cv2
import deflate
import numpy as np

from img2dataset.errors import Reason, RowError
from img2dataset.images.native import PNG_FILTERS
from img2dataset.images.opencv_encoder import encode_with_opencv
from img2dataset.images.pixels import Pixels
from img2dataset.signatures import PNG

COLOUR_TYPES = {1: 0, 3: 2}
"""Channels -> colour type of IHDR: greyscale, truecolour."""
MAX_SIDE_PIXELS = 1_000_000
"""libpng reads and writes no wider or higher image unless it is told to."""
MAX_PIXEL_BYTES = 1 << 26
"""Larger images are left to OpenCV, which needs a few rows besides the result; here the filtered
rows and libdeflate's buffer come to twice the pixels."""
DEFLATE_LEVELS = (0, 1, 1, 2, 3, 4, 5, 6, 8, 10)
"""Level of png (zlib's scale, 0 = stored) -> libdeflate's (0 to 12): the quickest whose files are
not larger than those of libpng with zlib at the level, on photos (decision 34)."""


def encode_png(pixels: Pixels, level: int) -> bytes:
    """Encode grey or BGR pixels of 8 bits; `level` is 0 (stored) to 9 (smallest).

    Raises:
        RowError: ENCODE, if libpng would refuse the size, or memory is short.
    """
    if PNG_FILTERS is None or not _is_for_native(pixels):
        return encode_with_opencv(pixels, "png", [cv2.IMWRITE_PNG_COMPRESSION, level])
    try:
        return _encode_natively(PNG_FILTERS, pixels, DEFLATE_LEVELS[level])
    except (deflate.DeflateError, MemoryError) as error:
        raise RowError(Reason.ENCODE) from error


def _is_for_native(pixels: Pixels) -> bool:
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    return (
        channels in COLOUR_TYPES
        and pixels.nbytes <= MAX_PIXEL_BYTES
        and max(pixels.shape) <= MAX_SIDE_PIXELS
    )


def _encode_natively(native: ModuleType, pixels: Pixels, deflate_level: int) -> bytes:
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    filtered = np.empty(height * (1 + width * channels), np.uint8)
    native.filter_rows(filtered, np.ascontiguousarray(pixels), height, width, channels)
    compressed = deflate.zlib_compress(filtered, deflate_level)
    header = struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPES[channels], 0, 0, 0)
    return b"".join(
        [
            PNG,
            *_make_chunk(b"IHDR", header),
            *_make_chunk(b"IDAT", compressed),
            *_make_chunk(b"IEND", b""),
        ]
    )


def _make_chunk(kind: bytes, body: bytes | bytearray) -> tuple[bytes, bytes | bytearray, bytes]:
    checksum = deflate.crc32(body, deflate.crc32(kind))
    return struct.pack(">I4s", len(body), kind), body, struct.pack(">I", checksum)
