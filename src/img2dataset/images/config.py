"""The options that this stage reads."""

from __future__ import annotations

from dataclasses import dataclass

from img2dataset.options import Options, make_config


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

    @classmethod
    def of(cls, options: Options, *, stores_rows: bool) -> ImageConfig:
        """The part of the options that says how pictures are made.

        Args:
            options: the options of the run.
            stores_rows: whether the output format keeps metadata; EXIF is not read for nothing.
        """
        return make_config(
            cls,
            options,
            upscale_interpolation=options.upscale_interpolation.lower(),
            downscale_interpolation=options.downscale_interpolation.lower(),
            encode_quality=options.encoder_quality,
            extract_exif=options.extract_exif and stores_rows,
        )
