"""What a JPEG XL says of itself: an animation is refused, because its first frame cannot be had."""

from __future__ import annotations

import struct
from itertools import pairwise

import imagecodecs
import numpy as np
import pytest

from img2dataset.errors import Reason, RowError
from tests.pictures.case import RGB, RGBA
from tests.pictures.others import jxl
from tests.unit.images.made import processor, to_png

FRAMES = np.stack([RGB, 255 - RGB])
ANIMATED = {
    "bare": jxl(FRAMES),
    "in a container": jxl(FRAMES, usecontainer=True),
    "with alpha": jxl(np.stack([RGBA, 255 - RGBA])),
    "of a square": jxl(FRAMES[:, :40, :40]),
    "lossy": bytes(imagecodecs.jpegxl_encode(FRAMES, level=60)),
}


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def in_parts(codestream: bytes, *cuts: int) -> bytes:
    """A container whose codestream lies in several boxes."""
    edges = (0, *cuts, len(codestream))
    bodies = [codestream[a:b] for a, b in pairwise(edges)]
    last = len(bodies) - 1
    parts = [
        box(b"jxlp", (number | (number == last) << 31).to_bytes(4, "big") + body)
        for number, body in enumerate(bodies)
    ]
    start = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    return start + b"".join(parts)


def packed(*fields: tuple[int, int]) -> bytes:
    """A codestream of the fields of a header, each a value and its bits, the lowest bit first."""
    value = at = 0
    for number, bits in fields:
        value |= number << at
        at += bits
    return b"\xff\x0a" + value.to_bytes(60, "little")


SIZE = ((0, 1), (0, 2), (47, 9), (0, 3), (0, 2), (63, 9))
"""48 rows of 64 columns."""
EXTRA = ((0, 1), (1, 1), (0, 3))
"""Not all by default; upright."""
NO, YES = (0, 1), (1, 1)
PREVIEWS = {
    "of any length": (NO, (3, 2), (99, 12), (0, 3), (1, 2), (77, 8)),
    "of eights": (YES, (3, 2), (99, 9), (0, 3), (0, 2)),
    "square": (NO, (0, 2), (63, 6), (1, 3)),
}
HEADERS = {
    "small display": ((YES, (3, 5), (2, 3)), NO, ()),
    "large display": (SIZE, NO, ()),
    **{f"preview {name}": ((), YES, fields) for name, fields in PREVIEWS.items()},
    "both": (SIZE, YES, PREVIEWS["square"]),
}


def header(kind: str, animation: tuple[int, int]) -> bytes:
    display, has_preview, preview = HEADERS[kind]
    return packed(
        *SIZE, *EXTRA, (int(bool(display)), 1), *display, has_preview, *preview, animation
    )


def why_refused(data: bytes) -> str:
    with pytest.raises(RowError) as refused:
        to_png().process(data)
    assert refused.value.reason is Reason.DECODE
    return str(refused.value)


@pytest.mark.parametrize("kind", ANIMATED)
def test_an_animation_is_refused_and_says_so(kind: str) -> None:
    assert "animated" in why_refused(ANIMATED[kind])


@pytest.mark.parametrize("kind", ANIMATED)
def test_its_bytes_can_be_kept_as_any_others(kind: str) -> None:
    data = ANIMATED[kind]
    assert processor(disable_all_reencoding=True).process(data).data == data


@pytest.mark.parametrize("cuts", [(1,), (2, 3), (5, 5, 9), (40,)])
def test_a_header_may_lie_in_several_boxes(cuts: tuple[int, ...]) -> None:
    assert "animated" in why_refused(in_parts(ANIMATED["bare"], *cuts))
    still = to_png().process(in_parts(jxl(RGB), *cuts))
    assert still.data == to_png().process(jxl(RGB)).data


@pytest.mark.parametrize("kind", HEADERS)
def test_what_comes_before_the_bit_of_an_animation_is_passed(kind: str) -> None:
    assert "animated" in why_refused(header(kind, YES))
    assert "animated" not in why_refused(header(kind, NO))
