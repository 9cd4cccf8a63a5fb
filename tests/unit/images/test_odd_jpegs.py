"""JPEGs that libjpeg warns of, or has no name for: whole ones are stored, others refused."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from img2dataset.errors import Reason, RowError
from tests.pictures import CASES
from tests.pictures.case import by_pillow
from tests.quick import few_quick
from tests.unit.images.made import pixels_of, processor, saved, smooth, to_png

PHOTO = smooth(130, 90)
BASELINE = saved(PHOTO, "JPEG")
PROGRESSIVE = saved(PHOTO, "JPEG", progressive=True)
RESTARTS = saved(PHOTO, "JPEG", restart_marker_blocks=3)
KINDS = {"baseline": BASELINE, "progressive": PROGRESSIVE, "restarts": RESTARTS}
END = b"\xff\xd9"
BAD_ICC = b"\xff\xe2\0\x12ICC_PROFILE\0\x07\x03ab"
HARMLESS = {
    "nothing": b"",
    "junk": b"\x11\x22\x33",
    "bad icc": BAD_ICC,
    "fill bytes": b"\xff\xff\xff",
    "bad adobe": b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\x07",
}
TAILS = {
    "end": END,
    "no end": b"",
    "half an end": b"\xff",
    "zeros": b"\0" * 64,
    "a trailer": b"\0\0\x01\x0aSEFH" + b"\x5a" * 300 + b"\xff\xad\0\x04",
    "another jpeg": saved(smooth(40, 40), "JPEG"),
    "junk, then the end": b"\x11" * 90 + END,
}
WAYS: dict[str, dict[str, Any]] = {
    "full": {"resize_mode": "no"},
    "one pass": {"resize_mode": "keep_ratio", "image_size": 40},
    "srgb": {"convert_to_srgb": True},
    "as it is": {"skip_reencode": True, "resize_mode": "no"},
}

OF_COEFFICIENTS = [
    kind
    for kind in CASES
    if kind.startswith("jpeg") and kind != "jpeg lossless" and "2000" not in kind
]
"""A lossless one has none: with a warning it is refused."""


def with_front(data: bytes, front: str) -> bytes:
    return data[:20] + HARMLESS[front] + data[20:]


def is_refused(data: bytes) -> bool:
    for way in WAYS.values():
        with pytest.raises(RowError) as caught:
            processor(**way).process(data)
        assert caught.value.reason is Reason.DECODE
    return True


@pytest.mark.parametrize("tail", few_quick(TAILS, 3))
@pytest.mark.parametrize("front", few_quick(HARMLESS))
@pytest.mark.parametrize("kind", KINDS)
def test_all_pixels_are_enough(kind: str, front: str, tail: str) -> None:
    whole = KINDS[kind]
    odd = with_front(whole[:-2], front) + TAILS[tail]
    made = to_png().process(odd)
    assert np.array_equal(pixels_of(made.data), pixels_of(to_png().process(whole).data))
    for way in WAYS.values():
        picture = processor(**way).process(odd)
        assert (picture.original_width, picture.original_height) == (PHOTO.shape[1], PHOTO.shape[0])


@pytest.mark.parametrize("tail", few_quick(TAILS, 3))
@pytest.mark.parametrize("front", few_quick(HARMLESS))
@pytest.mark.parametrize("kind", KINDS)
def test_missing_pixels_are_never_hidden(kind: str, front: str, tail: str) -> None:
    whole = KINDS[kind]
    assert is_refused(with_front(whole[: len(whole) * 3 // 4], front) + TAILS[tail])


def test_a_lossless_file_with_a_warning_is_refused() -> None:
    data = CASES["jpeg lossless"].data
    assert is_refused(data[:2] + HARMLESS["bad icc"] + data[2:])


def first_scans(count: int) -> bytes:
    """What PROGRESSIVE is before its scan number `count`, and before the tables of that."""
    scans = [found.start() for found in re.finditer(b"\xff\xda", PROGRESSIVE)]
    return PROGRESSIVE[: PROGRESSIVE.rindex(b"\xff\xc4", 0, scans[count])]


SCANS = PROGRESSIVE.count(b"\xff\xda")
ALL_CAME = 5
"""Scans of libjpeg's usual 10 that bring the first bits of all coefficients; the others refine."""


@pytest.mark.parametrize("front", few_quick(HARMLESS))
@pytest.mark.parametrize("count", range(1, ALL_CAME))
def test_a_progressive_file_that_lacks_coefficients_is_refused(count: int, front: str) -> None:
    for tail in TAILS.values():
        assert is_refused(with_front(first_scans(count), front) + tail)


@pytest.mark.parametrize("front", few_quick(HARMLESS))
@pytest.mark.parametrize("count", range(ALL_CAME, SCANS))
def test_coarse_coefficients_are_enough_if_the_file_says_that_it_ends(
    count: int, front: str
) -> None:
    ended = first_scans(count) + END
    assert np.array_equal(
        pixels_of(to_png().process(with_front(first_scans(count), front) + END).data),
        np.asarray(Image.open(io.BytesIO(ended)).convert("RGB"))[:, :, ::-1],
    )
    for name in ("no end", "half an end", "zeros", "another jpeg"):
        assert is_refused(with_front(first_scans(count), front) + TAILS[name])


@pytest.mark.parametrize("colours", ["YCbCr", "CMYK"])
@pytest.mark.parametrize("factors", [0x13, 0x41, 0x12, 0x31])
def test_unusual_sampling_is_recognised(colours: str, factors: int) -> None:
    """Recognised by its header alone, whichever decoder reads it."""
    flat = Image.new(colours, (8, 8))
    data = bytearray(by_pillow(flat, "JPEG", subsampling=0))
    at = data.index(b"\xff\xc0") + 11
    data[at] = factors
    odd = bytes(data)
    assert processor(disable_all_reencoding=True).process(odd).data == odd


@pytest.mark.parametrize("kind", OF_COEFFICIENTS)
def test_every_jpeg_survives_the_loss_of_its_metadata_s_good_name(kind: str) -> None:
    case = CASES[kind]
    odd = case.data[:2] + HARMLESS["bad icc"] + case.data[2:]
    got = pixels_of(to_png().process(odd).data)
    rgb = got if got.ndim == 2 else got[:, :, ::-1]
    assert np.abs(rgb.astype(int) - case.expected).max() <= case.most
