"""Bytes -> EncodedImage, step by step.  Read this module of the stage first."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import cv2

from img2dataset.errors import Reason, RowError
from img2dataset.images import geometry
from img2dataset.images.blur import blur, read_boxes
from img2dataset.images.config import ImageConfig
from img2dataset.images.crop_window import plan_kept_part
from img2dataset.images.decode import decode
from img2dataset.images.encode import ENCODERS, FORMATS
from img2dataset.images.header import Header
from img2dataset.images.headers.bombs import check_length
from img2dataset.images.icc import Conversion, find_conversion
from img2dataset.images.kept import is_proved_whole, opens_elsewhere
from img2dataset.images.library_decoders import set_up_opencv
from img2dataset.images.metadata import read_image_exif
from img2dataset.images.orientation import swaps_sides, turn_upright
from img2dataset.images.pillow import set_up_pillow
from img2dataset.images.pixels import Pixels
from img2dataset.images.png_pixels import shrink_png
from img2dataset.images.probe import probe
from img2dataset.images.resize import crop_or_pad, fit, resize, shrink_jpeg
from img2dataset.records import EncodedImage

SHRINKERS = {"JPEG": shrink_jpeg, "PNG": shrink_png}
"""Format -> what decodes and averages in one pass, where that can be done."""


@dataclass(frozen=True, slots=True)
class _Steps:
    """What is done with one image."""

    width: int
    height: int
    """As displayed."""
    orientation: int
    plan: geometry.Plan
    boxes: list[Any]
    recolour: Conversion | None


class ImageProcessor:
    """Turn the bytes of an image into the image to store.  Stateless, so threads may share it."""

    def __init__(self, config: ImageConfig) -> None:
        self._config = config
        self._encode = ENCODERS[config.encode_format]
        self._shrinkable = config.downscale_interpolation.lower() == "area"
        set_up_opencv()
        set_up_pillow(config.max_decoded_pixels)

    def __repr__(self) -> str:
        return f"ImageProcessor({self._config!r})"

    def process(self, data: bytes, boxes: Any = None) -> EncodedImage:
        """Return the image to store.

        `boxes` are blurred: None, or a list of [x_min, y_min, x_max, y_max] in 0..1.

        Raises:
            RowError: the bytes are no image, or a filter refuses the image.
        """
        header = probe(data)
        try:
            return self._process(data, header, read_boxes(boxes))
        except (cv2.error, MemoryError) as error:  # OpenCV has an error of its own for memory
            raise RowError(Reason.DECODE) from error

    def _process(self, data: bytes, header: Header, boxes: list[Any]) -> EncodedImage:
        began = perf_counter()
        steps = self._plan(data, header, boxes)
        may_be_kept = self._may_be_kept(header, steps)
        if may_be_kept and steps.recolour is None and is_proved_whole(data, header):
            stored = data
            decoded = made = perf_counter()
        else:
            pixels, as_stored, decoded = self._make_pixels(data, header, steps)
            made = perf_counter()
            kept = may_be_kept and as_stored and opens_elsewhere(data, header)
            stored = data if kept else self._encode(pixels, self._config.encode_quality)
        exif = read_image_exif(data, header) if self._config.extract_exif else None
        seconds = (decoded - began, made - decoded, perf_counter() - made)
        return EncodedImage(stored, *steps.plan.final, steps.width, steps.height, exif, seconds)

    def _plan(self, data: bytes, header: Header, boxes: list[Any]) -> _Steps:
        """Decide what is done with the image, and refuse what filters and limits refuse."""
        config = self._config
        orientation = header.orientation if config.apply_exif_orientation else 1
        width, height = header.width, header.height
        if swaps_sides(orientation):
            width, height = height, width
        geometry.check_limits(config, width, height)
        check_length(data, header)
        plan = geometry.make_plan(config, width, height)
        if not boxes:  # those are blurred on the whole image
            plan = plan_kept_part(plan, width, height)
        geometry.check_plan(config, plan)
        recolour = find_conversion(data, header) if config.convert_to_srgb else None
        return _Steps(width, height, orientation, plan, boxes, recolour)

    def _may_be_kept(self, header: Header, steps: _Steps) -> bool:
        """Whether the bytes are stored as they are, if all their pixels are there."""
        return (
            self._config.skip_reencode
            and steps.orientation == 1
            and not steps.boxes
            and not steps.plan.changes_size
            and header.format == FORMATS[self._config.encode_format]
        )

    def _make_pixels(
        self, data: bytes, header: Header, steps: _Steps
    ) -> tuple[Pixels, bool, float]:
        """Make the pixels to store; say whether the file holds exactly these, and when they were
        decoded."""
        plan = steps.plan
        if not steps.boxes and not steps.recolour and header.format in SHRINKERS:
            small = SHRINKERS[header.format](data, header, plan, steps.orientation)
            if small is not None:
                return small, False, perf_counter()
        factor = 1 if steps.boxes else self._factor(header, steps)
        pixels, as_stored = decode(data, header, factor, steps.recolour)
        decoded = perf_counter()
        pixels = turn_upright(pixels, steps.orientation)
        if not steps.boxes:
            return fit(pixels, plan), as_stored, decoded
        blurred = blur(resize(pixels, plan, by_opencv=True), steps.boxes)
        return crop_or_pad(blurred, plan), as_stored, decoded

    def _factor(self, header: Header, steps: _Steps) -> int:
        """Choose the factor by which decoding shrinks."""
        plan = steps.plan
        shrinks = plan.interpolation is not None and plan.width < steps.width
        if not (shrinks and self._shrinkable and header.format == "JPEG"):
            return 1
        return geometry.choose_shrink_factor((steps.width, steps.height), (plan.width, plan.height))
