"""AVIF whose boxes promise another size than is coded: its decoder would scale it, at any cost."""

from __future__ import annotations

import struct
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from img2dataset.errors import Reason, RowError
from img2dataset.images.headers import av1, avif
from tests.pictures import CASES
from tests.pictures.avifs import FAST, found, grid
from tests.unit.images.made import processor, saved, smooth, to_png

PLAIN = saved(smooth(80, 64), "AVIF", **FAST)
CELL = saved(smooth(64, 64), "AVIF", **FAST)
ALPHA = saved(smooth(80, 64, 4), "AVIF", **FAST)
GRID = grid(smooth(192, 128), 3, (180, 100))
FRAMES = [Image.fromarray(smooth(80, 64, 4, seed)) for seed in (1, 2)]
ANIMATION = saved(FRAMES[0], "AVIF", save_all=True, append_images=FRAMES[1:], **FAST)


def promising(data: bytes, width: int, height: int, which: int = 0) -> bytes:
    """`data` with another size in its `which`-th `ispe`."""
    at = -1
    for _ in range(which + 1):
        at = data.index(b"ispe", at + 1)
    return data[: at + 8] + struct.pack(">II", width, height) + data[at + 16 :]


def in_tracks(data: bytes, width: int, height: int) -> bytes:
    """`data` with another size in its first track."""
    track = found(data, b"tkhd")
    return data.replace(track, track[:-8] + struct.pack(">II", width << 16, height << 16), 1)


LIES = {
    "larger": promising(PLAIN, 4000, 4000),
    "smaller": promising(PLAIN, 64, 48),
    "a side": promising(PLAIN, 80, 65),
    "of the alpha": promising(ALPHA, 64, 48),  # of both: they share a box
    "of an animation": in_tracks(ANIMATION, 64, 48),
    "of a cell": promising(GRID, 640, 640, which=1),
    "of a grid": promising(GRID, 1800, 1000),
    "of a smaller grid": promising(GRID, 180, 99),
    "of cells that go far beyond": grid(
        np.zeros(0), 2, (64, 64), [saved(smooth(1024, 1024), "AVIF", **FAST)] * 4
    ),
}


@pytest.fixture
def _no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> NoReturn:
        pytest.fail("pixels were decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", never)


@pytest.mark.usefixtures("_no_decoder")
@pytest.mark.parametrize("which", LIES)
def test_what_is_not_as_promised_is_refused_and_not_decoded(which: str) -> None:
    with pytest.raises(RowError) as caught:
        to_png().process(LIES[which])
    assert caught.value.reason is Reason.DECODE


@pytest.mark.parametrize("kind", [kind for kind in CASES if "avif" in kind])
def test_what_is_as_promised_is_left_to_its_decoder(kind: str) -> None:
    assert avif.has_promised_sizes(CASES[kind].data)


@pytest.mark.parametrize("side", [1, 2, 63, 64, 65, 255, 257, 1025])
def test_sizes_are_read_whatever_bits_they_take(side: int) -> None:
    data = saved(smooth(side, 70), "AVIF", speed=10)
    assert avif.has_promised_sizes(data)
    assert not avif.has_promised_sizes(promising(data, side + 1, 70))
    assert not avif.has_promised_sizes(promising(data, side, 71))


def test_equal_cells_may_be_stored_once() -> None:
    """Encoders do so: hundreds of cells of sky would else look like one file many times over."""
    data = grid(np.zeros(0), 8, (512, 512), [CELL] * 64)
    alike = data[: data.index(b"mdat") + 4 + 8] + CELL[CELL.index(b"mdat") + 4 :]
    place, size = alike.index(b"mdat") + 12, len(CELL) - CELL.index(b"mdat") - 4
    at = alike.index(b"iloc") + 12 + 14  # behind the grid's own
    entries = b"".join(struct.pack(">HHHII", item, 0, 1, place, size) for item in range(2, 66))
    alike = alike[:at] + entries + alike[at + len(entries) :]
    assert avif.has_promised_sizes(alike)
    assert to_png().process(alike).width == 512


def test_untouched_files_are_stored_as_ever() -> None:
    """Nobody decodes them."""
    data = promising(PLAIN, 64, 48)
    assert processor(disable_all_reencoding=True).process(data).data == data


# -- sequence headers of encoders we do not have: bit by bit


def bits(*fields: tuple[int, int]) -> bytes:
    """`fields` = (value, how many bits)."""
    text = "".join(f"{value:0{count}b}" for value, count in fields if count)
    return int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big")


def obu(kind: int, body: bytes) -> bytes:
    return bytes([kind << 3 | 2, len(body)]) + body


TIMING = [(1, 1), (1, 32), (25, 32)]
PLAIN_TIMING = [*TIMING, (0, 1), (0, 1)]
EQUAL_TIMING = [*TIMING, (1, 1), (0b00101, 5), (0, 1)]  # a variable number: 4
MODEL = [*TIMING, (0, 1), (1, 1), (9, 5), (1, 32), (9, 5), (6, 5)]
NO_TIMING = [(0, 1)]
POINTS: list[tuple[list[tuple[int, int]], list[tuple[int, int]], int]] = [
    (NO_TIMING, [(0, 1), (0, 5), (0, 12), (8, 5), (1, 1)], 0),
    (NO_TIMING, [(1, 1), (1, 5), *[(3, 12), (4, 5), (1, 1), (9, 4)] * 2], 0),
    (PLAIN_TIMING, [(0, 1), (0, 5), (0, 12), (4, 5)], 0),
    (EQUAL_TIMING, [(0, 1), (0, 5), (0, 12), (4, 5)], 0),
    (MODEL, [(0, 1), (0, 5), (0, 12), (4, 5), (1, 1), (5, 10), (6, 10), (1, 1)], 7),
]
TOOLS: list[tuple[list[tuple[int, int]], int]] = [  # ids, tools, screen content; bits of a frame
    ([(0, 1), (0, 7), (1, 1), (0, 2), (1, 1), (1, 1)], 0),
    ([(1, 1), (3, 4), (2, 3), (0, 7), (0, 1), (1, 1), (1, 1)], 8),
    ([(0, 1), (0, 7), (0, 1), (0, 1), (0, 1)], 0),
]


def sequence(timing: Any, points: Any, tools: Any, width: int, height: int) -> bytes:
    sides = [(15, 4), (15, 4), (width - 1, 16), (height - 1, 16)]
    return obu(1, bits((0, 3), (0, 1), (0, 1), *timing, *points, *sides, *tools, (0, 16)))


@pytest.mark.parametrize("points_of", POINTS)
@pytest.mark.parametrize("tools_of", TOOLS)
@pytest.mark.parametrize("own", [0, 1])
def test_a_frame_may_have_a_size_of_its_own(points_of: Any, tools_of: Any, own: int) -> None:
    timing, points, moment = points_of
    tools, id_bits = tools_of
    screen = [] if tools[-2:] == [(0, 1), (0, 1)] else [(1, 1), (0, 1)]
    ahead = [(0, 1), (0, 2), (1, 1), (0, moment), (0, 1), *screen, (0, id_bits)]
    frame = obu(6, bits(*ahead, (own, 1), (1 - own, 1), (0, 40)))
    data = sequence(timing, points, tools, 80, 64) + frame
    sizes = av1.read_coded_sizes(data, iter(range(9)))
    plain = av1.Coded(80, 64, exact=True)
    assert sizes == ({plain, av1.Coded(1 << 16, 1 << 16, exact=False)} if own else {plain})


def with_picture(data: bytes, picture: bytes) -> bytes:
    """`data` with `picture` as what is coded in it, at its end."""
    at = data.index(b"iloc") + 12 + 6
    return data[:at] + struct.pack(">II", len(data), len(picture)) + data[at + 8 :] + picture


def test_layers_may_be_smaller_than_the_whole() -> None:
    """Their frames have sizes of their own, in the bits that the whole needs."""
    timing, points, _ = POINTS[0]
    head = [(0, 3), (0, 1), (0, 1), *timing, *points]
    frame = obu(6, bits((0, 1), (0, 2), (1, 1), (0, 1), (1, 1), (0, 40)))

    def layered(side_bits: int) -> bytes:
        sides = [(side_bits - 1, 4)] * 2 + [(79, side_bits), (63, side_bits)]
        return obu(1, bits(*head, *sides, *TOOLS[2][0], (0, 16))) + frame

    assert avif.has_promised_sizes(with_picture(PLAIN, layered(7)))
    assert not avif.has_promised_sizes(with_picture(PLAIN, layered(13)))


def test_a_second_sequence_counts_as_the_first() -> None:
    timing, points, _ = POINTS[0]
    one, other = (sequence(timing, points, TOOLS[0][0], side, 64) for side in (80, 81))
    assert avif.has_promised_sizes(with_picture(PLAIN, one + one))
    assert not avif.has_promised_sizes(with_picture(PLAIN, one + other))


@pytest.mark.slow
def test_endless_pictures_are_refused() -> None:
    assert not avif.has_promised_sizes(with_picture(PLAIN, b"\x12\0" * avif.MAX_OBUS))


# -- damage

PIECES = st.one_of(
    st.binary(max_size=9),
    st.sampled_from(
        [b"\0" * 4, b"\xff" * 4, b"ispe", b"meta", b"\0\0\0\1", b"\0\0\0\x08", b"\x12"]
    ),
)


@pytest.mark.parametrize("data", [PLAIN, ALPHA, GRID, ANIMATION])
@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), PIECES), max_size=6), st.floats(0, 1))
def test_no_damage_makes_the_reader_raise(
    data: bytes, changes: list[tuple[float, bytes]], kept: float
) -> None:
    hostile = bytearray(data)
    for place, piece in changes:
        at = int(place**3 * len(hostile))
        hostile[at : at + len(piece)] = piece
    avif.has_promised_sizes(bytes(hostile[: int(len(hostile) * kept**0.2)]))


@pytest.mark.parametrize("kind", [b"meta", b"iinf", b"iloc", b"iprp", b"ipma", b"iref", b"moov"])
@given(st.binary(max_size=100))
def test_nor_does_noise_in_a_box(kind: bytes, noise: bytes) -> None:
    for data in (GRID, ANIMATION):
        at = data.find(kind) + 4
        if at > 4:
            avif.has_promised_sizes(data[:at] + noise + data[at + len(noise) :])


@given(st.binary(max_size=200))
def test_nor_does_noise_for_a_picture(noise: bytes) -> None:
    av1.read_coded_sizes(noise, iter(range(99)))
    av1.read_coded_sizes(obu(1, noise[:100]) + obu(6, noise[100:]), iter(range(99)))
