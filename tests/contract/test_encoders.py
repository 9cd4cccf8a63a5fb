"""What holds for every encode_format."""

from __future__ import annotations

import numpy as np
import pytest

from img2dataset.errors import Reason, RowError
from img2dataset.images.encode import ENCODERS, FORMATS
from img2dataset.images.geometry import MAX_SIDE_PIXELS
from img2dataset.images.probe import probe
from tests.unit.images.made import Array, pixels_of, processor, saved, smooth

QUALITIES = {"jpg": (0, 50, 95, 100), "png": (0, 6, 9), "webp": (1, 80, 100, 101)}

every_format = pytest.mark.parametrize("encode_format", ENCODERS)


def stored(pixels: Array, encode_format: str, quality: int) -> bytes:
    return ENCODERS[encode_format](pixels, quality)


def test_every_encoder_is_described_everywhere() -> None:
    assert set(ENCODERS) == set(FORMATS) == set(MAX_SIDE_PIXELS) == set(QUALITIES)


@every_format
def test_the_content_is_what_the_name_says(encode_format: str) -> None:
    for quality in QUALITIES[encode_format]:
        header = probe(stored(smooth(60, 40), encode_format, quality))
        assert (header.format, header.width, header.height) == (FORMATS[encode_format], 60, 40)


@every_format
def test_pixels_survive_a_good_quality(encode_format: str) -> None:
    source = smooth(60, 40)
    got = pixels_of(stored(source, encode_format, QUALITIES[encode_format][-1]))
    assert np.abs(got.astype(int) - source).mean() < (4 if encode_format == "jpg" else 0.01)


@every_format
def test_grey_is_taken(encode_format: str) -> None:
    source = smooth(60, 40, 1)
    got = pixels_of(stored(source, encode_format, QUALITIES[encode_format][-1]))
    assert got.ndim == (3 if encode_format == "webp" else 2)


@every_format
def test_quality_matters(encode_format: str) -> None:
    source = smooth(200, 200)
    sizes = {len(stored(source, encode_format, quality)) for quality in QUALITIES[encode_format]}
    assert len(sizes) > 1


@every_format
def test_equal_pixels_give_equal_bytes(encode_format: str) -> None:
    quality = QUALITIES[encode_format][1]
    made = processor(encode_format=encode_format, encode_quality=quality, resize_mode="border")
    body = saved(smooth(90, 70), "PNG")
    assert made.process(body) == made.process(body)


@pytest.mark.parametrize("encode_format", ["jpg", "webp"])
def test_sides_no_encoder_takes_are_refused(encode_format: str) -> None:
    side = MAX_SIDE_PIXELS[encode_format]
    quality = QUALITIES[encode_format][0]
    assert probe(stored(np.zeros((1, side), np.uint8), encode_format, quality)).width == side
    with pytest.raises(RowError) as caught:
        stored(np.zeros((1, side + 100), np.uint8), encode_format, quality)
    assert caught.value.reason is Reason.ENCODE
