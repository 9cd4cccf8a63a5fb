"""All readers of JPEG headers see the same segments."""

from __future__ import annotations

import pytest

from img2dataset.images.headers.jpeg_segments import APP0, DQT, SOS, walk_segments

SOI = b"\xff\xd8"
COMMENT = b"\xff\xfe\0\4hi"


def found(data: bytes) -> list[tuple[int, bytes]]:
    return [(marker, data[start:end]) for marker, start, end in walk_segments(data)]


@pytest.mark.parametrize(
    ("between", "why"),
    [
        (b"", "nothing"),
        (b"\xff\xff", "fill bytes"),
        (b"junk\0", "junk"),
        (b"\xff\0", "a stuffed zero"),
        (b"\xff\xd3", "a restart marker"),
        (b"\xff\x01", "TEM"),
        (SOI, "a second beginning"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_may_lie_between_segments_is_passed_over(between: bytes, why: str) -> None:
    del why
    data = SOI + between + b"\xff\xe0\0\5abc" + between + COMMENT
    assert found(data) == [(APP0, b"abc"), (0xFE, b"hi")]


def test_a_segment_hides_what_is_in_it() -> None:
    inside = b"\xff\xda\0\2"
    data = SOI + b"\xff\xdb\0\6" + inside + COMMENT
    assert found(data) == [(DQT, inside), (0xFE, b"hi")]


def test_scans_are_passed_over_and_the_end_marker_ends_the_walk() -> None:
    scan = b"\xff\xda\0\3\1" + b"bits\xff\0bits\xff\xd0bits"
    assert found(SOI + scan + scan + b"\xff\xd9" + COMMENT) == [(SOS, b"\1")] * 2


@pytest.mark.parametrize("length", [b"\0\0", b"\0\1", b"\0\2"])
def test_a_length_that_cannot_be_is_the_shortest(length: bytes) -> None:
    assert found(SOI + b"\xff\xe0" + length + COMMENT) == [(APP0, b""), (0xFE, b"hi")]


@pytest.mark.parametrize("cut", range(2, 9))
def test_what_is_cut_short_ends_the_walk(cut: int) -> None:
    data = (SOI + b"\xff\xe0\0\5abc")[:cut]
    assert found(data) == ([(APP0, data[6:])] if cut >= 4 else [])
