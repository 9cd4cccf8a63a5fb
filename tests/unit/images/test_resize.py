from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from img2dataset.images.geometry import INTERPOLATIONS
from tests.unit.images.made import bgr, encoded, pixels_of, saved, smooth, to_png


@pytest.mark.parametrize("name", INTERPOLATIONS)
@pytest.mark.parametrize("sides", [(300, 200), (90, 130)])
def test_pixels_are_those_of_opencv(name: str, sides: tuple[int, int]) -> None:
    source = smooth(*sides)
    options = {"upscale_interpolation": name, "downscale_interpolation": name.upper()}
    made = to_png(resize_mode="keep_ratio_largest", image_size=150, **options)
    picture = made.shape(encoded(source, "png"))
    expected = cv2.resize(
        source, (picture.width, picture.height), interpolation=INTERPOLATIONS[name]
    )
    assert np.array_equal(pixels_of(picture.data), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_border_is_white(channels: int) -> None:
    source = smooth(300, 200, channels)
    got = pixels_of(to_png(resize_mode="border").shape(encoded(source, "png")).data)
    assert got.shape[:2] == (256, 256)
    assert (got[:42] == 255).all()
    assert (got[-43:] == 255).all()
    inside = cv2.resize(source, (256, 171), interpolation=cv2.INTER_AREA)
    assert np.array_equal(got[42:-43], inside)


def test_the_centre_is_kept() -> None:
    source = smooth(400, 257)
    made = to_png(resize_mode="center_crop", image_size=100)
    got = pixels_of(made.shape(encoded(source, "png")).data)
    whole = cv2.resize(source, (156, 100), interpolation=cv2.INTER_AREA)
    assert np.array_equal(got, whole[:, 28:128])


def test_shrinking_on_load_stays_close_to_the_full_decode() -> None:
    data = saved(smooth(1600, 1200), "JPEG", quality=95)
    got = pixels_of(to_png(resize_mode="keep_ratio", image_size=128).shape(data).data)
    full = cv2.resize(pixels_of(data), (171, 128), interpolation=cv2.INTER_AREA)
    assert not np.array_equal(got, full)  # it did shrink
    assert cv2.PSNR(got, full) > 45


@pytest.mark.parametrize(
    ("options", "boxes"),
    [({"downscale_interpolation": "cubic"}, None), ({}, [[0.1, 0.1, 0.1, 0.1]])],
)
def test_other_interpolations_and_boxes_see_every_pixel(
    options: dict[str, str], boxes: Any
) -> None:
    data = saved(smooth(1600, 1200), "JPEG", quality=95)
    made = to_png(resize_mode="keep_ratio", image_size=128, **options)
    got = pixels_of(made.shape(data, boxes).data)
    name = options.get("downscale_interpolation", "area")
    full = cv2.resize(pixels_of(data), (171, 128), interpolation=INTERPOLATIONS[name])
    assert np.array_equal(got, full)


def test_grey_jpegs_shrink_too() -> None:
    data = saved(bgr(smooth(1600, 1200))[:, :, 0].copy(), "JPEG", quality=95)
    got = pixels_of(to_png(resize_mode="keep_ratio", image_size=128).shape(data).data)
    full = cv2.resize(pixels_of(data), (171, 128), interpolation=cv2.INTER_AREA)
    assert got.shape == (128, 171)
    assert cv2.PSNR(got, full) > 45
