"""An EXIF block -> the orientation in it; pixels and an orientation -> pixels as displayed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from img2dataset.images.headers import tiff

if TYPE_CHECKING:
    from img2dataset.images.pixels import Pixels

FLIPS = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}
"""Orientation -> cv2.flip's code (1 across, 0 down, -1 both), after transposing from 5 on."""


def read_orientation(block: bytes) -> int:
    """Read the orientation, 1 to 8, of an EXIF block; 1 if it has none."""
    return validate_orientation(tiff.read_numbers(block).get(tiff.ORIENTATION))


def validate_orientation(value: object) -> int:
    """Return `value` if it is an orientation, else 1."""
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def swaps_sides(orientation: int) -> bool:
    return orientation >= 5


def turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """Turn pixels that are stored with `orientation` as they are displayed."""
    import cv2  # noqa: PLC0415  (headers are read without OpenCV)

    if swaps_sides(orientation):
        pixels = cv2.transpose(pixels)
    if orientation in FLIPS:
        pixels = cv2.flip(pixels, FLIPS[orientation])
    return pixels
