"""BMP bytes with bit fields -> pixels, for the layouts that Pillow does not know.

Reference: Microsoft, BITMAPV5HEADER and "Bitmap Storage" (Win32 documentation).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from img2dataset.images.pixels import Pixels

BITFIELDS, ALPHA_BITFIELDS = 3, 6
"""Values of biCompression for pixels whose channels are cut out by masks."""
INFO_HEADER = 40
"""Bytes of the header to which Windows' later ones only add."""
WITH_ALPHA = 56
"""Bytes of the shortest header with a mask for alpha."""


@dataclass(frozen=True, slots=True)
class BmpFields:
    """Where the channels of a pixel are."""

    width: int
    height: int
    upside_down: bool
    """True if the first row is the highest; of most files it is the lowest."""
    bits: int
    """Of a pixel: 16 or 32."""
    start: int
    masks: tuple[int, ...]
    """Red, green, blue, alpha; an alpha of 0 = none."""


def read_fields(data: bytes) -> BmpFields | None:
    """Read the layout; None if the file has no bit fields, or makes no sense."""
    if len(data) < 66 or data[:2] != b"BM":
        return None
    start, size, width, height = struct.unpack_from("<IIii", data, 10)
    bits, compression = struct.unpack_from("<HI", data, 28)
    if (
        size < INFO_HEADER
        or compression not in (BITFIELDS, ALPHA_BITFIELDS)
        or bits not in (16, 32)
    ):
        return None
    with_alpha = size >= WITH_ALPHA or compression == ALPHA_BITFIELDS
    if len(data) < 54 + 16:
        return None
    masks = struct.unpack_from("<4I", data, 54)
    if width < 1 or height == 0 or not all(masks[:3]):
        return None
    alpha = masks[3] if with_alpha else 0
    return BmpFields(width, abs(height), height < 0, bits, start, (*masks[:3], alpha))


def decode(data: bytes, fields: BmpFields) -> Pixels | None:
    """BGR or BGRA pixels of 8 bits; None if some are missing.

    An alpha that is 0 everywhere is ignored: Windows and browsers show these images opaque.
    """
    import numpy as np  # noqa: PLC0415  (headers are read without numpy)

    stride = (fields.width * fields.bits + 31) // 32 * 4
    if len(data) - fields.start < stride * fields.height:
        return None
    raw = np.frombuffer(data, np.uint8, stride * fields.height, fields.start)
    rows = raw.reshape(fields.height, stride)[:, : fields.width * fields.bits // 8]
    values = np.ascontiguousarray(rows).view(f"<u{fields.bits // 8}").astype(np.uint32)
    if not fields.upside_down:
        values = values[::-1]
    red, green, blue, alpha = fields.masks
    channels = [_extract_channel(values, mask) for mask in (blue, green, red)]
    if alpha:
        opacity = _extract_channel(values, alpha)
        if opacity.any():
            channels.append(opacity)
    return np.dstack(channels)


def _extract_channel(values: Pixels, mask: int) -> Pixels:
    """Extract the bits of `mask`, scaled to 0..255."""
    import numpy as np  # noqa: PLC0415

    shift = (mask & -mask).bit_length() - 1
    most = mask >> shift
    cut = (values & np.uint32(mask)) >> np.uint32(shift)
    if most == 255:
        return cut.astype(np.uint8)
    return np.rint(cut.astype(np.float64) * (255.0 / most)).astype(np.uint8)
