"""The bytes of a stored image -> its pixels, for whoever reads them back."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from img2dataset.images.decode import decode
from img2dataset.images.probe import probe

if TYPE_CHECKING:
    from PIL import Image


def decode_rgb(data: bytes) -> npt.NDArray[np.uint8]:
    """Decode to height x width x 3, RGB, 0 to 255, as stored: transparency is blended on white.

    Raises:
        RowError: the bytes are no image, or a damaged one.
    """
    pixels, _ = decode(data, probe(data))
    conversion = cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(pixels, conversion))


def open_with_pillow(data: bytes) -> Image.Image:
    """Open the image with Pillow, and load its pixels, as stored."""
    from PIL import Image  # noqa: PLC0415  (most readers do without it)

    image = Image.open(io.BytesIO(data))
    image.load()
    return image
