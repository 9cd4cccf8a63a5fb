"""Images made on the spot, and processors with the default options."""

from __future__ import annotations

import io
import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from img2dataset.images import ImageConfig, make_processor
from img2dataset.images.passthrough import Passthrough
from img2dataset.images.process import ImageProcessor

Array = npt.NDArray[Any]

DEFAULTS: dict[str, Any] = {
    "image_size": 256,
    "resize_mode": "border",
    "resize_only_if_bigger": False,
    "upscale_interpolation": "lanczos",
    "downscale_interpolation": "area",
    "encode_format": "jpg",
    "encode_quality": 95,
    "skip_reencode": False,
    "disable_all_reencoding": False,
    "min_image_size": 0,
    "max_image_area": math.inf,
    "max_aspect_ratio": math.inf,
    "max_decoded_pixels": 256_000_000,
    "apply_exif_orientation": True,
    "extract_exif": True,
    "convert_to_srgb": False,
}


def config(**changes: Any) -> ImageConfig:
    return ImageConfig(**{**DEFAULTS, **changes})


def processor(**changes: Any) -> ImageProcessor | Passthrough:
    return make_processor(config(**changes))


def to_png(**changes: Any) -> ImageProcessor | Passthrough:
    """A processor that stores exactly the pixels it made; by default without a resize."""
    lossless = {"resize_mode": "no", "encode_format": "png", "encode_quality": 1}
    return processor(**{**lossless, **changes})


def smooth(width: int, height: int, channels: int = 3, seed: int = 0) -> Array:
    """Make an image like a photo: broad patches with soft edges."""
    rng = np.random.default_rng(seed)
    few = rng.integers(0, 256, (max(2, height // 8), max(2, width // 8), channels), np.uint8)
    made = cv2.resize(few, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(made.reshape(height, width, channels) if channels > 1 else made)


def encoded(pixels: Array, extension: str, *params: int) -> bytes:
    done, data = cv2.imencode(f".{extension}", pixels, params)
    assert done
    return bytes(data)


def saved(picture: Array | Image.Image, format_name: str, **options: Any) -> bytes:
    """Encode with Pillow.  Arrays are grey, RGB or RGBA."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, format_name, **options)
    return file.getvalue()


def pixels_of(data: bytes) -> Array:
    """Decode to BGR or grey, as stored."""
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), flags))


def bgr(pixels: Array) -> Array:
    return np.ascontiguousarray(pixels[:, :, ::-1])
