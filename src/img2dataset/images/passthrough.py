"""Bytes -> EncodedImage with the same bytes: recognised by their header, never decoded."""

from __future__ import annotations

from typing import Any

from img2dataset.errors import Reason, RowError
from img2dataset.images.config import ImageConfig
from img2dataset.images.metadata import read_exif, read_image_exif
from img2dataset.images.pillow import PLUGINS, set_up_pillow
from img2dataset.images.probe import probe, recognise
from img2dataset.records import EncodedImage

RECOGNISED = frozenset({*PLUGINS.values(), Reason.TOO_MANY_PIXELS})
"""Reasons why an image cannot be decoded, which do not matter here."""


class Passthrough:
    """Take the place of ImageProcessor with disable_all_reencoding; needs no OpenCV."""

    def __init__(self, config: ImageConfig) -> None:
        self._config = config
        set_up_pillow(config.max_decoded_pixels)

    def __repr__(self) -> str:
        return f"Passthrough({self._config!r})"

    def process(self, data: bytes, boxes: Any = None) -> EncodedImage:
        """Return the image to store; there are no `boxes`, the options refuse them.

        Raises:
            RowError: the bytes are no image.
        """
        del boxes
        try:
            if not self._config.extract_exif:
                recognise(data)
                return EncodedImage(data, None, None, None, None)
            exif = read_image_exif(data, probe(data))
        except RowError as error:
            if error.reason not in RECOGNISED:
                raise
            exif = read_exif(data) if self._config.extract_exif else None
        return EncodedImage(data, None, None, None, None, exif)
