"""JPEG bytes -> what their header says, and pixels, shrunk while they are decoded."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import simplejpeg

from img2dataset.errors import Reason, RowError
from img2dataset.images.pixels import Pixels

EXIF = b"Exif\0"
MAX_SEGMENTS = 10_000
BARE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""
END = b"\xff\xd9"
INCOMPLETE = "premature end"
"""What libjpeg says, in different words, when bytes or rows are missing."""


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What a JPEG says about itself before its pixels."""

    width: int
    height: int
    colours: str
    """Gray, YCbCr, RGB, CMYK, YCCK."""
    exif: bytes
    """The EXIF block, without "Exif"."""
    scan: int
    """Where the pixels begin."""


def read_header(data: bytes) -> JpegHeader:
    """Raises ValueError if libjpeg cannot make sense of it."""
    height, width, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    exif, scan = _segments(data)
    return JpegHeader(width, height, colours, exif, scan)


def _segments(data: bytes) -> tuple[bytes, int]:
    """The first EXIF block, and where the first scan begins (or the data ends)."""
    exif, at, end = b"", 2, len(data)
    for _ in range(MAX_SEGMENTS):
        if at + 4 > end:
            break
        if data[at] != 0xFF:  # garbage between segments: libjpeg skips it too
            at = data.find(b"\xff", at)
            if at < 0:
                break
            continue
        marker = data[at + 1]
        if marker == 0xFF or marker in BARE or marker == 0:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == 0xDA:
            return exif, at
        if marker == 0xD9:
            break
        length = data[at + 2] << 8 | data[at + 3]
        if marker == 0xE1 and not exif and data.startswith(EXIF, at + 4):
            exif = data[at + 10 : at + 2 + length]
        at += 2 + length
    return exif, end


def decode(data: bytes, header: JpegHeader, factor: int = 1) -> Pixels:
    """Grey or BGR pixels, exactly as OpenCV decodes them, at 1/`factor` of the size.

    `factor` is 1, 2, 4 or 8.

    Raises:
        RowError: the file was cut short.
        ValueError: there is something else about it that libjpeg warns of.
    """
    height, width = -(-header.height // factor), -(-header.width // factor)
    colours = {"Gray": "GRAY", "CMYK": "CMYK", "YCCK": "CMYK"}.get(header.colours, "BGR")
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(
            data, colours, min_height=height, min_width=width, min_factor=1
        )
    except ValueError as error:
        # libjpeg tells its first warning only: whether more is missing, the end marker tells
        if INCOMPLETE in str(error).lower() or data.find(END, header.scan) < 0:
            raise RowError(Reason.DECODE) from error
        raise
    if pixels.shape[:2] != (height, width):
        raise RowError(Reason.DECODE)
    if colours == "CMYK":
        return _from_cmyk(pixels)
    return pixels[:, :, 0] if colours == "GRAY" else pixels


def _from_cmyk(pixels: Pixels) -> Pixels:
    """BGR from CMYK as JPEGs hold it: inverted, as Adobe's programs write it."""
    c, m, y, k = cv2.split(pixels)
    merged: Pixels = cv2.merge([cv2.multiply(ink, k, scale=1 / 255) for ink in (y, m, c)])
    return merged
