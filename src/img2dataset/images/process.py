"""Bytes -> EncodedImage, step by step.  Read this module of the stage first."""

from __future__ import annotations

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
from img2dataset.images.icc import find_conversion
from img2dataset.images.library_decoders import set_up_opencv
from img2dataset.images.metadata import read_image_exif
from img2dataset.images.orientation import swaps_sides, turn_upright
from img2dataset.images.pillow import set_up_pillow
from img2dataset.images.probe import probe
from img2dataset.images.resize import crop_or_pad, resize, shrink_jpeg
from img2dataset.records import EncodedImage


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
        pixels = None if boxes or recolour else shrink_jpeg(data, header, plan, orientation)
        as_stored = False  # does not matter where the size changes
        if pixels is None:
            factor = 1 if boxes else self._factor(header, plan, width, height)
            pixels, as_stored = decode(data, header, factor, recolour)
            pixels = turn_upright(pixels, orientation)
            pixels = resize(pixels, plan, by_opencv=bool(boxes))
        if boxes:
            pixels = blur(pixels, boxes)
        pixels = crop_or_pad(pixels, plan)

        kept = (
            config.skip_reencode
            and as_stored
            and orientation == 1
            and not boxes
            and not plan.changes_size
            and header.format == FORMATS[config.encode_format]
        )
        stored = data if kept else self._encode(pixels, config.encode_quality)
        exif = read_image_exif(data, header) if config.extract_exif else None
        return EncodedImage(stored, *plan.final, width, height, exif)

    def _factor(self, header: Header, plan: geometry.Plan, width: int, height: int) -> int:
        """Choose the factor by which decoding shrinks."""
        shrinks = plan.interpolation is not None and plan.width < width
        if not (shrinks and self._shrinkable and header.format == "JPEG"):
            return 1
        return geometry.choose_shrink_factor((width, height), (plan.width, plan.height))
