"""Bytes and a header -> pixels, 8-bit grey or BGR: which decoder a format needs, and what it needs
besides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from img2dataset.errors import Reason, RowError
from img2dataset.images import bare_jpeg, bmp, icc
from img2dataset.images.header import Header
from img2dataset.images.headers import avif, ico, jpeg, jpeg2000, pfm, png, tiff
from img2dataset.images.headers.bombs import check_scans
from img2dataset.images.library_decoders import (
    MIN_OPENCV_BYTES,
    decode_with_opencv,
    decode_with_pillow,
    read_pixels,
)
from img2dataset.images.orientation import turn_upright
from img2dataset.images.pillow import open_image, translate_pillow_errors
from img2dataset.images.pixels import Pixels, normalise_pixels
from img2dataset.images.png_pixels import decode_png, decode_with_libpng

if TYPE_CHECKING:
    from PIL import Image

INKS = ("CMYK", "YCCK")
"""Colours of a JPEG that are not red, green and blue, nor grey."""


def decode(
    data: bytes, header: Header, factor: int = 1, conversion: icc.Conversion | None = None
) -> tuple[Pixels, bool]:
    """Decode to 8-bit grey or BGR, as stored; say whether the file holds exactly these pixels.

    `factor` shrinks a JPEG on the way; `conversion` is applied to the colours.
    A file whose pixels have another size than `header` promised is refused.
    """
    try:
        if conversion is not None and conversion.mode == "CMYK":
            inks = _decode_inks(data, header, factor)
            if inks is not None:
                return conversion.convert_inks(inks), False
        if header.format == "JPEG":
            colours, plain = _decode_jpeg(data, header, factor)
            colours, as_stored = normalise_pixels(colours, conversion)
            return colours, plain and as_stored
        pixels, plain = _decode_others(data, header, conversion)
    except MemoryError as error:
        raise RowError(Reason.DECODE) from error
    if pixels is None or pixels.shape[:2] != (header.height, header.width):
        raise RowError(Reason.DECODE)
    colours, as_stored = normalise_pixels(pixels, conversion)
    return colours, plain and as_stored


def _decode_others(
    data: bytes, header: Header, conversion: icc.Conversion | None
) -> tuple[Pixels | None, bool]:
    if header.format == "PNG":
        return decode_png(data, header, blend=conversion is None)
    return DECODERS.get(header.format, decode_with_pillow)(data, header), True


def _decode_inks(data: bytes, header: Header, factor: int) -> Pixels | None:
    """Decode CMYK, 255 = full ink; None if the image has other colours, or only Pillow's
    conversion of them."""
    if header.format == "JPEG" and header.own.colours in INKS:
        check_scans(data)
        try:
            return 255 - jpeg.decode_channels(data, header.own, factor)
        except ValueError:
            return _decode_odd_jpeg(data, header, of=np.asarray)
    if header.format == "TIFF" and header.own.photometric == tiff.SEPARATED and header.own.readable:
        return decode_with_pillow(data, header, of=np.asarray)
    return None


def _decode_jpeg(data: bytes, header: Header, factor: int) -> tuple[Pixels, bool]:
    check_scans(data)
    plain = header.own.colours not in INKS
    try:
        return jpeg.decode(data, header.own, factor), plain
    except ValueError:
        pixels = _decode_odd_jpeg(data, header)
    if pixels is None:
        raise RowError(Reason.DECODE)
    return pixels, plain and bare_jpeg.has_end_marker(data)


def _decode_odd_jpeg(
    data: bytes, header: Header, of: Callable[[Image.Image], Pixels] | None = None
) -> Pixels | None:
    """Decode what libjpeg warns of, or has no name for, from its pixels alone; None if pixels are
    missing."""
    bare = bare_jpeg.keep_pixels_only(data)
    return None if bare is None else decode_with_pillow(bare, header, of)


def _decode_tiff(data: bytes, header: Header) -> Pixels | None:
    own = header.own
    if not own.readable:
        return None
    pixels = decode_with_opencv(data, header) if own.by_opencv else None
    if pixels is None:
        return decode_with_pillow(data, header)
    inverted = own.photometric == tiff.WHITE_IS_ZERO and own.bits > 8  # of 8 it does so itself
    return np.invert(pixels) if inverted else pixels


def _decode_ico(data: bytes, header: Header) -> Pixels | None:
    own = header.own
    if not own.is_png:
        return ico.decode(data, own)
    inside = data[own.start : own.start + own.size]
    found, parts = png.read_header(inside), png.find_parts(inside)
    if found is None or parts is None:
        return None
    return decode_with_libpng(parts, replace(header, own=found))


def _decode_jpeg2000(data: bytes, header: Header) -> Pixels | None:
    """Decode with Pillow, which knows more kinds, but not deep colours, of which it makes black
    what is white.  OpenCV decodes some files that Pillow refuses, as those whose tiles do not say
    how many parts they have; both refuse truncated files."""
    size = jpeg2000.read_size(data)
    if size is None or (size.width, size.height) != (header.width, header.height):
        return None
    if jpeg2000.is_lab(data):
        return None
    if size.bits > 8 and size.channels > 2:
        return _scale_to_16bit(decode_with_opencv(data, header), size.bits)
    try:
        return decode_with_pillow(data, header)
    except RowError:
        if size.bits > 8:
            raise
        return decode_with_opencv(data, header)


def _scale_to_16bit(pixels: Pixels | None, bits: int) -> Pixels | None:
    """Values of `bits` bits scaled to 16, which OpenCV leaves as they are."""
    if pixels is None or pixels.dtype != np.uint16 or bits == 16:
        return pixels
    scaled: Pixels = cv2.convertScaleAbs(pixels, alpha=255.0 / ((1 << bits) - 1))
    return scaled


def _decode_jxl(data: bytes, header: Header) -> Pixels | None:
    if header.own.is_animated:  # of its frames, the plugin gives the last one
        raise RowError(Reason.DECODE, detail="(animated JPEG XL)")
    with translate_pillow_errors(Reason.DECODE):
        image = open_image(data, ["JXL"])
        if image is None:
            return None
        with image:
            image.load()
            pixels = read_pixels(image)
            # what was a JPEG before is decoded as that, and left as it lies
            was_jpeg = getattr(image, "jpeg", False)
    return turn_upright(pixels, header.own.orientation) if was_jpeg else pixels


def _decode_pfm(data: bytes, header: Header) -> Pixels | None:
    """Decode RGB that is stored from the lowest row up."""
    own: pfm.PfmHeader = header.own
    count = 3 * own.width * own.height
    if len(data) - own.start < 4 * count:
        return None
    values = np.frombuffer(data, f"{own.order}f4", count, own.start)
    upright: Pixels = values.reshape(own.height, own.width, 3)[::-1, :, ::-1]
    return upright


def _decode_avif(data: bytes, header: Header) -> Pixels | None:
    """Check the promised sizes first, because libavif would scale what has another size; hide
    damaged EXIF, which it refuses."""
    if not avif.has_promised_sizes(data):
        return None
    try:
        return decode_with_pillow(data, header)
    except RowError:
        bare = avif.hide_exif(data)
        if bare is None:
            raise
        return decode_with_pillow(bare, header)


def _decode_bmp(data: bytes, header: Header) -> Pixels | None:
    if header.own is None:
        return decode_with_pillow(data, header)
    return bmp.decode(data, header.own)


def _decode_webp(data: bytes, header: Header) -> Pixels | None:
    return decode_with_opencv(data.ljust(MIN_OPENCV_BYTES, b"\0"), header)


def _decode_sun(data: bytes, header: Header) -> Pixels | None:
    """Decode with OpenCV, which knows more kinds, but not one bit, of which it makes black."""
    one_bit = int.from_bytes(data[12:16], "big") == 1
    pixels = None if one_bit else decode_with_opencv(data, header)
    return decode_with_pillow(data, header) if pixels is None else pixels


DECODERS: dict[str, Callable[[bytes, Header], Pixels | None]] = {
    "WEBP": _decode_webp,
    "HDR": decode_with_opencv,
    "PFM": _decode_pfm,
    "TIFF": _decode_tiff,
    "ICO": _decode_ico,
    "JPEG2000": _decode_jpeg2000,
    "AVIF": _decode_avif,
    "JXL": _decode_jxl,
    "SUN": _decode_sun,
    "BMP": _decode_bmp,
}
"""Format -> its decoder; Pillow for the others."""
