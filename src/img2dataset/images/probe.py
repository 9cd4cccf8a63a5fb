"""Bytes -> Header: format by content, size, orientation.  No pixel is decoded here."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import replace

from img2dataset.errors import Reason, RowError
from img2dataset.images import bmp
from img2dataset.images.header import Header
from img2dataset.images.headers import avif, ico, jpeg, jxl, pfm, png, tiff
from img2dataset.images.orientation import read_orientation, swaps_sides, validate_orientation
from img2dataset.images.pillow import open_image, plug_in, translate_pillow_errors
from img2dataset.signatures import find_format, is_avif, is_heic, is_svg, is_video

EXIF = b"Exif\0\0"
DAMAGED_EXIF = b"damaged"
PILLOW_FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG2000", "PPM", "QOI", "SUN")
"""Formats that Pillow recognises reliably and opens without running other programs (as for EPS)."""

RADIANCE = re.compile(rb"#\?(?:RADIANCE|RGBE)\n(?:[^\n]*\n){0,64}?\n-Y (\d{1,7}) \+X (\d{1,7})\n")


def probe(data: bytes) -> Header:
    """Recognise an image by its content.

    Raises:
        RowError: with the reason that says what else it is; DECODE if the header makes no sense.
    """
    try:
        header = _probe(data)
    except ValueError as error:  # raised for JPEGs; the other readers return None
        raise RowError(Reason.NOT_AN_IMAGE) from error
    if header is None:
        raise RowError(_explain_refusal(data))
    if header.width < 1 or header.height < 1:
        raise RowError(Reason.DECODE)
    return header


def _explain_refusal(data: bytes) -> Reason:
    """Return the reason for bytes that no reader knows."""
    if is_svg(data):
        return Reason.SVG
    return Reason.VIDEO if is_video(data) else Reason.NOT_AN_IMAGE


def recognise(data: bytes) -> None:
    """Check that it is an image, as `probe` does, without reading more than needed."""
    if not jpeg.has_plain_header(data):
        probe(data)


def _probe(data: bytes) -> Header | None:
    read = READERS.get(find_format(data) or "")
    if read is not None:
        return read(data)
    if is_heic(data):
        plug_in("HEIF")
        return _read_with_pillow(data, ("HEIF",))
    try:
        return _read_with_pillow(data, PILLOW_FORMATS)
    except RowError:
        bare = avif.hide_exif(data) if is_avif(data) else None
        if bare is None:
            raise
        found = _read_with_pillow(bare, ("AVIF",))
        return None if found is None else replace(found, has_exif=True, exif=DAMAGED_EXIF)


def _read_jpeg(data: bytes) -> Header:
    own = jpeg.read_header(data)
    return Header(
        "JPEG", own.width, own.height, read_orientation(own.exif), bool(own.exif), own=own
    )


def _read_png(data: bytes) -> Header | None:
    own = png.read_header(data)
    if own is None:
        return None
    return Header("PNG", own.width, own.height, read_orientation(own.exif), bool(own.exif), own=own)


def _read_webp(data: bytes) -> Header | None:
    kind = data[12:16]
    if len(data) < (25 if kind == b"VP8L" else 30):
        return None
    if kind == b"VP8X":
        exif = find_riff_chunk(data, b"EXIF") if data[20] & 0x08 else b""
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        bare = exif.removeprefix(EXIF)
        return Header("WEBP", width, height, read_orientation(bare), bool(bare), bare)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("WEBP", width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return Header("WEBP", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    return None


def find_riff_chunk(data: bytes, name: bytes, *, limit: int = 10_000) -> bytes:
    """Find the body of the first chunk called `name`; empty if there is none."""
    at = 12
    for _ in range(limit):
        if at + 8 > len(data):
            break
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data.startswith(name, at):
            return data[at + 8 : at + 8 + size]
        at += 8 + size + (size & 1)
    return b""


def _read_radiance(data: bytes) -> Header | None:
    found = RADIANCE.match(data[:8192])
    return Header("HDR", int(found[2]), int(found[1])) if found else None


def _read_tiff(data: bytes) -> Header | None:
    own = tiff.read_header(data)
    if own is None:
        return None
    width, height = own.width, own.height
    if swaps_sides(validate_orientation(own.orientation)):
        width, height = height, width
    return Header("TIFF", width, height, has_exif=True, own=own)


def _read_ico(data: bytes) -> Header | None:
    own = ico.read_header(data)
    return None if own is None else Header("ICO", own.width, own.height, own=own)


def _read_pfm(data: bytes) -> Header | None:
    own = pfm.read_header(data)
    return None if own is None else Header("PFM", own.width, own.height, own=own)


def _read_bmp(data: bytes) -> Header | None:
    own = bmp.read_fields(data)
    if own is None:
        return _read_with_pillow(data, ("BMP",))
    return Header("BMP", own.width, own.height, own=own)


def _read_jxl(data: bytes) -> Header | None:
    own = jxl.read_header(data)
    if own is None:
        return None
    plug_in("JXL")
    return Header("JXL", own.width, own.height, has_exif=bool(own.exif), exif=own.exif, own=own)


def _read_with_pillow(data: bytes, formats: tuple[str, ...]) -> Header | None:
    with translate_pillow_errors(Reason.NOT_AN_IMAGE):
        image = open_image(data, formats)
        if image is None:
            return None
        with image:
            name, (width, height) = str(image.format), image.size
            block = image.info.get("exif") or b""
    exif = block.removeprefix(EXIF) if isinstance(block, bytes) else b""
    # libheif turns images upright itself
    orientation = 1 if name == "HEIF" else read_orientation(exif)
    return Header(name, width, height, orientation, bool(exif), exif)


READERS: dict[str, Callable[[bytes], Header | None]] = {
    "JPEG": _read_jpeg,
    "PNG": _read_png,
    "WEBP": _read_webp,
    "HDR": _read_radiance,
    "PFM": _read_pfm,
    "TIFF": _read_tiff,
    "BMP": _read_bmp,
    "ICO": _read_ico,
    "JXL": _read_jxl,
}
"""Format, by its signature -> what reads its header; Pillow for the others."""
