"""Colours by their profile: checked by arithmetic of our own, not by the library that converts."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.pictures.case import ALPHA, GREY, RGB, RGBA, Array, by_pillow, on_white
from tests.pictures.profiles import (
    SRGB,
    adobe_rgb,
    curve,
    dark_grey,
    of_colours,
    of_grey,
    press,
    seen_by_gamma,
    seen_dark,
    seen_in_adobe_rgb,
    seen_printed,
    srgb_curve,
    srgb_table,
)
from tests.unit.images.made import pixels_of, saved, to_png

EXACT = {"quality": 100, "subsampling": 0}


def converted(data: bytes, **options: object) -> Array:
    pixels = pixels_of(to_png(convert_to_srgb=True, **options).process(data).data)
    return pixels if pixels.ndim == 2 else pixels[:, :, ::-1]


def left_alone(data: bytes) -> Array:
    pixels = pixels_of(to_png().process(data).data)
    return pixels if pixels.ndim == 2 else pixels[:, :, ::-1]


def far(got: Array, expected: Array) -> int:
    return int(np.abs(got.astype(int) - expected).max())


@pytest.mark.parametrize(
    ("format_name", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
        ("JPEG", EXACT),
    ],
)
def test_colours_of_a_wide_profile_are_converted(
    format_name: str, options: dict[str, object]
) -> None:
    data = by_pillow(RGB, format_name, icc_profile=adobe_rgb(), **options)
    got, expected = converted(data), seen_in_adobe_rgb(RGB)
    if format_name in ("JPEG", "AVIF"):  # a level of a dark colour is many in the other profile
        assert np.abs(got.astype(int) - expected).mean() < 1
    else:
        assert far(got, expected) <= 1
        assert far(left_alone(data), RGB) == 0
    assert far(expected, RGB) > 20  # it is not for nothing


def test_grey_is_converted_and_stays_grey() -> None:
    data = by_pillow(GREY, "PNG", icc_profile=dark_grey())
    got = converted(data)
    assert got.shape == GREY.shape
    assert far(got, seen_dark(GREY)) <= 1


def test_what_is_transparent_is_white_all_the_same() -> None:
    data = by_pillow(RGBA, "PNG", icc_profile=adobe_rgb())
    assert far(converted(data), on_white(seen_in_adobe_rgb(RGB), ALPHA)) <= 1


@pytest.mark.parametrize("format_name", ["JPEG", "TIFF"])
def test_inks_are_seen_as_they_print(format_name: str) -> None:
    patches = np.zeros((16, 16 * 16, 4), np.uint8)
    for inks in range(16):
        corner = [255 * (inks >> bit & 1) for bit in (3, 2, 1, 0)]
        patches[:, 16 * inks : 16 * inks + 16] = corner
    options = EXACT if format_name == "JPEG" else {"compression": "tiff_lzw"}
    data = by_pillow(Image.fromarray(patches, "CMYK"), format_name, icc_profile=press(), **options)
    got = converted(data)
    for inks in range(16):
        middle = got[8, 16 * inks + 8].astype(int)
        assert np.abs(middle - seen_printed(inks)).max() <= 2, inks


BROKEN = {
    "noise": b"x" * 500,
    "cut": adobe_rgb()[:200],
    "empty": b"",
    "for other colours": press(),
    "for grey": dark_grey(),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_profile_that_is_broken_or_not_for_these_colours_is_passed_over(
    kind: str, format_name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    options = {"lossless": True} if format_name == "WEBP" else {}
    data = by_pillow(RGB, format_name, icc_profile=BROKEN[kind], **options)
    assert np.array_equal(converted(data), left_alone(data))
    assert capfd.readouterr().err == ""


KEEP = {"skip_reencode": True, "convert_to_srgb": True}
OF_SRGB = {
    "none": (RGB, None),
    "of Pillow": (RGB, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()),
    "a formula": (RGB, of_colours(SRGB, srgb_curve(), "sRGB built-in")),
    "a long table": (RGB, of_colours(SRGB, srgb_table(1024), "sRGB IEC61966-2.1")),
    "a short table": (RGB, of_colours(SRGB, srgb_table(20), "nRGB")),
    "without a name": (RGB, of_colours(SRGB, srgb_table(4096), "")),
    "grey": (GREY, of_grey(srgb_curve(), "c2")),
}


@pytest.mark.parametrize("kind", OF_SRGB)
def test_without_a_profile_or_with_srgb_s_nothing_changes_and_bytes_are_kept(kind: str) -> None:
    pixels, icc_profile = OF_SRGB[kind]
    data = saved(pixels, "PNG", icc_profile=icc_profile)
    assert to_png(**KEEP).process(data).data == data


def test_the_bytes_of_a_wide_profile_are_only_kept_without_the_conversion() -> None:
    wide = saved(RGB, "PNG", icc_profile=adobe_rgb())
    assert to_png(**KEEP).process(wide).data != wide
    assert to_png(skip_reencode=True).process(wide).data == wide


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
@pytest.mark.parametrize("pixels", [RGB, GREY], ids=["colours", "grey"])
def test_a_profile_that_is_srgb_by_its_name_only_is_converted(pixels: Array, gamma: float) -> None:
    name = "GIMP built-in Linear sRGB"
    by_name = (
        of_grey(curve(gamma), name) if pixels is GREY else of_colours(SRGB, curve(gamma), name)
    )
    data = saved(pixels, "PNG", icc_profile=by_name)
    expected = seen_by_gamma(pixels, gamma)
    assert far(converted(data), expected) <= 2
    assert far(expected, pixels) > 5


@pytest.mark.slow
def test_a_profile_packed_beyond_reason_is_passed_over() -> None:
    data = saved(RGB, "PNG", icc_profile=adobe_rgb() + bytes(50_000_000))
    assert len(data) < 100_000
    assert np.array_equal(converted(data), RGB)


def test_shrinking_on_load_and_converting_go_together() -> None:
    large = np.kron(RGB, np.ones((32, 32, 1), np.uint8))
    data = by_pillow(large, "JPEG", icc_profile=adobe_rgb(), **EXACT)
    got = converted(data, resize_mode="keep_ratio", image_size=48)
    assert np.abs(got.astype(int) - seen_in_adobe_rgb(RGB)).mean() < 3
