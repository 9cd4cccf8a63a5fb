from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from img2dataset.errors import Reason, RowError, Status
from img2dataset.images import process
from img2dataset.images.passthrough import Passthrough
from img2dataset.images.process import ImageProcessor
from img2dataset.records import EncodedImage
from tests.unit.images.made import encoded, pixels_of, processor, saved, smooth, to_png

RGB = smooth(80, 60)
RGBA = np.dstack([RGB, np.full((60, 80), 255, np.uint8)])


def test_sizes_are_those_stored_and_those_found() -> None:
    picture = processor().process(encoded(RGB, "png"))
    assert (picture.width, picture.height) == (256, 256)
    assert (picture.original_width, picture.original_height) == (80, 60)
    assert pixels_of(picture.data).shape == (256, 256, 3)


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ({"min_image_size": 61}, "image too small"),
        ({"max_image_area": 4799}, "image area too large"),
        ({"max_aspect_ratio": 1.3}, "aspect ratio too large"),
        ({"max_decoded_pixels": 4799}, "image has too many pixels"),
    ],
)
def test_filters_refuse_before_anything_is_decoded(options: dict[str, Any], label: str) -> None:
    header_only = encoded(RGB, "png")[:100]  # would not decode
    with pytest.raises(RowError) as caught:
        processor(**options).process(header_only)
    assert str(caught.value) == label
    assert caught.value.reason.status is Status.FAILED_TO_RESIZE


def test_filters_see_the_displayed_size() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(smooth(90, 60), "JPEG", exif=exif)
    picture = processor(max_aspect_ratio=1.5).process(data)
    assert (picture.original_width, picture.original_height) == (60, 90)


def test_what_cannot_be_decoded_says_so() -> None:
    with pytest.raises(RowError, match=r"^Image decoding error$"):
        processor().process(b"<html>")


KEPT: dict[str, tuple[str, bytes, dict[str, Any]]] = {
    "jpg": ("jpg", encoded(RGB, "jpg"), {"resize_mode": "no"}),
    "grey jpg": ("jpg", encoded(RGB[:, :, 0].copy(), "jpg"), {"resize_mode": "no"}),
    "png": ("png", encoded(RGB, "png"), {"resize_mode": "no"}),
    "palette": ("png", saved(Image.fromarray(RGB).quantize(9), "PNG"), {"resize_mode": "no"}),
    "webp": ("webp", saved(RGB, "WEBP"), {"resize_mode": "no"}),
    "not bigger": ("jpg", encoded(RGB, "jpg"), {"resize_only_if_bigger": True}),
    "the right size": (
        "jpg",
        encoded(RGB, "jpg"),
        {"resize_mode": "keep_ratio_largest", "image_size": 80},
    ),
}
MADE_AGAIN: dict[str, tuple[str, bytes, dict[str, Any]]] = {
    "another format": ("png", encoded(RGB, "jpg"), {"resize_mode": "no"}),
    "alpha": ("png", saved(RGBA, "PNG"), {"resize_mode": "no"}),
    "16 bits": ("png", encoded(RGB.astype(np.uint16) * 257, "png"), {"resize_mode": "no"}),
    "cmyk": ("jpg", saved(Image.fromarray(RGB).convert("CMYK"), "JPEG"), {"resize_mode": "no"}),
    "padded": ("jpg", encoded(RGB, "jpg"), {"image_size": 80}),
    "cropped": ("jpg", encoded(RGB, "jpg"), {"resize_mode": "center_crop", "image_size": 60}),
    "resized": ("jpg", encoded(RGB, "jpg"), {"image_size": 40}),
}
QUALITY = {"jpg": 95, "png": 6, "webp": 80}


@pytest.mark.parametrize("case", KEPT)
def test_skip_reencode_keeps_the_bytes_when_no_step_changed_the_pixels(case: str) -> None:
    encode_format, data, options = KEPT[case]
    quality = QUALITY[encode_format]
    made = processor(
        skip_reencode=True, encode_format=encode_format, encode_quality=quality, **options
    )
    assert made.process(data).data == data


@pytest.mark.parametrize("case", MADE_AGAIN)
def test_skip_reencode_encodes_what_changed(case: str) -> None:
    encode_format, data, options = MADE_AGAIN[case]
    quality = QUALITY[encode_format]
    made = processor(
        skip_reencode=True, encode_format=encode_format, encode_quality=quality, **options
    )
    assert made.process(data).data != data


def test_skip_reencode_still_refuses_what_is_damaged() -> None:
    with pytest.raises(RowError):
        processor(resize_mode="no", skip_reencode=True).process(encoded(RGB, "jpg")[:-50])


def test_without_reencoding_bytes_are_stored_untouched() -> None:
    data = encoded(RGB, "png")[:90] + b"not even whole"
    options = {"min_image_size": 1000, "max_decoded_pixels": 1}
    picture = processor(disable_all_reencoding=True, **options).process(data)
    assert picture.data == data
    assert (picture.width, picture.height) == (None, None)
    assert (picture.original_width, picture.original_height) == (None, None)


@pytest.mark.parametrize("data", [b"", b"<html></html>", b"II*\0"])
def test_without_reencoding_only_images_are_stored(data: bytes) -> None:
    with pytest.raises(RowError) as caught:
        processor(disable_all_reencoding=True).process(data)
    assert caught.value.reason is Reason.NOT_AN_IMAGE


def samples() -> list[bytes]:
    exif = Image.Exif()
    exif[0x0112] = 6
    small = smooth(33, 27)
    return [
        saved(small, "JPEG", exif=exif),
        saved(small, "JPEG", progressive=True),
        saved(Image.fromarray(small).convert("CMYK"), "JPEG"),
        saved(small, "PNG"),
        saved(Image.fromarray(small).quantize(16), "PNG", transparency=1),
        saved(small, "WEBP"),
        saved(small, "WEBP", lossless=True, exif=exif),
        saved(Image.fromarray(small), "GIF"),
        saved(small, "BMP"),
        saved(small, "TIFF", compression="tiff_lzw"),
        saved(small, "ICO"),
        encoded(small.astype(np.float32), "hdr"),
    ]


def damaged(data: bytes, chance: random.Random) -> bytes:
    """`data` cut short, with bytes changed, its header forged, or parts of it moved."""
    bad = bytearray(data)
    how = chance.randrange(4)
    if how == 0:
        return bytes(bad[: chance.randrange(len(bad))])
    if how == 1:
        for _ in range(chance.choice((1, 2, 20))):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
    elif how == 2:
        bad[chance.randrange(min(60, len(bad)))] = chance.choice((0, 1, 127, 128, 255))
    else:
        start, other = chance.randrange(len(bad)), chance.randrange(len(bad))
        bad[start : start + 40] = bad[other : other + chance.randrange(60)]
    return bytes(bad)


def outcome(made: ImageProcessor | Passthrough, data: bytes) -> EncodedImage | RowError:
    try:
        return made.process(data)
    except RowError as error:
        return error


@pytest.mark.slow
def test_hostile_bytes_give_a_picture_or_a_reason() -> None:
    chance = random.Random(20261122)
    made = processor(image_size=32, max_decoded_pixels=4_000_000)
    outcomes = [
        outcome(made, damaged(data, chance)) for data in samples() for _ in range(50)
    ]  # fmt: skip
    refused = [got for got in outcomes if isinstance(got, RowError)]
    assert len(refused) > 100
    assert {error.reason.status for error in refused} == {Status.FAILED_TO_RESIZE}
    pictures = [got for got in outcomes if isinstance(got, EncodedImage)]
    assert {pixels_of(got.data).shape[:2] for got in pictures} == {(32, 32)}


@pytest.mark.slow
def test_many_threads_may_use_one_processor() -> None:
    made = to_png(resize_mode="border", image_size=48)
    bodies = samples()
    expected = [made.process(data) for data in bodies]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(made.process, bodies * 20))
    assert got == expected * 20


def test_a_processor_says_how_it_works() -> None:
    assert "image_size=256" in repr(processor())


def test_memory_that_opencv_does_not_get_costs_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def large(*_: object, **__: object) -> None:
        cv2.resize(np.zeros((5, 5, 3), np.uint8), (2**21, 2**21))

    for name in ("resize", "crop_or_pad"):
        with monkeypatch.context() as patch:
            patch.setattr(process, name, large)
            with pytest.raises(RowError) as caught:
                processor(image_size=20).process(encoded(smooth(60, 40), "webp"))
            assert caught.value.reason is Reason.DECODE


def test_whatever_opencvs_decoders_raise_is_a_bad_row(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(smooth(60, 40), "webp")

    def odd(*_: object, **__: object) -> None:
        cv2.resize(np.zeros((0, 5), np.uint8), (3, 3))

    monkeypatch.setattr(cv2, "imdecode", odd)
    with pytest.raises(RowError) as caught:
        processor().process(data)
    assert caught.value.reason is Reason.DECODE
