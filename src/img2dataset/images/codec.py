"""Bytes -> pixels, pixels -> bytes: the one door to the codecs.

Third-party decoders raise nearly anything on hostile bytes; here, and only here, whatever
they raise becomes a RowError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np

from img2dataset.errors import Reason, RowError
from img2dataset.images import jpeg, png
from img2dataset.images.pillow import open_image, pillows_door
from img2dataset.images.pixels import Pixels, ordinary
from img2dataset.images.probe import Header

if TYPE_CHECKING:
    from PIL import Image

Params = list[int]


def set_up_opencv() -> None:
    """One thread per call, because image threads of ours do the work; no messages on stderr."""
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def decode(data: bytes, header: Header, factor: int = 1) -> tuple[Pixels, bool]:
    """8-bit grey or BGR pixels, as stored; and whether the file holds just such pixels.

    `factor` shrinks a JPEG on the way.  The size is the one in `header`: a file whose header
    promised another size is refused.
    """
    try:
        if header.format == "JPEG":
            return _decode_jpeg(data, header, factor)
        pixels = DECODERS.get(header.format, _with_pillow)(data, header)
    except (cv2.error, MemoryError) as error:  # OpenCV has an error of its own for memory, too
        raise RowError(Reason.DECODE) from error
    if pixels is None or pixels.shape[:2] != (header.height, header.width):
        raise RowError(Reason.DECODE)
    return ordinary(pixels)


def _decode_jpeg(data: bytes, header: Header, factor: int) -> tuple[Pixels, bool]:
    plain = header.own.colours not in ("CMYK", "YCCK")
    try:
        return jpeg.decode(data, header.own, factor), plain
    except ValueError:  # odd, but whole: Pillow decodes such files as far as they go, as ever
        pixels = _with_pillow(data, header)
    if pixels is None:
        raise RowError(Reason.DECODE)
    return pixels, plain


def _decode_png(data: bytes, header: Header) -> Pixels | None:
    if header.own.transparent_grey:
        return _with_pillow(data, header)
    bare = png.pixels_only(data)
    return None if bare is None else _with_opencv(bare, header)


def _with_opencv(data: bytes, _: Header) -> Pixels | None:
    pixels: Pixels | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return pixels


def _with_either(data: bytes, header: Header) -> Pixels | None:
    pixels = _with_opencv(data, header)
    return _with_pillow(data, header) if pixels is None else pixels


def _with_pillow(data: bytes, header: Header) -> Pixels | None:
    with pillows_door(Reason.DECODE):
        image = open_image(data, [header.format])
        if image is None:
            return None
        with image:
            if image.size != (header.width, header.height):
                return None
            image.load()
            return _from_pillow(image)


def _from_pillow(image: Image.Image) -> Pixels:
    """The first frame: grey, grey and alpha, BGR or BGRA; depth as it is."""
    grey = image.mode in ("1", "L", "LA") and image.format != "GIF"  # a GIF is all palette
    if grey:
        kept = image.convert("LA" if image.has_transparency_data else "L")
    elif image.mode.startswith("I") or image.mode == "F":
        return np.asarray(image)
    elif image.has_transparency_data:
        kept = image.convert("RGBA")
    else:
        kept = image.convert("RGB")
    pixels = np.asarray(kept)
    if not grey:
        swap = cv2.COLOR_RGBA2BGRA if kept.mode == "RGBA" else cv2.COLOR_RGB2BGR
        pixels = cv2.cvtColor(pixels, swap)
    return pixels


DECODERS: dict[str, Callable[[bytes, Header], Pixels | None]] = {
    "PNG": _decode_png,
    "WEBP": _with_opencv,
    "HDR": _with_opencv,
    "BMP": _with_either,
    "TIFF": _with_opencv,  # Pillow's libtiff prints its complaints on stderr
    "SUN": _with_either,
}
"""Format -> its decoder; Pillow for the others."""

FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}
"""encode_format -> what `probe` calls it."""

ENCODERS: dict[str, Callable[[int], Params]] = {
    "jpg": lambda quality: [cv2.IMWRITE_JPEG_QUALITY, quality],
    "png": lambda level: [cv2.IMWRITE_PNG_COMPRESSION, level],
    "webp": lambda quality: [cv2.IMWRITE_WEBP_QUALITY, quality],
}
"""encode_format -> OpenCV's parameters for a quality."""


def encode(pixels: Pixels, encode_format: str, params: Params) -> bytes:
    """The file to store: no EXIF, no ICC."""
    try:
        done, encoded = cv2.imencode(f".{encode_format}", pixels, params)
    except (cv2.error, MemoryError) as error:
        raise RowError(Reason.ENCODE) from error
    if not done:
        raise RowError(Reason.ENCODE)
    stored: bytes = encoded.tobytes()
    return stored
