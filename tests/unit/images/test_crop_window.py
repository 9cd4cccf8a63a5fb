"""An enlarged sliver costs what is kept of it, and looks the same."""

from __future__ import annotations

import time
import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.images.crop_window import plan_kept_part
from img2dataset.images.geometry import INTERPOLATIONS, check_plan, make_plan
from img2dataset.images.resize import fit
from tests.unit.images.made import Array, config, encoded, pixels_of, smooth, to_png


def both(source: Array, side: int, name: str) -> tuple[Array, Array]:
    """As it would be at full length, and as it is made."""
    options = config(resize_mode="center_crop", image_size=side, upscale_interpolation=name)
    height, width = source.shape[:2]
    whole = make_plan(options, width, height)
    part = plan_kept_part(whole, width, height)
    assert part.final == whole.final
    made = [fit(source, one) for one in (whole, part)]
    return made[0], made[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lanczos", "linear", "cubic"])
@given(st.integers(1, 12), st.integers(100, 2000), st.integers(24, 60), st.booleans())
def test_the_part_that_is_kept_is_that_of_the_whole(
    name: str,
    short: int,
    long: int,
    side: int,
    upright: bool,  # noqa: FBT001
) -> None:
    source = smooth(long, short, seed=short)
    source = np.ascontiguousarray(np.swapaxes(source, 0, 1)) if upright else source
    whole, part = both(source, side, name)
    assert cv2.absdiff(whole, part).max() <= 2  # OpenCV counts far rows less exactly than near ones


@pytest.mark.parametrize("name", ["nearest", "area"])
@given(st.integers(1, 12), st.integers(100, 2000), st.integers(24, 60))
def test_hard_edges_are_off_by_a_row_at_most(name: str, short: int, long: int, side: int) -> None:
    whole, part = both(smooth(long, short, seed=long), side, name)
    off = cv2.absdiff(whole, part).max(axis=(0, 2)) > 2
    assert off.mean() < 0.1


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1), (7, 60_000), (3, 65_000)])
def test_a_sliver_costs_nothing(size: tuple[int, int]) -> None:
    source = smooth(*size)
    data = encoded(source, "png")
    made = to_png(resize_mode="center_crop", image_size=256)
    made.process(data)
    began = time.process_time()
    tracemalloc.start()  # NumPy and OpenCV's arrays are counted
    got = pixels_of(made.process(data).data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert got.shape == (256, 256, 3)
    assert peak < 30_000_000
    assert time.process_time() - began < 1
    middle = source[source.shape[0] // 2, source.shape[1] // 2].astype(int)
    assert np.abs(got[128, 128] - middle).max() < 80


def test_ordinary_images_and_other_modes_are_planned_as_ever() -> None:
    for mode in ("center_crop", "keep_ratio", "border", "no"):
        for size in ((300, 200), (50, 80), (3000, 200), (100, 790)):
            planned = make_plan(config(resize_mode=mode), *size)
            assert plan_kept_part(planned, *size) == planned


def test_boxes_are_blurred_on_the_whole() -> None:
    data = encoded(smooth(40, 400), "png")
    made = to_png(resize_mode="center_crop", image_size=100)
    boxed = pixels_of(made.process(data, [[0.0, 0.45, 1.0, 0.55]]).data)
    assert boxed.shape == (100, 100, 3)
    assert not np.array_equal(boxed, pixels_of(made.process(data).data))


@pytest.mark.parametrize("name", INTERPOLATIONS)
def test_what_is_computed_stays_within_the_limits(name: str) -> None:
    options = config(resize_mode="center_crop", upscale_interpolation=name)
    for size in ((1, 1_000_000), (2, 60_000), (255, 65_000)):
        part = plan_kept_part(make_plan(options, *size), *size)
        check_plan(options, part)
        assert part.width * part.height < 30_000_000
