"""What the bytes of an image say about themselves, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
    """What only the decoder of the format needs."""
