"""JPEG bytes -> what their header says, and pixels, shrunk while they are decoded."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from img2dataset.errors import Reason, RowError
from img2dataset.images.headers.jpeg_segments import (
    APP0,
    APP1,
    APP14,
    FRAMES,
    SOS,
    walk_segments,
)
from img2dataset.images.native import JPEG

if TYPE_CHECKING:
    from img2dataset.images.pixels import Pixels

EXIF = b"Exif\0"
MAX_SEGMENTS = 10_000
RGB_IDS = b"RGB"
PRECISION_BITS = 8
UNNAMED_SAMPLING = "subsampling"
"""In libjpeg-turbo's message about sampling factors that its simple interface does not name."""


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What a JPEG says about itself before its pixels."""

    width: int
    height: int
    colours: str
    """Gray, YCbCr, RGB, CMYK, YCCK."""
    exif: bytes
    """The EXIF block, without "Exif"."""


def read_header(data: bytes) -> JpegHeader:
    """Read the header; raise ValueError if libjpeg cannot."""
    import simplejpeg  # noqa: PLC0415  (and numpy; `recognise` seldom needs them)

    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except (KeyError, ValueError) as error:
        # KeyError: of a table in simplejpeg, which lacks 1x4, or the header ends early
        unnamed = isinstance(error, KeyError) or UNNAMED_SAMPLING in str(error)
        found = _read_frame(data) if unnamed else None
        if found is None:
            raise ValueError("JPEG header that makes no sense") from error
        height, width, colours = found
    return JpegHeader(width, height, colours, _find_exif(data))


def has_plain_header(data: bytes) -> bool:
    """Whether a plain JPEG begins here; if not, `read_header` may still make sense of it."""
    return JPEG is not None and bool(JPEG.has_plain_header(data))


def _find_exif(data: bytes) -> bytes:
    """Find the first EXIF block before the pixels; empty if there is none."""
    for marker, start, end in islice(walk_segments(data), MAX_SEGMENTS):
        if marker == SOS:
            break
        if marker == APP1 and data.startswith(EXIF, start):
            return data[start + 6 : end]
    return b""


def _read_frame(data: bytes) -> tuple[int, int, str] | None:
    """Read height, width and colours, whatever the sampling; None if the frame is not supported."""
    jfif, adobe, frame = False, None, b""
    for marker, start, end in walk_segments(data):
        if marker == SOS:
            break
        body = data[start:end]
        if marker == APP0:
            jfif = jfif or body.startswith(b"JFIF\0")
        elif marker == APP14 and body.startswith(b"Adobe") and len(body) >= 12:
            adobe = body[11]
        elif marker in FRAMES:
            frame = body
    else:
        return None
    if len(frame) < 6 or frame[0] != PRECISION_BITS or len(frame) < 6 + 3 * frame[5]:
        return None
    colours = _guess_colours(frame[6 : 6 + 3 * frame[5] : 3], jfif=jfif, adobe=adobe)
    height, width = (int.from_bytes(frame[at : at + 2], "big") for at in (1, 3))
    return None if colours is None else (height, width, colours)


def _guess_colours(ids: bytes, *, jfif: bool, adobe: int | None) -> str | None:
    """Guess the colours as libjpeg does."""
    match len(ids):
        case 1:
            return "Gray"
        case 3:
            is_rgb = adobe == 0 if adobe is not None else ids == RGB_IDS
            return "RGB" if is_rgb and not jfif else "YCbCr"
        case 4:
            return "YCCK" if adobe == 2 else "CMYK"
    return None


def decode(data: bytes, header: JpegHeader, factor: int = 1) -> Pixels:
    """Decode to grey or BGR, exactly as OpenCV does, at 1/`factor` of the size.

    `factor` is 1, 2, 4 or 8.  Raises what `decode_channels` raises.
    """
    pixels = decode_channels(data, header, factor)
    return _convert_cmyk(pixels) if pixels.ndim == 3 and pixels.shape[2] == 4 else pixels


def decode_channels(data: bytes, header: JpegHeader, factor: int = 1) -> Pixels:
    """Decode, but leave inks as they are stored: inverted CMYK.

    Raises:
        RowError: it has another size than its header promised.
        ValueError: libjpeg warns of something, harmless or not; it reports its first warning
            only.
    """
    import simplejpeg  # noqa: PLC0415  (see `read_header`)

    height, width = -(-header.height // factor), -(-header.width // factor)
    colours = {"Gray": "GRAY", "CMYK": "CMYK", "YCCK": "CMYK"}.get(header.colours, "BGR")
    pixels: Pixels = simplejpeg.decode_jpeg(
        data, colours, min_height=height, min_width=width, min_factor=1
    )
    if pixels.shape[:2] != (height, width):
        raise RowError(Reason.DECODE)
    return pixels[:, :, 0] if colours == "GRAY" else pixels


def _convert_cmyk(pixels: Pixels) -> Pixels:
    """Convert CMYK as JPEGs hold it, inverted as by Adobe's programs, to BGR."""
    import cv2  # noqa: PLC0415  (headers are read without OpenCV)

    c, m, y, k = cv2.split(pixels)
    merged: Pixels = cv2.merge([cv2.multiply(ink, k, scale=1 / 255) for ink in (y, m, c)])
    return merged
