from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.images.geometry import INTERPOLATIONS, Plan
from img2dataset.images.native import AREA, JPEG, LANCZOS, SLOWER_NOTICE
from img2dataset.images.pixels import Pixels
from img2dataset.images.resize import resize
from tests.unit.images.made import bgr, encoded, pixels_of, saved, smooth, to_png


def close(got: Pixels, expected: Pixels, name: str = "area") -> bool:
    """Whether they are the same; what the compiled modules make may differ by a level."""
    return bool(cv2.absdiff(got, expected).max() <= (name in {"area", "lanczos", "lanczos4"}))


@pytest.mark.parametrize("name", INTERPOLATIONS)
@pytest.mark.parametrize("sides", [(300, 200), (90, 130)])
def test_pixels_are_those_of_opencv(name: str, sides: tuple[int, int]) -> None:
    source = smooth(*sides)
    options = {"upscale_interpolation": name, "downscale_interpolation": name.upper()}
    made = to_png(resize_mode="keep_ratio_largest", image_size=150, **options)
    picture = made.process(encoded(source, "png"))
    expected = cv2.resize(
        source, (picture.width, picture.height), interpolation=INTERPOLATIONS[name]
    )
    assert close(pixels_of(picture.data), expected, name)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_border_is_white(channels: int) -> None:
    source = smooth(300, 200, channels)
    got = pixels_of(to_png(resize_mode="border").process(encoded(source, "png")).data)
    assert got.shape[:2] == (256, 256)
    assert (got[:42] == 255).all()
    assert (got[-43:] == 255).all()
    inside = cv2.resize(source, (256, 171), interpolation=cv2.INTER_AREA)
    assert close(got[42:-43], inside)


def test_the_centre_is_kept() -> None:
    source = smooth(400, 257)
    made = to_png(resize_mode="center_crop", image_size=100)
    got = pixels_of(made.process(encoded(source, "png")).data)
    whole = cv2.resize(source, (156, 100), interpolation=cv2.INTER_AREA)
    assert np.array_equal(got, whole[:, 28:128])


def test_shrinking_on_load_stays_close_to_the_full_decode() -> None:
    data = saved(smooth(1600, 1200), "JPEG", quality=95)
    got = pixels_of(to_png(resize_mode="keep_ratio", image_size=128).process(data).data)
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
    got = pixels_of(made.process(data, boxes).data)
    name = options.get("downscale_interpolation", "area")
    full = cv2.resize(pixels_of(data), (171, 128), interpolation=INTERPOLATIONS[name])
    assert np.array_equal(got, full)


def test_grey_jpegs_shrink_too() -> None:
    data = saved(bgr(smooth(1600, 1200))[:, :, 0].copy(), "JPEG", quality=95)
    got = pixels_of(to_png(resize_mode="keep_ratio", image_size=128).process(data).data)
    full = cv2.resize(pixels_of(data), (171, 128), interpolation=cv2.INTER_AREA)
    assert got.shape == (128, 171)
    assert cv2.PSNR(got, full) > 45


SIDES = st.one_of(st.integers(1, 8), st.integers(1, 300))


def area(pixels: Pixels, width: int, height: int, *, by_opencv: bool) -> Pixels:
    return resize(pixels, Plan(width, height, cv2.INTER_AREA), by_opencv=by_opencv)


@given(st.data(), SIDES, SIDES, st.sampled_from([1, 3]))
def test_our_area_average_is_never_more_than_a_level_from_opencvs(
    data: st.DataObject, height: int, width: int, channels: int
) -> None:
    shape = (height, width) if channels == 1 else (height, width, channels)
    seed = data.draw(st.integers(0, 1000))
    source = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    size = data.draw(st.integers(1, width)), data.draw(st.integers(1, height))
    ours = area(source, *size, by_opencv=False)
    assert close(ours, area(source, *size, by_opencv=True).reshape(ours.shape))


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (4001, 3), (3, 4001, 3)])
def test_slivers_and_huge_ratios_are_averaged_right(shape: tuple[int, ...]) -> None:
    source = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    for size in ((1, 1), (2, 1), (1, 2), (3, 3)):
        if size[0] <= shape[1] and size[1] <= shape[0]:
            ours = area(source, *size, by_opencv=False)
            assert close(ours, area(source, *size, by_opencv=True).reshape(ours.shape))


def test_flat_images_stay_flat() -> None:
    for level in (0, 1, 127, 254, 255):
        flat = np.full((301, 407, 3), level, np.uint8)
        assert (area(flat, 100, 77, by_opencv=False) == level).all()


@pytest.mark.skipif(AREA is None, reason="installed without a C compiler")
def test_the_kernel_refuses_what_does_not_fit() -> None:
    assert AREA is not None
    out, source = np.zeros((2, 2, 3), np.uint8), np.zeros((5, 5, 3), np.uint8)
    AREA.shrink(out, source, 5, 5, 2, 2, 3)
    for sizes in (
        (5, 5, 2, 3, 3),
        (5, 6, 2, 2, 3),
        (5, 5, 2, 2, 1),
        (2, 2, 5, 5, 3),
        (0, 0, 0, 0, 3),
    ):
        with pytest.raises(ValueError, match="sizes do not fit"):
            AREA.shrink(out, source, *sizes)
    with pytest.raises(ValueError, match="sizes do not fit"):
        AREA.shrink(out, source, 5, 5, 2, 2, 2)


def test_an_installation_without_the_kernel_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (None in (AREA, JPEG, LANCZOS)) == (SLOWER_NOTICE is not None)
    source = smooth(300, 200)
    expected = area(source, 100, 67, by_opencv=True)
    monkeypatch.setattr("img2dataset.images.resize.AREA", None)
    assert np.array_equal(area(source, 100, 67, by_opencv=False), expected)
