"""Bytes -> Header: format by content, size, orientation.  No pixel is decoded here."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from img2dataset.errors import Reason, RowError
from img2dataset.images import bmp
from img2dataset.images.headers import avif, ico, jpeg, jxl, pfm, png, tiff
from img2dataset.images.headers import signatures as kinds
from img2dataset.images.orientation import orientation_in, swaps_sides, valid
from img2dataset.images.pillow import open_image, pillows_door, plug_in

EXIF = b"Exif\0\0"
DAMAGED_EXIF = b"damaged"
PILLOW_FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG2000", "PPM", "QOI", "SUN")
"""What Pillow recognises reliably and opens without running anything else (as EPS would)."""

RADIANCE = re.compile(rb"#\?(?:RADIANCE|RGBE)\n(?:[^\n]*\n){0,64}?\n-Y (\d{1,7}) \+X (\d{1,7})\n")


@dataclass(frozen=True, slots=True)
class Header:
    """What the bytes say about themselves."""

    format: str
    """As Pillow calls it: JPEG, PNG, WEBP, GIF, ..., or HDR or PFM."""
    width: int
    height: int
    """As stored; of a TIFF, as displayed, because its decoders turn it themselves."""
    orientation: int = 1
    """EXIF's, 1 to 8."""
    has_exif: bool = False
    exif: bytes = b""
    """The EXIF block, where ExifRead does not find it in the file by itself."""
    own: Any = None
    """What only the format's own decoder needs."""


def probe(data: bytes) -> Header:
    """Recognise an image by its content.

    Raises:
        RowError: what else it is, or DECODE for an image whose header makes no sense.
    """
    try:
        header = _probe(data)
    except ValueError as error:  # of libjpeg; our own readers say None
        raise RowError(Reason.NOT_AN_IMAGE) from error
    if header is None:
        raise RowError(kinds.named(data))
    if header.width < 1 or header.height < 1:
        raise RowError(Reason.DECODE)
    return header


def recognise(data: bytes) -> None:
    """As `probe`, for those who want to know no more than whether it is an image."""
    if not jpeg.is_plain(data):
        probe(data)


def _probe(data: bytes) -> Header | None:
    for signature, read in READERS:
        if signature.match(data):
            return read(data)
    if kinds.is_heic(data):
        plug_in("HEIF")
        return _pillow(data, ("HEIF",))
    try:
        return _pillow(data, PILLOW_FORMATS)
    except RowError:
        bare = avif.without_exif(data) if kinds.AVIF.intersection(kinds.brands_of(data)) else None
        if bare is None:
            raise
        found = _pillow(bare, ("AVIF",))
        return None if found is None else replace(found, has_exif=True, exif=DAMAGED_EXIF)


def _jpeg(data: bytes) -> Header:
    own = jpeg.read_header(data)
    return Header("JPEG", own.width, own.height, orientation_in(own.exif), bool(own.exif), own=own)


def _png(data: bytes) -> Header | None:
    own = png.read_header(data)
    if own is None:
        return None
    return Header("PNG", own.width, own.height, orientation_in(own.exif), bool(own.exif), own=own)


def _webp(data: bytes) -> Header | None:
    kind = data[12:16]
    if len(data) < (25 if kind == b"VP8L" else 30):
        return None
    if kind == b"VP8X":
        exif = riff_chunk(data, b"EXIF") if data[20] & 0x08 else b""
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        bare = exif.removeprefix(EXIF)
        return Header("WEBP", width, height, orientation_in(bare), bool(bare), bare)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("WEBP", width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return Header("WEBP", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    return None


def riff_chunk(data: bytes, name: bytes, *, limit: int = 10_000) -> bytes:
    """The body of the first chunk called `name`; empty if there is none."""
    at = 12
    for _ in range(limit):
        if at + 8 > len(data):
            break
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data.startswith(name, at):
            return data[at + 8 : at + 8 + size]
        at += 8 + size + (size & 1)
    return b""


def _radiance(data: bytes) -> Header | None:
    found = RADIANCE.match(data[:8192])
    return Header("HDR", int(found[2]), int(found[1])) if found else None


def _tiff(data: bytes) -> Header | None:
    own = tiff.read_header(data)
    if own is None:
        return None
    width, height = own.width, own.height
    if swaps_sides(valid(own.orientation)):
        width, height = height, width
    return Header("TIFF", width, height, has_exif=True, own=own)


def _ico(data: bytes) -> Header | None:
    own = ico.read_header(data)
    return None if own is None else Header("ICO", own.width, own.height, own=own)


def _pfm(data: bytes) -> Header | None:
    own = pfm.read_header(data)
    return None if own is None else Header("PFM", own.width, own.height, own=own)


def _bmp(data: bytes) -> Header | None:
    own = bmp.read_fields(data)
    if own is None:
        return _pillow(data, ("BMP",))
    return Header("BMP", own.width, own.height, own=own)


def _jxl(data: bytes) -> Header | None:
    own = jxl.read_header(data)
    if own is None:
        return None
    plug_in("JXL")
    return Header("JXL", own.width, own.height, has_exif=bool(own.exif), exif=own.exif, own=own)


def _pillow(data: bytes, formats: tuple[str, ...]) -> Header | None:
    with pillows_door(Reason.NOT_AN_IMAGE):
        image = open_image(data, formats)
        if image is None:
            return None
        with image:
            name, (width, height) = str(image.format), image.size
            block = image.info.get("exif") or b""
    exif = block.removeprefix(EXIF) if isinstance(block, bytes) else b""
    # libheif turns images upright itself
    orientation = 1 if name == "HEIF" else orientation_in(exif)
    return Header(name, width, height, orientation, bool(exif), exif)


READERS: tuple[tuple[re.Pattern[bytes], Callable[[bytes], Header | None]], ...] = (
    (re.compile(rb"\xff\xd8\xff"), _jpeg),
    (re.compile(re.escape(png.SIGNATURE)), _png),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), _webp),
    (re.compile(rb"#\?R"), _radiance),
    (re.compile(rb"PF\s"), _pfm),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), _tiff),
    (re.compile(rb"BM"), _bmp),
    (re.compile(rb"\0\0[\x01\x02]\0"), _ico),
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"), _jxl),
)
"""How files begin -> what reads their headers."""
