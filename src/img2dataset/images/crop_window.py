"""A plan that enlarges a sliver and keeps a little of it -> the plan for that part alone.

An image of 1 x 60000 pixels, cropped to 256 x 256, would have 15 million rows on the way, of which
256 are kept.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from img2dataset.images.geometry import Plan

REACH_PIXELS = 8
"""Pixels around a pixel on which an interpolation depends, with a margin."""
MAX_TRIES = 64
SUBPIXEL_STEPS = 4096
"""The part may be off by one of so many steps of a pixel; OpenCV's own are 2048."""
MIN_GAIN = 8
"""How many times larger than what is kept the whole must be."""


def plan_kept_part(plan: Plan, width: int, height: int) -> Plan:
    """Restrict `plan` to the part of a width x height image that its crop keeps, if it enlarges."""
    if plan.crop is None or plan.interpolation is None:
        return plan
    left, top, kept_width, kept_height = plan.crop
    columns = _find_part(width, plan.width, left, kept_width)
    rows = _find_part(height, plan.height, top, kept_height)
    if columns is None and rows is None:
        return plan
    x, new_x = columns or ((0, width), (0, plan.width))
    y, new_y = rows or ((0, height), (0, plan.height))
    return replace(
        plan,
        width=new_x[1] - new_x[0],
        height=new_y[1] - new_y[0],
        crop=(left - new_x[0], top - new_y[0], kept_width, kept_height),
        window=(x[0], y[0], x[1] - x[0], y[1] - y[0]),
    )


Span = tuple[int, int]


def _find_part(old: int, new: int, start: int, kept: int) -> tuple[Span, Span] | None:
    """Find which span of a side of `old` pixels is needed, and which span of the `new` pixels it
    becomes; None if all of it, or nearly so."""
    if new < 2 * old or new < MIN_GAIN * kept:
        return None
    before = max(0, start * old // new - REACH_PIXELS)
    behind = min(old, ceil((start + kept) * old / new) + REACH_PIXELS)
    first = _find_meeting_edge(range(before, max(-1, before - MAX_TRIES), -1), old, new)
    last = _find_meeting_edge(range(behind, min(old, behind + MAX_TRIES) + 1), old, new)
    return (first, last), (_scale_edge(first, old, new), _scale_edge(last, old, new))


def _find_meeting_edge(candidates: range, old: int, new: int) -> int:
    """Find the first candidate whose edge falls on an edge of the new pixels, nearly exactly."""

    def measure_offset(pixel: int) -> float:
        """In pixels before the resize."""
        return abs(pixel * new - _scale_edge(pixel, old, new) * old) / new

    for pixel in candidates:
        if measure_offset(pixel) * SUBPIXEL_STEPS < 1:
            return pixel
    return min(candidates, key=measure_offset)


def _scale_edge(pixel: int, old: int, new: int) -> int:
    return (2 * pixel * new + old) // (2 * old)
