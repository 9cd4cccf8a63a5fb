"""Any bytes, by every way through the image stage -> an image of the promised size, or a reason."""

from __future__ import annotations

import json
import resource
import time

from img2dataset.errors import RowError
from img2dataset.records import EncodedImage
from tests.unit.images.made import pixels_of, processor, to_png

MAX_PIXELS = 1_000_000
MAX_CPU_S = 3.0
"""For one input in one way: ten times what a million pixels take."""
MAX_MEMORY_MB = 1000
BOXES = [[0.1, 0.1, 0.4, 0.6]]

LIMIT = {"max_decoded_pixels": MAX_PIXELS}
WAYS = (
    (processor(image_size=32, **LIMIT), None),
    (processor(image_size=40, resize_mode="center_crop", **LIMIT), None),
    (to_png(apply_exif_orientation=False, convert_to_srgb=True, **LIMIT), BOXES),
    (processor(disable_all_reencoding=True, **LIMIT), None),
)


class FindingError(Exception):
    """An input that breaks a rule."""


def one_input(data: bytes) -> None:
    for made, boxes in WAYS:
        began = time.process_time()
        try:
            picture = made.process(data, boxes)
        except RowError:
            picture = None
        if time.process_time() - began > MAX_CPU_S:
            raise FindingError(f"slow: {time.process_time() - began:.1f} s in {made!r}")
        if picture is not None:
            check(picture)
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > MAX_MEMORY_MB * 1024:
        raise FindingError("memory")


def check(picture: EncodedImage) -> None:
    if picture.exif is not None and not isinstance(json.loads(picture.exif), dict):
        raise FindingError(f"EXIF is {picture.exif!r}")
    if picture.width is None:
        return
    height, width = pixels_of(picture.data).shape[:2]
    if (width, height) != (picture.width, picture.height):
        raise FindingError(f"{width} x {height} instead of {picture.width} x {picture.height}")
