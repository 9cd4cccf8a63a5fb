"""The options that this stage reads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """How an image is filtered, decoded, resized and encoded."""

    image_size: int
    resize_mode: str
    resize_only_if_bigger: bool
    upscale_interpolation: str
    downscale_interpolation: str
    encode_format: str
    encode_quality: int
    """Already resolved: for png it is the compression level."""
    skip_reencode: bool
    disable_all_reencoding: bool
    min_image_size: int
    max_image_area: float
    max_aspect_ratio: float
    max_decoded_pixels: int
    apply_exif_orientation: bool
    extract_exif: bool
    convert_to_srgb: bool
