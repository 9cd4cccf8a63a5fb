"""Pixels and boxes -> pixels with the boxes blurred softly (faces, mostly)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from img2dataset.errors import Reason, RowError
from img2dataset.images.pixels import Pixels

Box = tuple[float, float, float, float]
"""x_min, y_min, x_max, y_max, in 0..1 of the image."""
MIN_COORDINATE, MAX_COORDINATE = -1.0, 2.0
"""Boxes may reach over the edge, as those of detectors do, but not by more than the image."""
ALIGNED_COLUMNS = 64
MAX_WORK = 5 * 10**10
"""Pixels, edges included, times the kernel's side: a minute of CPU.  Boxes on the largest images
come near it."""
GROWTH = 0.1
"""Share of its longest side by which a box grows; also the kernel's radius."""


def read_boxes(boxes: Any) -> list[Box]:
    """Check a row's boxes; None means no boxes.  A reversed box covers the same pixels."""
    if boxes is None:
        return []
    if not _is_list(boxes):
        raise RowError(Reason.BAD_BOXES)
    return [_read_box(box) for box in boxes]


def _read_box(box: Any) -> Box:
    if not _is_list(box) or len(box) != 4:
        raise RowError(Reason.BAD_BOXES)
    try:
        x1, y1, x2, y2 = (min(max(_to_float(side), MIN_COORDINATE), MAX_COORDINATE) for side in box)
    except (TypeError, ValueError, OverflowError) as error:
        raise RowError(Reason.BAD_BOXES) from error
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _is_list(value: Any) -> bool:
    return isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, (str, bytes))


def _to_float(value: Any) -> float:
    number = math.nan if isinstance(value, (str, bytes)) else float(value)
    if math.isnan(number):
        raise ValueError(value)
    return number


def blur(pixels: Pixels, boxes: Sequence[Box]) -> Pixels:
    """Blur the boxes with one kernel for the image, made for the largest of them.

    Raises:
        RowError: TOO_MANY_PIXELS if that would take minutes.
    """
    mask, side = _make_mask(boxes, *pixels.shape[:2])
    if not mask.any():
        return pixels
    changed = _find_reach(mask, side // 2)  # where the softened mask is not 0
    seen = _find_reach(mask, 2 * (side // 2))  # what that depends on
    if math.prod(sides + side for sides in mask[seen].shape) * side > MAX_WORK:
        raise RowError(Reason.TOO_MANY_PIXELS)
    image = pixels[seen].astype(np.float32) / 255
    soft_mask = cv2.GaussianBlur(np.ascontiguousarray(mask[seen]), (side, side), 0)
    soft_image = cv2.GaussianBlur(image, (side, side), 0)
    if pixels.ndim == 3:
        soft_mask = soft_mask[:, :, np.newaxis]
    mixed = image * (1 - soft_mask) + soft_image * soft_mask
    top, left = (part.start - whole.start for part, whole in zip(changed, seen, strict=True))
    height, width = mask[changed].shape
    blurred = pixels.copy()
    blurred[changed] = (mixed[top : top + height, left : left + width] * 255).astype(np.uint8)
    return blurred


def _make_mask(boxes: Sequence[Box], height: int, width: int) -> tuple[Pixels, int]:
    """Return the mask, 1 inside the boxes and 0 elsewhere, and the side of the kernel."""
    mask = np.zeros((height, width), np.float32)
    largest = 0
    for box in boxes:
        left, right = int(box[0] * width), int(box[2] * width)
        top, bottom = int(box[1] * height), int(box[3] * height)
        longest = max(right - left, bottom - top)
        columns = _grow_span(left, right, GROWTH * longest, width)
        rows = _grow_span(top, bottom, GROWTH * longest, height)
        mask[rows, columns] = 1
        largest = max(largest, longest)
    return mask, max(3, 2 * math.ceil(GROWTH * largest) + 1)


def _find_reach(mask: Pixels, reach: int) -> tuple[slice, slice]:
    """Find the rows and columns within `reach` of the mask's ones.

    Columns are in steps of ALIGNED_COLUMNS: then OpenCV's vectors are aligned as on the whole
    image, and round alike.
    """
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left = max(0, int(columns[0]) - reach) // ALIGNED_COLUMNS * ALIGNED_COLUMNS
    right = -(-(int(columns[-1]) + 1 + reach) // ALIGNED_COLUMNS) * ALIGNED_COLUMNS
    return (
        slice(max(0, int(rows[0]) - reach), min(height, int(rows[-1]) + 1 + reach)),
        slice(left, min(width, right)),
    )


def _grow_span(start: int, end: int, reach: float, side: int) -> slice:
    """Grow a span of rows or columns of the mask by `reach`.

    The end stops before the last one, and both are truncated: the old tool did so, and datasets
    are compared pixel by pixel.
    """
    return slice(int(max(0, start - reach)), int(max(0, min(side - 1, end + reach))))
