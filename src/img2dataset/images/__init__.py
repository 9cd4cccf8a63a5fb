"""Body -> Picture: the images stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from img2dataset.images.config import ImageConfig
from img2dataset.images.native import SLOWER

if TYPE_CHECKING:
    from img2dataset.images.passthrough import Untouched
    from img2dataset.images.process import Shaper

__all__ = ["SLOWER", "ImageConfig", "make_shaper"]


def make_shaper(config: ImageConfig) -> Shaper | Untouched:
    """What makes pictures; what is not needed for that is not imported."""
    if config.disable_all_reencoding:
        from img2dataset.images.passthrough import Untouched  # noqa: PLC0415

        return Untouched(config)
    from img2dataset.images.process import Shaper  # noqa: PLC0415

    return Shaper(config)
