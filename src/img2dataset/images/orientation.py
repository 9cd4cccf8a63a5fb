"""An EXIF block -> how the photo is meant to be seen."""

from __future__ import annotations

from img2dataset.images.headers import tiff

ORIENTATION = 0x0112


def orientation_in(block: bytes) -> int:
    """The orientation, 1 to 8, that an EXIF block names; 1 if it names none."""
    return valid(tiff.numbers(block).get(ORIENTATION))


def valid(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def swaps_sides(orientation: int) -> bool:
    return orientation >= 5
