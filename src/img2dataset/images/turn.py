"""Pixels and an orientation -> pixels as they are meant to be seen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2

from img2dataset.images.pixels import Pixels


def turn(pixels: Pixels, orientation: int) -> Pixels:
    """`pixels`, stored with `orientation`, as displayed."""
    for step in STEPS.get(orientation, ()):
        pixels = step(pixels)
    return pixels


STEPS: dict[int, tuple[Callable[[Pixels], Pixels], ...]] = {
    2: (partial(cv2.flip, flipCode=1),),
    3: (partial(cv2.rotate, rotateCode=cv2.ROTATE_180),),
    4: (partial(cv2.flip, flipCode=0),),
    5: (cv2.transpose,),
    6: (partial(cv2.rotate, rotateCode=cv2.ROTATE_90_CLOCKWISE),),
    7: (cv2.transpose, partial(cv2.flip, flipCode=-1)),
    8: (partial(cv2.rotate, rotateCode=cv2.ROTATE_90_COUNTERCLOCKWISE),),
}
"""Orientation -> what turns it upright."""
