"""Pixels -> the bytes of a PNG image: filters in C, deflate by libdeflate or zlib-ng."""

from __future__ import annotations

import struct
from types import ModuleType

import cv2
import deflate
import numpy as np
from zlib_ng import zlib_ng

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
DEFLATE_LEVELS = (0, 1, 1, 2, 2, 5, 5, 6, 8, 10)
"""Level of png (zlib's scale, 0 = stored) -> libdeflate's (0 to 12): the quickest whose files are
not larger than those of libpng with zlib at the level, on photos (decision 34)."""
MIN_SAMPLE_ROWS = 8
SAMPLED_SHARE = 32
"""One of so many rows is compressed both ways, to see which one is for the image."""
DRAWING_RATIO = 5
"""Rows that become so many times smaller repeat the rows far above them, which a sample cannot
show."""
BEST_LEVEL = 10
"""From here on libdeflate looks for the smallest encoding, which runs seldom are."""
RUNS_WINDOW_BITS = 15
RUNS_MEMORY_LEVEL = 8
"""zlib's default: a block of deflate for each 16,384 symbols; larger blocks are no smaller."""


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
    compressed = _compress(filtered.reshape(height, -1), deflate_level)
    header = struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPES[channels], 0, 0, 0)
    return b"".join(
        [
            PNG,
            *_make_chunk(b"IHDR", header),
            *_make_chunk(b"IDAT", compressed),
            *_make_chunk(b"IEND", b""),
        ]
    )


def _compress(rows: Pixels, level: int) -> bytes | bytearray:
    """Return filtered rows as a zlib stream, by the way that is smaller for a few in the middle.

    Most strings that repeat in the residuals of a photo are short and far away: to look for them
    takes more than half of the time, and often makes the file larger than runs of one byte do.
    """
    if not 0 < level < BEST_LEVEL:
        return deflate.zlib_compress(rows, level)
    count = max(MIN_SAMPLE_ROWS, len(rows) // SAMPLED_SHARE)
    first = max(0, (len(rows) - count) // 2)
    sample = rows[first : first + count]
    by_runs = len(_compress_runs(sample))
    is_drawing = by_runs * DRAWING_RATIO < sample.nbytes
    if not is_drawing and by_runs <= len(deflate.zlib_compress(sample, level)):
        return _compress_runs(rows)
    return deflate.zlib_compress(rows, level)


def _compress_runs(rows: Pixels) -> bytes:
    """Return a zlib stream of Huffman codes whose only matches are repetitions of one byte."""
    compressor = zlib_ng.compressobj(
        zlib_ng.Z_DEFAULT_COMPRESSION,
        zlib_ng.DEFLATED,
        RUNS_WINDOW_BITS,
        RUNS_MEMORY_LEVEL,
        zlib_ng.Z_RLE,
    )
    return compressor.compress(rows) + compressor.flush()


def _make_chunk(kind: bytes, body: bytes | bytearray) -> tuple[bytes, bytes | bytearray, bytes]:
    checksum = deflate.crc32(body, deflate.crc32(kind))
    return struct.pack(">I4s", len(body), kind), body, struct.pack(">I", checksum)
