from __future__ import annotations

import struct
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageOps

from img2dataset.images.orientation import read_orientation, turn_upright
from tests.pictures.others import heic
from tests.quick import few_quick
from tests.unit.images.made import bgr, pixels_of, processor, saved, smooth, to_png

RGB = smooth(96, 40)
EXACT: dict[str, dict[str, Any]] = {
    "WEBP": {"lossless": True},
    "JPEG": {"quality": 100, "subsampling": 0},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}


def oriented(value: int, format_name: str = "PNG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    if format_name == "HEIC":
        return heic(RGB, exif=exif.tobytes())
    if format_name == "JXL":  # made of a JPEG: else only the codestream could say it
        return bytes(imagecodecs.jpegxl_encode_jpeg(oriented(value, "JPEG")))
    return saved(RGB, format_name, exif=exif, **EXACT.get(format_name, {}))


@pytest.mark.parametrize("value", few_quick(range(1, 9), 5))
@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "TIFF", "JPEG", "AVIF", "HEIC", "JXL"])
def test_photos_are_turned_upright(value: int, format_name: str) -> None:
    image = Image.fromarray(RGB)
    image.getexif()[0x0112] = value
    expected = bgr(np.asarray(ImageOps.exif_transpose(image)))
    picture = to_png().process(oriented(value, format_name))
    off = np.abs(pixels_of(picture.data).astype(int) - expected).max()
    assert off <= (5 if format_name in ("JPEG", "AVIF", "JXL") else 0)
    sides = (96, 40) if value < 5 else (40, 96)
    assert (picture.original_width, picture.original_height) == sides
    assert (picture.width, picture.height) == sides


def test_orientation_can_be_left_alone() -> None:
    picture = to_png(apply_exif_orientation=False).process(oriented(6))
    assert (picture.original_width, picture.original_height) == (96, 40)
    assert np.array_equal(pixels_of(picture.data), bgr(RGB))


def test_a_turned_photo_is_encoded_again_even_if_nothing_else_changes() -> None:
    keep = processor(resize_mode="no", skip_reencode=True)
    assert keep.process(oriented(1, "JPEG")).data == oriented(1, "JPEG")
    turned = keep.process(oriented(6, "JPEG"))
    assert turned.data != oriented(6, "JPEG")
    assert pixels_of(turned.data).shape == (96, 40, 3)


def test_shrinking_on_load_and_turning_go_together() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    large = smooth(1600, 1200)
    picture = to_png(resize_mode="keep_ratio_largest", image_size=64).process(
        saved(large, "JPEG", quality=95, exif=exif)
    )
    upright = to_png(resize_mode="keep_ratio_largest", image_size=64).process(
        saved(np.ascontiguousarray(np.rot90(large, -1)), "JPEG", quality=95)
    )
    assert (picture.width, picture.height) == (48, 64)
    difference = pixels_of(picture.data).astype(int) - pixels_of(upright.data)
    assert np.abs(difference).mean() < 2


@pytest.mark.parametrize("value", range(1, 9))
def test_turning_works_on_grey_too(value: int) -> None:
    grey = np.ascontiguousarray(RGB[:, :, 0])
    assert turn_upright(grey, value).shape == ((40, 96) if value < 5 else (96, 40))


def entry(order: str, value: int) -> bytes:
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(order + "IHHHIHH", 8, 1, 0x0112, 3, 1, value, 0)


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(order: str) -> None:
    assert read_orientation(entry(order, 8)) == 8


@pytest.mark.parametrize(
    "block",
    [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", entry("<", 9), entry("<", 0), entry("<", 6)[:15]],
)  # fmt: skip
def test_damaged_or_senseless_blocks_mean_upright(block: bytes) -> None:
    assert read_orientation(block) == 1
