"""Pixels and a plan -> pixels of the planned size."""

from __future__ import annotations

import cv2
import numpy as np

from img2dataset.images.geometry import Plan
from img2dataset.images.pixels import Pixels

WHITE = 255


def resize(pixels: Pixels, plan: Plan) -> Pixels:
    """The resize alone: boxes are blurred between it and the frame."""
    if plan.interpolation is None:
        return pixels
    size = plan.width, plan.height
    resized: Pixels = cv2.resize(pixels, size, interpolation=plan.interpolation)
    return resized


def frame(pixels: Pixels, plan: Plan) -> Pixels:
    """Crop or pad."""
    if plan.crop is not None:
        left, top, width, height = plan.crop
        return np.ascontiguousarray(pixels[top : top + height, left : left + width])
    if plan.pad is not None:
        left, top, _, _ = plan.pad
        width, height = plan.final
        padded = np.full((height, width, *pixels.shape[2:]), WHITE, np.uint8)
        padded[top : top + plan.height, left : left + plan.width] = pixels
        return padded
    return pixels
