"""A body -> a sample: which hash, which image, which reason."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from img2dataset.errors import Reason
from img2dataset.images import ImageConfig, make_processor
from img2dataset.options import Options
from img2dataset.records import Body, EncodedImage, Failure, ResponseInfo, Row, Sample
from img2dataset.worker.process_row import make_process
from tests.pictures.case import RGB, by_pillow
from tests.pictures.profiles import adobe_rgb, seen_in_adobe_rgb
from tests.unit.images.made import pixels_of

ANSWER = ResponseInfo("http://x/1.jpg", 200, "image/jpeg", None, None, 1.0, 3)


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "jpeg")
    return file.getvalue()


def row(**values: Any) -> Row:
    return Row(0, 0, "000000000", "http://x/1.jpg", {}, **values)


def shaped(row: Row, body: Body, **options: Any) -> Sample:
    given = Options("x", **options)
    processor = make_processor(ImageConfig.of(given, stores_rows=True))
    said = list[str]()
    process = make_process(
        given, lambda row, body: processor.process(body.data, row.boxes), said.append
    )
    return process(row, body)


def test_the_option_for_colours_reaches_the_pictures() -> None:
    wide = Body(by_pillow(RGB, "PNG", icc_profile=adobe_rgb()))
    options = {"resize_mode": "no", "encode_format": "png"}
    left, converted = (
        shaped(row(), wide, convert_to_srgb=asked, **options) for asked in (False, True)
    )
    assert isinstance(left.outcome, EncodedImage)
    assert isinstance(converted.outcome, EncodedImage)
    assert np.array_equal(pixels_of(left.outcome.data)[:, :, ::-1], RGB)
    off = pixels_of(converted.outcome.data)[:, :, ::-1].astype(int) - seen_in_adobe_rgb(RGB)
    assert np.abs(off).max() <= 1


def test_a_picture_keeps_how_it_came_and_its_hash() -> None:
    sample = shaped(row(), Body(jpeg(), ANSWER))

    assert isinstance(sample.outcome, EncodedImage)
    assert sample.fetched is ANSWER
    assert sample.digest == hashlib.sha256(jpeg()).hexdigest()


@pytest.mark.parametrize(
    ("data", "options", "reason"),
    [
        (b"?", {}, Reason.NOT_AN_IMAGE),
        (jpeg(), {"verify_hash": ["h", "sha256"]}, Reason.HASH_MISMATCH),
        (jpeg(), {"min_image_size": 9}, Reason.TOO_SMALL),
    ],
)
def test_a_body_that_is_refused_keeps_how_it_came(
    data: bytes, options: dict[str, Any], reason: Reason
) -> None:
    sample = shaped(row(expected_hash="0"), Body(data, ANSWER), **options)

    assert isinstance(sample.outcome, Failure)
    assert (sample.outcome.reason, sample.fetched) == (reason, ANSWER)
