from __future__ import annotations

from typing import Any

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.errors import Reason, RowError
from img2dataset.images.geometry import (
    check_limits,
    check_plan,
    choose_shrink_factor,
    make_plan,
    scale_side,
)
from tests.unit.images.made import config

MODES = ("no", "border", "keep_ratio", "keep_ratio_largest", "center_crop")
Sides = tuple[int, int]
sides = st.integers(1, 5000)


@pytest.mark.parametrize(
    ("mode", "size", "resized", "final"),
    [
        ("no", (300, 200), (300, 200), (300, 200)),
        ("border", (300, 200), (256, 171), (256, 256)),
        ("border", (200, 300), (171, 256), (256, 256)),
        ("border", (100, 80), (256, 205), (256, 256)),
        ("border", (1000, 3), (256, 1), (256, 256)),
        ("border", (256, 100), (256, 100), (256, 256)),
        ("keep_ratio", (300, 200), (384, 256), (384, 256)),
        ("keep_ratio", (257, 256), (257, 256), (257, 256)),
        ("keep_ratio", (333, 1000), (256, 769), (256, 769)),
        ("keep_ratio", (1000, 3), (85333, 256), (85333, 256)),
        ("keep_ratio_largest", (257, 256), (256, 255), (256, 255)),
        ("keep_ratio_largest", (3, 1000), (1, 256), (1, 256)),
        ("center_crop", (300, 200), (384, 256), (256, 256)),
        ("center_crop", (1, 1), (256, 256), (256, 256)),
    ],
)
def test_sizes_are_those_of_the_old_tool(
    mode: str, size: Sides, resized: Sides, final: Sides
) -> None:
    planned = make_plan(config(resize_mode=mode), *size)
    assert (planned.width, planned.height) == resized
    assert planned.final == final


@pytest.mark.parametrize(
    ("mode", "size", "final"),
    [
        ("border", (100, 80), (100, 80)),
        ("border", (256, 100), (256, 100)),
        ("border", (255, 400), (256, 256)),
        ("keep_ratio", (1000, 256), (1000, 256)),
        ("keep_ratio", (1000, 257), (996, 256)),
        ("keep_ratio_largest", (256, 10), (256, 10)),
        ("center_crop", (257, 256), (257, 256)),
        ("center_crop", (400, 257), (256, 256)),
    ],
)
def test_only_what_is_bigger_is_resized_when_asked(mode: str, size: Sides, final: Sides) -> None:
    planned = make_plan(config(resize_mode=mode, resize_only_if_bigger=True), *size)
    assert planned.final == final
    assert planned.changes_size == (final != size)


def test_padding_is_floored_before_and_the_rest_comes_after() -> None:
    assert make_plan(config(), 300, 200).pad == (0, 42, 0, 43)
    assert make_plan(config(), 200, 300).pad == (42, 0, 43, 0)


def test_crop_offsets_are_floored() -> None:
    planned = make_plan(config(resize_mode="center_crop", image_size=100), 205, 100)
    assert planned.crop == (52, 0, 100, 100)


def test_sides_are_rounded_half_to_even_and_never_vanish() -> None:
    assert [scale_side(side, 0.5) for side in (1, 3, 5, 7)] == [1, 2, 2, 4]
    assert scale_side(1, 0.001) == 1


def test_interpolation_depends_on_the_direction() -> None:
    options = config(downscale_interpolation="Bicubic", upscale_interpolation="NEAREST")
    assert make_plan(options, 300, 300).interpolation == cv2.INTER_CUBIC
    assert make_plan(options, 200, 200).interpolation == cv2.INTER_NEAREST
    assert make_plan(options, 256, 256).interpolation is None


@given(width=sides, height=sides, side=st.integers(1, 1024))
def test_border_and_center_crop_give_squares(width: int, height: int, side: int) -> None:
    for mode in ("border", "center_crop"):
        planned = make_plan(config(resize_mode=mode, image_size=side), width, height)
        assert planned.final == (side, side)
        if planned.pad is not None:
            assert min(planned.pad) >= 0
        if planned.crop is not None:
            left, top, _, _ = planned.crop
            assert 0 <= left <= planned.width - side
            assert 0 <= top <= planned.height - side


@given(width=sides, height=sides, side=st.integers(1, 1024), mode=st.sampled_from(MODES))
def test_a_plan_turned_on_its_side_is_the_plan_of_the_turned_image(
    width: int, height: int, side: int, mode: str
) -> None:
    upright = make_plan(config(resize_mode=mode, image_size=side), width, height)
    turned = make_plan(config(resize_mode=mode, image_size=side), height, width)
    assert (upright.width, upright.height) == (turned.height, turned.width)
    assert upright.final == turned.final[::-1]


@given(width=sides, height=sides, side=st.integers(1, 1024))
def test_keep_ratio_brings_its_side_to_image_size(width: int, height: int, side: int) -> None:
    shortest = make_plan(config(resize_mode="keep_ratio", image_size=side), width, height)
    longest = make_plan(config(resize_mode="keep_ratio_largest", image_size=side), width, height)
    assert min(shortest.final) == side
    assert max(longest.final) == side


@given(width=sides, height=sides, side=st.integers(1, 1024))
def test_shrinking_on_load_leaves_enough_pixels(width: int, height: int, side: int) -> None:
    planned = make_plan(config(resize_mode="keep_ratio", image_size=side), width, height)
    factor = choose_shrink_factor((width, height), (planned.width, planned.height))
    assert factor in (1, 2, 4, 8)
    if factor > 1:
        assert width / factor >= 2 * planned.width
        assert height / factor >= 2 * planned.height


@pytest.mark.parametrize(
    ("limits", "size", "reason"),
    [
        ({"min_image_size": 10}, (9, 20), Reason.TOO_SMALL),
        ({"min_image_size": 10}, (10, 20), None),
        ({"max_image_area": 200}, (10, 21), Reason.AREA_TOO_LARGE),
        ({"max_image_area": 200}, (10, 20), None),
        ({"max_aspect_ratio": 2}, (10, 21), Reason.ASPECT_RATIO),
        ({"max_aspect_ratio": 2}, (20, 10), None),
        ({"max_decoded_pixels": 200}, (10, 21), Reason.TOO_MANY_PIXELS),
        ({"max_decoded_pixels": 200}, (10, 20), None),
        ({"min_image_size": 30, "max_image_area": 1, "max_aspect_ratio": 1}, (9, 20),
         Reason.TOO_SMALL),
    ],
)  # fmt: skip
def test_limits_are_strict_and_in_order(
    limits: dict[str, Any], size: Sides, reason: Reason | None
) -> None:
    if reason is None:
        check_limits(config(**limits), *size)
        return
    with pytest.raises(RowError) as caught:
        check_limits(config(**limits), *size)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("encode_format", "mode", "size", "reason"),
    [
        ("png", "keep_ratio", (1, 60_000), Reason.ENCODE),
        ("jpg", "keep_ratio", (3, 1000), Reason.ENCODE),
        ("webp", "no", (16_384, 1), Reason.ENCODE),
        ("jpg", "center_crop", (7, 60_000), Reason.TOO_MANY_PIXELS),
        ("jpg", "border", (1, 60_000), None),
        ("webp", "no", (16_383, 1), None),
        ("jpg", "no", (65_500, 1), None),
        ("png", "keep_ratio", (3, 1000), None),
    ],
)
def test_giants_on_the_way_and_at_the_end_are_refused(
    encode_format: str, mode: str, size: Sides, reason: Reason | None
) -> None:
    options = config(resize_mode=mode, encode_format=encode_format)
    planned = make_plan(options, *size)
    if reason is None:
        check_plan(options, planned)
        return
    with pytest.raises(RowError) as caught:
        check_plan(options, planned)
    assert caught.value.reason is reason
