"""Every kind of image becomes the picture it is meant to be, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from tests.pictures import CASES
from tests.quick import few_quick
from tests.unit.images.made import Array, pixels_of, to_png


def as_rgb(pixels: Array) -> Array:
    return pixels if pixels.ndim == 2 else pixels[:, :, ::-1]


@pytest.mark.parametrize("kind", few_quick(CASES, 3))
def test_an_image_of_any_kind_becomes_the_expected_picture(kind: str) -> None:
    case = CASES[kind]
    picture = to_png().process(case.data)
    got = as_rgb(pixels_of(picture.data))

    assert got.shape == case.expected.shape
    assert np.abs(got.astype(int) - case.expected).max() <= case.most
    height, width = case.expected.shape[:2]
    assert (picture.original_width, picture.original_height) == (width, height)
