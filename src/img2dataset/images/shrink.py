"""JPEG bytes and a plan -> pixels of the planned size, decoded and averaged in one pass."""

from __future__ import annotations

import cv2
import numpy as np

from img2dataset.images.geometry import Plan
from img2dataset.images.native import JPEG
from img2dataset.images.orientation import swaps_sides
from img2dataset.images.pixels import Pixels
from img2dataset.images.probe import Header
from img2dataset.images.turn import turn

CHANNELS = {"YCbCr": 3, "Gray": 1}
"""Colours of a JPEG that are worth a pass of their own -> channels."""


def shrunk(data: bytes, header: Header, plan: Plan, orientation: int) -> Pixels | None:
    """Grey or BGR pixels as displayed, at most a few levels from a full decode's area average.

    None if this is not for one pass: not a plain baseline JPEG, odd in any way, or not made
    smaller by an area average.
    """
    if JPEG is None or header.format != "JPEG" or plan.interpolation != cv2.INTER_AREA:
        return None
    channels = CHANNELS.get(header.own.colours)
    width, height = plan.width, plan.height
    if swaps_sides(orientation):
        width, height = height, width
    if channels is None or width > header.width or height > header.height:
        return None
    out: Pixels = np.empty((height, width, channels) if channels > 1 else (height, width), np.uint8)
    done = JPEG.shrink(out, data, channels, header.width, header.height, width, height)
    return turn(out, orientation) if done else None
