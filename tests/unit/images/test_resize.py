from __future__ import annotations

import itertools
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.images.geometry import INTERPOLATIONS, Plan
from img2dataset.images.native import AREA, LANCZOS
from img2dataset.images.pixels import Pixels
from img2dataset.images.resize import fit, resize
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


def test_without_the_kernel_opencv_averages(monkeypatch: pytest.MonkeyPatch) -> None:
    source = smooth(300, 200)
    expected = area(source, 100, 67, by_opencv=True)
    monkeypatch.setattr("img2dataset.images.resize.AREA", None)
    assert np.array_equal(area(source, 100, 67, by_opencv=False), expected)


def enlarge(pixels: Pixels, width: int, height: int, *, by_opencv: bool = False) -> Pixels:
    return resize(pixels, Plan(width, height, cv2.INTER_LANCZOS4), by_opencv=by_opencv)


def assert_as_opencv(source: Pixels, width: int, height: int) -> None:
    got = enlarge(source, width, height)
    assert close(got, enlarge(source, width, height, by_opencv=True).reshape(got.shape), "lanczos")


def noise(*shape: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


CHANNELS: list[tuple[int, ...]] = [(), (1,), (3,), (4,)]
SIZES = [
    ((150, 200), (192, 256)),
    ((7, 5), (90, 333)),
    ((1, 1), (5, 9)),
    ((1, 40), (64, 2)),  # larger in one direction, smaller in the other
    ((60, 3), (7, 100)),
    ((30, 20), (30, 77)),  # the same in one direction
    ((30, 20), (11, 20)),
    ((90, 70), (31, 25)),
    ((1, 700), (3, 2100)),
]


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(("old", "new"), SIZES)
def test_our_lanczos_is_at_most_a_level_from_opencvs(
    old: tuple[int, int], new: tuple[int, int], channels: tuple[int, ...]
) -> None:
    assert_as_opencv(noise(*old, *channels), new[1], new[0])


def test_our_lanczos_differs_where_a_sum_is_halfway_between_two_levels_only() -> None:
    source = noise(150, 200, 3)
    got, expected = (enlarge(source, 256, 192, by_opencv=which) for which in (False, True))
    assert np.count_nonzero(got != expected) < 1e-3 * got.size


@pytest.mark.slow
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_our_lanczos_is_opencvs_for_every_small_size(channels: tuple[int, ...]) -> None:
    sides = (1, 2, 3, 4, 5, 8, 9, 33)
    for height, width in itertools.product(sides, sides):
        source = noise(height, width, *channels)
        for new_height, new_width in itertools.product(sides, sides):
            assert_as_opencv(source, new_width, new_height)


@pytest.mark.slow
@given(st.data(), SIDES, SIDES, st.sampled_from(CHANNELS))
def test_our_lanczos_is_opencvs_for_any_size(
    data: st.DataObject, height: int, width: int, channels: tuple[int, ...]
) -> None:
    source = noise(height, width, *channels, seed=data.draw(st.integers(0, 1000)))
    assert_as_opencv(source, data.draw(SIDES), data.draw(SIDES))


@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
def test_flat_images_stay_flat_when_they_are_enlarged(level: int) -> None:
    assert (enlarge(np.full((30, 41, 3), level, np.uint8), 100, 77) == level).all()


def test_rows_and_pixels_need_not_lie_side_by_side() -> None:
    whole = noise(40, 50, 3)
    for part in (
        whole[5:25, 10:40],
        whole[::2],
        whole[::-1],
        whole[:, ::2],
        whole[:, :, ::-1],
        whole[:, ::2][:, :1],
        np.asfortranarray(whole),
        whole[:, :, 0],
    ):
        assert np.array_equal(enlarge(part, 80, 90), enlarge(part.copy(), 80, 90))


@pytest.mark.parametrize("channels", CHANNELS)
def test_the_part_that_is_kept_is_enlarged_alone(channels: tuple[int, ...]) -> None:
    whole = noise(60, 50, *channels)
    plan = Plan(64, 48, cv2.INTER_LANCZOS4, window=(10, 20, 16, 12))
    assert np.array_equal(fit(whole, plan), enlarge(whole[20:32, 10:26].copy(), 64, 48))


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(
    ("size", "pad"), [((64, 48), (0, 8, 0, 8)), ((47, 64), (8, 0, 9, 0)), ((60, 62), (2, 1, 2, 1))]
)
def test_an_enlarged_picture_lies_inside_the_white(
    size: tuple[int, int], pad: tuple[int, int, int, int], channels: tuple[int, ...]
) -> None:
    source = noise(20, 30, *channels)
    got = fit(source, Plan(*size, cv2.INTER_LANCZOS4, pad=pad))
    inside = enlarge(source, *size)
    sides = ((pad[1], pad[3]), (pad[0], pad[2]), *[(0, 0)] * len(channels))
    assert np.array_equal(got, np.pad(inside, sides, constant_values=255))


@pytest.mark.skipif(LANCZOS is None, reason="installed without a C compiler")
def test_the_lanczos_kernel_refuses_what_is_no_image() -> None:
    assert LANCZOS is not None
    image, bytes_of_rows = np.zeros((5, 6, 3), np.uint8), np.zeros((5, 18), np.uint8)
    LANCZOS.resize(image, image.copy())
    for wrong in (
        np.zeros((5, 6), np.uint8),  # other channels
        np.zeros((5, 6, 2), np.uint8),
        np.zeros((5, 6, 5), np.uint8),
        np.zeros((5, 6, 3), np.uint16),
        np.zeros((0, 6, 3), np.uint8),
        np.zeros((5, 0, 3), np.uint8),
        np.zeros((5, 6, 3, 1), np.uint8),
        np.zeros((5, 12, 3), np.uint8)[:, ::2],  # pixels lie apart
        np.zeros((5, 6, 3), np.uint8)[:, :, ::-1],
        np.asfortranarray(image),
        bytes_of_rows.reshape(-1),
    ):
        for pair in ((wrong, image), (image, wrong)):
            with pytest.raises(ValueError, match="sizes do not fit"):
                LANCZOS.resize(*pair)
    with pytest.raises(TypeError):
        LANCZOS.resize(image, "no buffer")
    with pytest.raises((ValueError, BufferError)):
        LANCZOS.resize(image.tobytes(), image)  # not to be written


def test_without_the_lanczos_kernel_opencv_enlarges(monkeypatch: pytest.MonkeyPatch) -> None:
    source = smooth(120, 90)
    monkeypatch.setattr("img2dataset.images.resize.LANCZOS", None)
    expected = enlarge(source, 256, 192, by_opencv=True)
    assert np.array_equal(enlarge(source, 256, 192), expected)
    got = fit(source, Plan(256, 192, cv2.INTER_LANCZOS4, pad=(0, 32, 0, 32)))
    assert np.array_equal(got[32:-32], expected)
    assert (got[:32] == 255).all()
