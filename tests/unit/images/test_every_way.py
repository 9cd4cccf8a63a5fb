"""Every kind of picture by every way it may be decoded: the same pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from img2dataset.images import bare_jpeg, make_processor, png_pixels, resize
from img2dataset.images.headers import bombs, jpeg
from img2dataset.process.watchdog import Watch
from img2dataset.worker.sandbox import Sandbox
from tests.pictures import CASES
from tests.pictures.case import Array
from tests.quick import few_quick
from tests.unit.images.made import config, pixels_of, processor, to_png

SMALL = 12
"""Less than the shorter side of every picture that is large enough to be made smaller."""
LARGE_ENOUGH = [kind for kind, case in CASES.items() if min(case.expected.shape[:2]) > SMALL]
LOSSLESS = {"resize_mode": "no", "encode_format": "png", "encode_quality": 1}
SMALLER = {**LOSSLESS, "resize_mode": "keep_ratio", "image_size": SMALL}
PATIENCE_S = 1000.0


def levels_between(one: Array, other: Array) -> int:
    one, other = in_colour(one), in_colour(other)
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


def in_colour(pixels: Array) -> Array:
    return np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels


def rgb_of(data: bytes) -> Array:
    stored = pixels_of(data)
    return stored if stored.ndim == 2 else stored[:, :, ::-1]


@pytest.mark.parametrize("kind", few_quick(LARGE_ENOUGH, 10))
def test_made_smaller_they_are_averages(kind: str) -> None:
    case = CASES[kind]
    got = rgb_of(processor(**SMALLER).process(case.data).data)
    size = got.shape[1::-1]
    wanted = cv2.resize(np.ascontiguousarray(case.expected), size, interpolation=cv2.INTER_AREA)
    assert levels_between(got, np.asarray(wanted)) <= case.most + 1


@pytest.mark.parametrize("kind", few_quick(CASES, 10))
def test_untouched_they_are_recognised(kind: str) -> None:
    assert processor(disable_all_reencoding=True).process(CASES[kind].data).data == CASES[kind].data


@pytest.mark.slow
@pytest.mark.parametrize("way", [LOSSLESS, SMALLER, {}], ids=["whole", "smaller", "by default"])
def test_an_isolated_process_makes_the_same_of_all(way: dict[str, object]) -> None:
    options = config(**way)
    here = make_processor(options)
    apart = Sandbox("img2dataset.images:make_processor", options, PATIENCE_S, Watch(PATIENCE_S))
    try:
        for case in CASES.values():
            assert apart.process(case.data) == here.process(case.data)
    finally:
        apart.close()


@pytest.fixture
def _no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without a C compiler."""
    for module in (bare_jpeg, bombs, jpeg, resize):
        monkeypatch.setattr(module, "JPEG", None)
    monkeypatch.setattr(resize, "AREA", None)
    monkeypatch.setattr(png_pixels, "PNG", None)
    monkeypatch.setattr(resize, "LANCZOS", None)


@pytest.mark.usefixtures("_no_compiler")
@pytest.mark.parametrize("kind", few_quick(LARGE_ENOUGH, 10))
def test_without_the_compiled_modules_they_are_the_same(kind: str) -> None:
    case = CASES[kind]
    whole = rgb_of(to_png().process(case.data).data)
    assert levels_between(whole, case.expected) <= case.most
    smaller = rgb_of(processor(**SMALLER).process(case.data).data)
    size = smaller.shape[1::-1]
    wanted = cv2.resize(np.ascontiguousarray(case.expected), size, interpolation=cv2.INTER_AREA)
    assert levels_between(smaller, np.asarray(wanted)) <= case.most + 1
