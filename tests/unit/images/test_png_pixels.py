"""The compiled module makes of a PNG what libpng makes of it, and refuses what libpng refuses."""

from __future__ import annotations

import random
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from img2dataset.errors import RowError
from img2dataset.images import decode, png_pixels
from img2dataset.images.geometry import Plan
from img2dataset.images.headers import png
from img2dataset.images.native import PNG
from img2dataset.images.png_pixels import shrink_png
from img2dataset.images.probe import probe
from img2dataset.images.resize import resize
from tests.pictures.damage import checksums_made_right, damaged
from tests.pictures.pngs import ADAM7, chunk, pngs, transparent
from tests.pictures.pngs import png as png_of
from tests.pictures.profiles import adobe_rgb
from tests.unit.images.made import Array, encoded, processor, saved, smooth, to_png

pytestmark = pytest.mark.skipif(PNG is None, reason="installed without a C compiler")

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
KINDS = [
    (colour, depth)
    for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items()
    for depth in depths
]  # fmt: skip
SIDE = st.tuples(st.integers(1, 90), st.floats(0, 1))
"""Of the PNG, and how much of it is left."""
FILES = {kind: case.data for kind, case in pngs().items()}


def filtered(
    kind: tuple[int, int],
    size: tuple[int, int],
    chance: random.Random,
    *,
    adam7: bool = False,
    filters: tuple[int, ...] = (0, 1, 2, 3, 4),
) -> bytes:
    """Make a PNG of noise: any bytes are rows, with any filters; colours get a transparent one."""
    (colour, depth), (width, height) = kind, size
    rows = bytearray()
    for left, top, right, down in ADAM7 if adam7 else ((0, 0, 1, 1),):
        columns, lines = len(range(left, width, right)), len(range(top, height, down))
        count = -(-columns * CHANNELS[colour] * depth // 8)
        for _ in range(lines if columns else 0):
            rows += bytes([chance.choice(filters)]) + chance.randbytes(count)
    before = b""
    if colour == 3:
        entries = chance.randint(1, 2**depth)
        before = chunk(b"PLTE", chance.randbytes(3 * entries))
    if colour in (0, 2, 3) and chance.random() < 0.5:
        before += chunk(b"tRNS", some_transparent(kind, chance))
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, adam7)
    body = zlib.compress(bytes(rows), 1)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", head), before, chunk(b"IDAT", body), chunk(b"IEND", b""))
    )


def some_transparent(kind: tuple[int, int], chance: random.Random) -> bytes:
    """Make a tRNS: of values below 16 bits, black; bits beyond the depth do not count."""
    colour, depth = kind
    if colour == 3:
        return chance.randbytes(1)
    values = [chance.randbytes(2) if depth == 16 else chance.randbytes(1) + b"\0" for _ in range(3)]
    return b"".join(values[: CHANNELS[colour]])


def by_libpng(data: bytes) -> tuple[Array, bool]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png_pixels, "PNG", None)
        return decode.decode(data, probe(data))


def by_module(data: bytes) -> tuple[Array, bool]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png_pixels, "decode_with_libpng", None)  # it is not needed
        made, as_stored = png_pixels.decode_png(data, probe(data))
    assert made is not None
    return made, as_stored


def assert_same(data: bytes, small: tuple[int, int]) -> None:
    """The whole is libpng's, and what is averaged on the way is its average."""
    wanted, as_stored = by_libpng(data)
    made, says_so = by_module(data)
    assert np.array_equal(made, wanted)
    assert says_so == as_stored
    plan = Plan(*small, cv2.INTER_AREA)
    averaged = shrink_png(data, probe(data), plan, 1)
    if averaged is not None:
        assert np.array_equal(averaged, resize(wanted, plan))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_pixels_are_those_of_libpng(kind: tuple[int, int]) -> None:
    chance = random.Random(str(kind))
    for size in [(1, 1), (2, 3), (9, 8), (33, 20)]:
        for adam7 in (False, True):
            assert_same(filtered(kind, size, chance, adam7=adam7), (size[0], -(-size[1] // 2)))
    for filters in [(3,), (4,), (3, 4)]:
        assert_same(filtered(kind, (41, 30), chance, filters=filters), (7, 11))


def test_bits_of_a_transparent_colour_beyond_the_depth_do_not_count() -> None:
    photo = smooth(20, 20)
    data = png_of(photo, 2, 8, transparent(*(int(value) + 256 for value in photo[3, 4])))
    assert_same(data, (7, 9))
    assert (by_module(data)[0][3, 4] == 255).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(SIDE, SIDE, st.randoms(use_true_random=True))
@settings(max_examples=30)
def test_pixels_of_any_size_are_those_of_libpng(
    kind: tuple[int, int], across: tuple[int, float], down: tuple[int, float], chance: random.Random
) -> None:
    data = filtered(kind, (across[0], down[0]), chance, adam7=chance.random() < 0.3)
    assert_same(data, (max(1, round(across[0] * across[1])), max(1, round(down[0] * down[1]))))


@pytest.mark.parametrize("kind", FILES)
def test_files_of_every_kind_are_decoded_here(kind: str) -> None:
    if kind == "png with a palette and alpha before it":
        return  # libpng ignores that alpha
    assert np.array_equal(by_module(FILES[kind])[0], by_libpng(FILES[kind])[0])


def test_no_large_picture_is_made_where_an_average_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("img2dataset.images.process.decode", refuse)
    for channels in (1, 3, 4):
        data = saved(smooth(300, 200, channels), "PNG")
        assert processor(image_size=64).process(data).width == 64


def outcome(made: Any, data: bytes) -> object:
    try:
        return made.process(data)
    except RowError as error:
        return error.reason


def assert_same_outcomes(made: Any, files: list[bytes]) -> None:
    here = [outcome(made, data) for data in files]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png_pixels, "PNG", None)
        assert [outcome(made, data) for data in files] == here


def with_exif(pixels: Array, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(pixels, "PNG", exif=exif)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"image_size": 40},
        {"image_size": 100, "resize_mode": "center_crop"},
        {"image_size": 96, "resize_mode": "keep_ratio"},  # half: OpenCV's average is another
        {"image_size": 50, "downscale_interpolation": "cubic"},
        {"image_size": 50, "convert_to_srgb": True},
        {"resize_mode": "no", "skip_reencode": True, "encode_format": "png", "encode_quality": 6},
    ],
    ids=str,
)
def test_what_is_stored_does_not_depend_on_the_module(options: dict[str, Any]) -> None:
    photo, deep = smooth(200, 192, 4), smooth(200, 192).astype(np.uint16) * np.uint16(257)
    files = [saved(pixels, "PNG") for pixels in (photo, photo[:, :, :3], photo[:, :, 0])]
    files += [saved(photo, "PNG", icc_profile=adobe_rgb()), encoded(deep, "png")]
    files += [saved(photo[:, :, :3], "PNG", icc_profile=adobe_rgb())]
    files += [with_exif(photo[:100], orientation) for orientation in (3, 6)]
    assert_same_outcomes(processor(**options), files)


def test_boxes_are_blurred_on_the_same_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    data, boxes = saved(smooth(200, 150, 4), "PNG"), [[0.1, 0.1, 0.5, 0.6]]
    made = processor(image_size=60).process(data, boxes)
    monkeypatch.setattr(png_pixels, "PNG", None)
    assert made == processor(image_size=60).process(data, boxes)


# -- damage --


def repacked(data: bytes, chance: random.Random) -> bytes:
    """Damage the rows inside of the compressed stream, or the ends of that."""
    at = data.index(b"IDAT") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    rows = bytearray(zlib.decompress(data[at + 8 : at + 8 + size]))
    where = chance.randrange(len(rows))
    match chance.randrange(4):
        case 0:
            rows[where] = chance.choice((0, 1, 2, 3, 4, 5, 255))
        case 1:
            rows += b"more"
        case 2:
            del rows[where:]
    packed = zlib.compress(bytes(rows), chance.choice((0, 1, 9)))
    match chance.randrange(5):
        case 0:
            packed = packed[: chance.choice((-1, -4, -5))]
        case 1:
            packed += b"more"
        case 2:
            packed = bytes([chance.choice((0x08, 0x48, 0x77, 0x78, 0x88))]) + packed[1:]
    body = struct.pack(">I", len(packed)) + b"IDAT" + packed + bytes(4)
    return checksums_made_right(data[:at] + body + data[at + 12 + size :])


@pytest.mark.slow
def test_damage_is_judged_as_libpng_judges_it() -> None:
    chance = random.Random(13)
    whole = [data for data in FILES.values() if data.count(b"IDAT") == 1 and b"IEND" in data]
    whole = [data for data in whole if zlib_is_whole(data)]
    files = [damaged(chance.choice(list(FILES.values())), chance) for _ in range(500)]
    files += [repacked(chance.choice(whole), chance) for _ in range(500)]
    assert_same_outcomes(to_png(max_decoded_pixels=1_000_000), files)
    assert_same_outcomes(processor(image_size=20, max_decoded_pixels=1_000_000), files)


def zlib_is_whole(data: bytes) -> bool:
    at = data.index(b"IDAT") + 4
    try:
        zlib.decompress(data[at : at + int.from_bytes(data[at - 8 : at - 4], "big")])
    except zlib.error:
        return False
    return True


def test_a_stream_that_is_odd_is_judged_as_libpng_judges_it() -> None:
    chance = random.Random(14)
    files = [repacked(FILES[kind], chance) for kind in ("png colour", "png alpha interlaced") * 12]
    outcomes = {str(outcome(to_png(), data))[:9] for data in files}
    assert len(outcomes) > 1  # some are stored, some are not
    assert_same_outcomes(to_png(), files)


# -- the module itself --


GREY_ROWS = bytes([0, 10, 20, 1, 30, 40])


def decoded(
    raw: bytes = GREY_ROWS, palette: bytes = b"", shares: bytes = b"", *numbers: int
) -> Any:
    assert PNG is not None
    out = bytearray(4)
    done = PNG.decode(out, raw, palette, shares, *(numbers or (2, 2, 8, 0, False)))
    return list(out) if done else done


def test_what_is_odd_is_left_to_libpng() -> None:
    assert decoded() == [10, 20, 30, 70]
    assert decoded(b"\5" + GREY_ROWS[1:]) is False
    assert decoded(GREY_ROWS[:3] + b"\5" + GREY_ROWS[4:]) is False
    assert decoded(GREY_ROWS, b"abc") is False
    assert decoded(GREY_ROWS, b"", b"abc") is False
    for numbers in [(2, 2, 3, 0, False), (2, 2, 8, 1, False), (0, 2, 8, 0, False), (2, 1_000_001, 8, 0, False)]:  # fmt: skip
        assert decoded(GREY_ROWS, b"", b"", *numbers) is False


@pytest.mark.parametrize(
    ("palette", "shares"),
    [(b"", b""), (b"ab", b""), (b"abc" * 257, b""), (b"abc", b"de")],
    ids=["none", "half a colour", "too many", "more alpha than colours"],
)
def test_an_odd_palette_is_left_to_libpng(palette: bytes, shares: bytes) -> None:
    assert PNG is not None
    assert not PNG.decode(bytearray(12), GREY_ROWS, palette, shares, 2, 2, 8, 3, False)
    assert PNG.decode(bytearray(12), GREY_ROWS, b"abc", b"d", 2, 2, 8, 3, False)


def test_buffers_that_do_not_fit_are_refused() -> None:
    assert PNG is not None
    for numbers in [(2, 3, 8, 0, False), (3, 2, 8, 0, False), (2, 2, 16, 0, False), (2, 2, 8, 2, False)]:  # fmt: skip
        with pytest.raises(ValueError, match="do not fit"):
            decoded(GREY_ROWS, b"", b"", *numbers)
    for small in [(3, 1), (1, 3), (0, 1), (1, 2)]:
        with pytest.raises(ValueError, match="do not fit"):
            PNG.shrink(bytearray(1), GREY_ROWS, b"", b"", 2, 2, 8, 0, *small)


def test_no_memory_is_taken_for_rows_that_cannot_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("img2dataset.images.headers.png.deflate.zlib_decompress", refuse)
    data = bytearray(saved(smooth(40, 30), "PNG"))
    struct.pack_into(">II", data, 16, 50_000, 4_000)
    forged = checksums_made_right(bytes(data))
    assert png.read_rows(forged, probe(forged).own) is None
