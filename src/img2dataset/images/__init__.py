"""Bytes -> EncodedImage: the images stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from img2dataset.images.config import ImageConfig
from img2dataset.images.native import SLOWER_NOTICE

if TYPE_CHECKING:
    from img2dataset.images.passthrough import Passthrough
    from img2dataset.images.process import ImageProcessor

__all__ = ["SLOWER_NOTICE", "ImageConfig", "make_processor"]


def make_processor(config: ImageConfig) -> ImageProcessor | Passthrough:
    """Return the processor for these options; import only what it needs."""
    if config.disable_all_reencoding:
        from img2dataset.images.passthrough import Passthrough  # noqa: PLC0415

        return Passthrough(config)
    from img2dataset.images.process import ImageProcessor  # noqa: PLC0415

    return ImageProcessor(config)
