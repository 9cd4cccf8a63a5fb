"""JPEGs of any sampling become what Pillow makes of them, by every way."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import pytest
from PIL import Image

from img2dataset.errors import Reason, RowError
from img2dataset.images.decode import decode
from img2dataset.images.icc import Conversion
from img2dataset.images.probe import probe
from img2dataset.process.watchdog import Watch
from img2dataset.worker.sandbox import Sandbox
from tests.pictures.jpegs import as_ycck
from tests.pictures.sampled import END, Factors, encode_sampled
from tests.quick import few_quick
from tests.unit.images.made import Array, bgr, config, pixels_of, processor, smooth, to_png

WIDTH, HEIGHT = 133, 94
RGB = smooth(WIDTH, HEIGHT)
INKS = np.dstack([RGB, np.full_like(RGB[:, :, :1], 200)])
"""Inverted, as JPEGs have them."""
PATIENCE_S = 1000.0


@dataclass(frozen=True)
class Kind:
    channels: Array
    adobe: int | None = None

    def encode(self, factors: list[Factors], restart: int) -> bytes:
        return encode_sampled(self.channels, factors, restart=restart, adobe=self.adobe)


KINDS = {
    "grey": Kind(RGB[:, :, :1]),
    "colour": Kind(np.asarray(Image.fromarray(RGB).convert("YCbCr"))),
    "rgb": Kind(RGB, 0),
    "cmyk": Kind(INKS, 0),
    "ycck": Kind(as_ycck(INKS), 2),
}
SAMPLING: dict[str, list[list[Factors]]] = {
    "grey": [[(1, 1)], [(2, 2)], [(4, 1)], [(1, 4)], [(3, 3)]],
    "colour": [
        [(1, 1), (1, 1), (1, 1)], [(2, 2), (1, 1), (1, 1)], [(4, 2), (1, 1), (1, 1)],
        [(1, 3), (1, 1), (1, 1)], [(3, 1), (1, 1), (1, 1)], [(4, 1), (1, 1), (1, 1)],
        [(1, 4), (1, 1), (1, 1)], [(1, 1), (2, 2), (2, 2)], [(2, 2), (2, 1), (1, 2)],
        [(2, 2), (2, 1), (2, 1)], [(2, 2), (1, 2), (1, 2)], [(2, 1), (2, 1), (2, 1)],
        [(1, 2), (1, 1), (1, 2)], [(2, 2), (2, 2), (1, 1)],
    ],
    "rgb": [[(1, 1), (1, 1), (1, 1)], [(2, 2), (1, 1), (1, 1)], [(1, 1), (2, 1), (1, 1)]],
    "cmyk": [[(2, 2), (1, 1), (1, 1), (1, 1)], [(1, 1)] * 4, [(2, 1), (1, 1), (1, 1), (2, 1)]],
    "ycck": [[(2, 2), (1, 1), (1, 1), (1, 1)], [(2, 2), (1, 1), (1, 1), (2, 2)], [(1, 1)] * 4],
}  # fmt: skip


def name_of(kind: str, factors: list[Factors], restart: int) -> str:
    sampling = "/".join(f"{across}x{down}" for across, down in factors)
    return f"{kind} {sampling}" + (f" restarts {restart}" if restart else "")


FILES = {
    name_of(kind, factors, restart): (kind, factors, restart)
    for kind, all_factors in SAMPLING.items()
    for factors in all_factors
    for restart in (0, 3)
}


@cache
def file_of(name: str) -> bytes:
    kind, factors, restart = FILES[name]
    return KINDS[kind].encode(factors, restart)


def by_pillow(data: bytes) -> Array:
    """Grey or BGR."""
    image = Image.open(io.BytesIO(data))
    if image.mode == "L":
        return np.asarray(image)
    if image.mode == "CMYK":
        light = 255.0 - np.asarray(image)
        return bgr(np.rint(light[:, :, :3] * light[:, :, 3:] / 255).astype(np.uint8))
    return bgr(np.asarray(image.convert("RGB")))


def levels_between(one: Array, other: Array) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize("name", few_quick(FILES, 7))
def test_every_pixel_is_pillow_s(name: str) -> None:
    picture = to_png().process(file_of(name))
    assert (picture.original_width, picture.original_height) == (WIDTH, HEIGHT)
    assert levels_between(pixels_of(picture.data), by_pillow(file_of(name))) <= 1


@pytest.mark.parametrize("name", few_quick(FILES, 7))
def test_made_smaller_it_is_the_average_of_them(name: str) -> None:
    made = to_png(resize_mode="keep_ratio", image_size=40).process(file_of(name))
    got = pixels_of(made.data)
    wanted = cv2.resize(by_pillow(file_of(name)), got.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert levels_between(got, np.asarray(wanted)) <= 6


@pytest.mark.parametrize("name", few_quick(FILES, 7))
def test_untouched_it_is_recognised(name: str) -> None:
    assert processor(disable_all_reencoding=True).process(file_of(name)).data == file_of(name)


@pytest.mark.slow
def test_a_careful_worker_makes_the_same_of_all() -> None:
    options = config(resize_mode="no", encode_format="png", encode_quality=1)
    apart = Sandbox("img2dataset.images:make_processor", options, PATIENCE_S, Watch(PATIENCE_S))
    try:
        for data in map(file_of, FILES):
            assert apart.process(data) == to_png().process(data)
    finally:
        apart.close()


@pytest.mark.parametrize("name", few_quick(FILES, 7))
def test_a_cut_one_is_refused(name: str) -> None:
    data = file_of(name)
    for way in ({"resize_mode": "no"}, {"resize_mode": "keep_ratio", "image_size": 40}):
        for end in (b"", END):
            with pytest.raises(RowError) as caught:
                processor(**way).process(data[: len(data) * 3 // 4] + end)
            assert caught.value.reason is Reason.DECODE


class Recorder:
    """Stands where the transformation of a profile does."""

    def __init__(self) -> None:
        self.inks: list[Array] = []

    def apply(self, image: Image.Image) -> Image.Image:
        self.inks.append(np.asarray(image))
        return image.convert("RGB")


@pytest.mark.parametrize(
    "name", few_quick(name for name in FILES if name.startswith(("cmyk", "ycck")))
)
def test_inks_to_be_converted_are_pillow_s(name: str) -> None:
    recorder, data = Recorder(), file_of(name)
    decode(data, probe(data), 1, Conversion("CMYK", recorder))
    assert levels_between(recorder.inks[0], np.asarray(Image.open(io.BytesIO(data)))) <= 1
