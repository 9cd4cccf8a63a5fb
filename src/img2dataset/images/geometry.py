"""Options and a size -> what to resize, crop and pad.  Arithmetic only."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from img2dataset.errors import Reason, RowError
from img2dataset.images.config import ImageConfig

INTERPOLATIONS: dict[str, int] = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "bilinear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "bicubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
    "lanczos4": cv2.INTER_LANCZOS4,
}

SHORTEST_SIDE_MODES = frozenset({"keep_ratio", "center_crop"})
"""Modes that bring the shortest side to image_size; the others bring the longest."""

MAX_SIDE_PIXELS = {"jpg": 65_500, "png": 1_000_000, "webp": 16_383}
"""Longest side each encoder takes, in pixels (1,000,000 is libpng's own limit)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Resize to width x height, then cut `crop` out of it or put `pad` around it."""

    width: int
    height: int
    interpolation: int | None = None
    """OpenCV's number; None if the size stays."""
    crop: tuple[int, int, int, int] | None = None
    """left, top, width, height."""
    pad: tuple[int, int, int, int] | None = None
    """left, top, right, bottom."""
    window: tuple[int, int, int, int] | None = None
    """left, top, width, height: the part of the image that is resized, if not all of it."""

    @property
    def changes_size(self) -> bool:
        return (self.interpolation, self.crop, self.pad) != (None, None, None)

    @property
    def final(self) -> tuple[int, int]:
        """Width and height of what is stored."""
        if self.crop is not None:
            return self.crop[2], self.crop[3]
        left, top, right, bottom = self.pad or (0, 0, 0, 0)
        return left + self.width + right, top + self.height + bottom


def make_plan(config: ImageConfig, width: int, height: int) -> Plan:
    """Plan the resize of an image of width x height, as displayed."""
    if config.resize_mode == "no":
        return Plan(width, height)
    side = config.image_size
    by_shortest = config.resize_mode in SHORTEST_SIDE_MODES
    tested = min(width, height) if by_shortest else max(width, height)
    if config.resize_only_if_bigger and tested <= side:
        return Plan(width, height)
    new_width, new_height = scale_side(width, side / tested), scale_side(height, side / tested)
    name = config.downscale_interpolation if tested > side else config.upscale_interpolation
    same = (new_width, new_height) == (width, height)
    return Plan(
        new_width,
        new_height,
        None if same else INTERPOLATIONS[name.lower()],
        _place_crop(new_width, new_height, side) if config.resize_mode == "center_crop" else None,
        _place_pad(new_width, new_height, side) if config.resize_mode == "border" else None,
    )


def scale_side(side: int, scale: float) -> int:
    """Multiply, round half to even, and return at least 1."""
    return max(1, round(side * scale))


def _place_crop(width: int, height: int, side: int) -> tuple[int, int, int, int] | None:
    if (width, height) == (side, side):
        return None
    return (width - side) // 2, (height - side) // 2, side, side


def _place_pad(width: int, height: int, side: int) -> tuple[int, int, int, int] | None:
    if (width, height) == (side, side):
        return None
    left, top = (side - width) // 2, (side - height) // 2
    return left, top, side - width - left, side - height - top


def check_limits(config: ImageConfig, width: int, height: int) -> None:
    """Refuse by size, before anything is decoded.  The size is as displayed."""
    if width * height > config.max_decoded_pixels:
        raise RowError(Reason.TOO_MANY_PIXELS)
    if min(width, height) < config.min_image_size:
        raise RowError(Reason.TOO_SMALL)
    if width * height > config.max_image_area:
        raise RowError(Reason.AREA_TOO_LARGE)
    if max(width, height) / min(width, height) > config.max_aspect_ratio:
        raise RowError(Reason.ASPECT_RATIO)


def check_plan(config: ImageConfig, planned: Plan) -> None:
    """Refuse what would take too much memory on the way, or what the encoder would refuse.

    Enlarging a narrow image by its shortest side is costly: 1 x 60000 becomes 256 x 15 million.
    """
    if max(planned.final) > MAX_SIDE_PIXELS[config.encode_format]:
        raise RowError(Reason.ENCODE)
    allowed = max(config.max_decoded_pixels, config.image_size**2)
    if planned.width * planned.height > allowed:
        raise RowError(Reason.TOO_MANY_PIXELS)


def choose_shrink_factor(
    original: tuple[int, int], target: tuple[int, int], *, margin: int = 3, smallest: int = 512
) -> int:
    """Choose the largest of 1, 2, 4, 8 by which a JPEG may be shrunk while it is decoded.

    What is decoded stays at least `margin` times the target on both sides: then what follows
    is still an area average over enough pixels (44 dB and more from the full decode; twice
    the target would be 39, and hardly quicker).  Images with a side below `smallest` have
    been downscaled before: they are sharp to the last pixel, and little time would be saved.
    """
    if min(original) < smallest:
        return 1
    for factor in (8, 4, 2):
        if all(-(-o // factor) >= margin * t for o, t in zip(original, target, strict=True)):
            return factor
    return 1
