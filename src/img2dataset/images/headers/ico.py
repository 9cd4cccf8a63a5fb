"""ICO and CUR bytes -> the largest picture in them: where it is, its true size, its pixels.

The directory says at most 256 x 256; what stands behind it may be anything: a PNG, or a BMP
without its first header, whose colours are followed by a mask of one bit for each pixel.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from img2dataset.signatures import PNG

if TYPE_CHECKING:
    from img2dataset.images.pixels import Pixels

DIB_HEADER = 40
PALETTED = (1, 4, 8)
"""Bits of a pixel that are an index into the palette."""


@dataclass(frozen=True, slots=True)
class IcoHeader:
    """The largest picture of a file, and of those the deepest."""

    width: int
    height: int
    start: int
    size: int
    is_png: bool


def read_header(data: bytes) -> IcoHeader | None:
    """Read the header; None if no image lies within the data."""
    (count,) = struct.unpack_from("<H", data, 4) if len(data) >= 6 else (0,)
    entries = []
    for at in range(6, min(6 + 16 * count, len(data) - 15), 16):
        width, height, _, _, _, bits, size, start = struct.unpack_from("<BBBBHHII", data, at)
        # of a cursor the bits are its hot spot
        sides = (width or 256, height or 256)
        entries.append((sides[0] * sides[1], bits if data[2] == 1 else 0, -at, size, start))
    if not entries:
        return None
    *_, size, start = max(entries)
    return _read_picture(data, start, size)


def _read_picture(data: bytes, start: int, size: int) -> IcoHeader | None:
    size = min(size, len(data) - start)  # the mask may be cut off, or never have been there
    if size < 33:
        return None
    if data.startswith(PNG, start):
        width, height = struct.unpack_from(">II", data, start + 16)
        return IcoHeader(width, height, start, size, is_png=True)
    if size < DIB_HEADER:
        return None
    width, both = struct.unpack_from("<ii", data, start + 4)  # colours, and below them the mask
    return IcoHeader(abs(width), abs(both) // 2, start, size, is_png=False)


def decode(data: bytes, header: IcoHeader) -> Pixels | None:
    """BGRA pixels of a picture that is no PNG; None if colours are missing, or packed."""
    import numpy as np  # noqa: PLC0415  (headers are read without numpy)

    picture = data[header.start : header.start + header.size]
    head, _, both, _, bits, packed = struct.unpack_from("<IiiHHI", picture)
    used = struct.unpack_from("<I", picture, 32)[0]
    if packed not in (0, 3) or head < DIB_HEADER or bits not in (*PALETTED, 16, 24, 32):
        return None
    colours = (used or 1 << bits) if bits in PALETTED else 0
    if colours > 256:
        return None
    start = head + 4 * colours + (12 if packed == 3 and head == DIB_HEADER else 0)
    stride = (header.width * bits + 31) // 32 * 4
    rows = _read_rows(picture, start, stride, header.height)
    if rows is None:
        return None
    palette = np.frombuffer(picture, np.uint8, 4 * colours, head).reshape(-1, 4)
    pixels = _read_colours(rows, bits, header.width, palette)
    if pixels is None:
        return None
    if pixels.shape[2] == 3 or not pixels[:, :, 3].any():
        opacity = _read_mask(picture, start + stride * header.height, header)
        pixels = np.dstack([pixels[:, :, :3], opacity])
    return pixels if both < 0 else np.ascontiguousarray(pixels[::-1])


def _read_rows(picture: bytes, start: int, stride: int, height: int) -> Pixels | None:
    import numpy as np  # noqa: PLC0415

    if len(picture) - start < stride * height:
        return None
    return np.frombuffer(picture, np.uint8, stride * height, start).reshape(height, stride)


def _read_colours(rows: Pixels, bits: int, width: int, palette: Pixels) -> Pixels | None:
    """Read BGR, or BGRA of 32 bits, in the order of the rows; None if an index is beyond the
    palette."""
    import numpy as np  # noqa: PLC0415

    if bits in PALETTED:
        places = np.unpackbits(rows, axis=1).reshape(len(rows), -1, bits)[:, :width]
        weights = 1 << np.arange(bits - 1, -1, -1)
        indices = (places * weights).sum(axis=2)
        return palette[indices][:, :, :3] if indices.max(initial=0) < len(palette) else None
    if bits == 16:  # five bits for each
        values = np.ascontiguousarray(rows[:, : 2 * width]).view("<u2").astype(np.uint32)
        fives = [values >> shift & 31 for shift in (0, 5, 10)]
        return np.dstack([(five * 255 + 15) // 31 for five in fives]).astype(np.uint8)
    return rows[:, : width * bits // 8].reshape(len(rows), width, bits // 8)


def _read_mask(picture: bytes, start: int, header: IcoHeader) -> Pixels:
    """Read the opacity from the mask: 255 where it shows the image; an incomplete mask hides
    nothing."""
    import numpy as np  # noqa: PLC0415

    rows = _read_rows(picture, start, (header.width + 31) // 32 * 4, header.height)
    if rows is None:
        return np.full((header.height, header.width), 255, np.uint8)
    hidden = np.unpackbits(rows, axis=1)[:, : header.width]
    return (255 * (1 - hidden)).astype(np.uint8)
