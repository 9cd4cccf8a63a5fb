"""A JPEG of several scans, progressive or not, becomes what the same coefficients in one scan do."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Iterator
from functools import cache
from itertools import product

import cv2
import numpy as np
import pytest
from PIL import Image

from img2dataset.images.geometry import Plan
from img2dataset.images.native import JPEG
from img2dataset.images.probe import probe
from img2dataset.images.resize import shrink_jpeg
from tests.pictures.sampled import BEGIN, END, Factors, segment
from tests.pictures.scans import Scan, encode_scans, fine_script, libjpeg_script, sequential
from tests.quick import few_quick
from tests.unit.images.made import Array, bgr, pixels_of, saved, smooth, to_png

pytestmark = pytest.mark.skipif(JPEG is None, reason="installed without a C compiler")

WIDTH, HEIGHT = 53, 38
PHOTO = np.asarray(Image.fromarray(smooth(WIDTH, HEIGHT)).convert("YCbCr"))
NOISE = np.random.default_rng(3).integers(0, 256, PHOTO.shape, np.uint8)
SAMPLINGS: dict[str, list[Factors]] = {
    "grey": [(1, 1)],
    "444": [(1, 1)] * 3,
    "420": [(2, 2), (1, 1), (1, 1)],
    "422": [(2, 1), (1, 1), (1, 1)],
    "440": [(1, 2), (1, 1), (1, 1)],
    "422 of 2x2": [(2, 2), (1, 2), (1, 2)],
    "440 of 2x2": [(2, 2), (2, 1), (2, 1)],
    "444 of 2x1": [(2, 1)] * 3,
}
CODINGS = {
    "a photo": (PHOTO, 4, 8),
    "noise": (NOISE, 1, 8),
    "long codes": (NOISE, 16, 13),
}
"""Channels, quantiser, bits of a code."""


def bitwise_script(count: int) -> list[Scan]:
    """Ten refinements of everything; coefficients have ten bits."""
    made = [Scan(tuple(range(count)), al=10)]
    made += [Scan((i,), 1, 63, al=10) for i in range(count)]
    for bit in reversed(range(10)):
        made += [Scan((i,), 1, 63, bit + 1, bit) for i in range(count)]
        made += [Scan(tuple(range(count)), ah=bit + 1, al=bit)]
    return made


def apart_script(count: int) -> list[Scan]:
    return sequential(*[(i,) for i in range(count)])


def paired_script(count: int) -> list[Scan]:
    return sequential((0,), tuple(range(1, count))) if count > 1 else sequential((0,))


SCRIPTS = {
    "as libjpeg": libjpeg_script,
    "fine": fine_script,
    "bitwise": bitwise_script,
    "components apart": apart_script,
    "colours together": paired_script,
}
KINDS = {
    f"{sampling}, {script}": (sampling, script, number)
    for number, (sampling, script) in enumerate(product(SAMPLINGS, SCRIPTS))
}
"""Each with one of the codings, and every second one with restarts."""


def one_pass(data: bytes, width: int, height: int) -> Array | None:
    return shrink_jpeg(data, probe(data), Plan(width, height, cv2.INTER_AREA), 1)


def same(one: Array | None, other: Array | None) -> bool:
    assert one is not None
    assert other is not None
    return np.array_equal(one, other)


def encode(sampling: str, coding: str, script: list[Scan], restart: int = 0) -> bytes:
    channels, quantiser, code_bits = CODINGS[coding]
    factors = SAMPLINGS[sampling]
    return encode_scans(
        channels[:, :, : len(factors)], factors, script,
        restart=restart, quantiser=quantiser, code_bits=code_bits,
    )  # fmt: skip


@cache
def in_one_scan(sampling: str, coding: str) -> bytes:
    return encode(sampling, coding, sequential(tuple(range(len(SAMPLINGS[sampling])))))


def by_pillow(data: bytes) -> Array:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("kind", few_quick(KINDS, 6))
def test_every_script_gives_the_same_bytes(kind: str) -> None:
    sampling, script, number = KINDS[kind]
    coding, restart = list(CODINGS)[number % 3], number % 2 * 5
    data = encode(sampling, coding, SCRIPTS[script](len(SAMPLINGS[sampling])), restart)
    plain = in_one_scan(sampling, coding)
    assert np.array_equal(by_pillow(data), by_pillow(plain))  # the encoder is right
    for size in [(30, 20), (WIDTH, HEIGHT), (7, 37)]:
        assert same(one_pass(data, *size), one_pass(plain, *size))


@pytest.mark.parametrize("subsampling", [0, 1, 2, "grey"])
@pytest.mark.parametrize("quality", [30, 95])
def test_what_libjpeg_writes_is_as_close_as_baseline(subsampling: int | str, quality: int) -> None:
    photo = smooth(611, 407)
    pixels = photo[:, :, 0].copy() if subsampling == "grey" else photo
    options = {} if subsampling == "grey" else {"subsampling": subsampling}
    plain = saved(pixels, "JPEG", quality=quality, **options)
    progressive = saved(pixels, "JPEG", quality=quality, progressive=True, **options)
    assert progressive.count(b"\xff\xda") > 3
    made = one_pass(progressive, 256, 171)
    assert same(made, one_pass(plain, 256, 171))
    wanted = cv2.resize(pixels_of(progressive), (256, 171), interpolation=cv2.INTER_AREA)
    assert cv2.PSNR(np.asarray(made), wanted) > 45


def random_script(count: int, chance: random.Random) -> Iterator[Scan]:
    """Bands of any width, bits that come one by one, components and bands in any order."""
    top = chance.randrange(4)
    everything = tuple(range(count))
    together = chance.random() < 0.5
    parts = [everything] if together else [(i,) for i in everything]
    yield from (Scan(part, al=top) for part in parts)
    waiting = [[Scan(part, ah=bit + 1, al=bit) for bit in reversed(range(top))] for part in parts]
    for i in everything:
        ends = sorted({63, *(chance.randint(1, 63) for _ in range(chance.randrange(4)))})
        for start, end in zip([1, *(end + 1 for end in ends)], ends, strict=False):
            most = chance.randrange(4)
            bits = reversed(range(most))
            refinements = [Scan((i,), start, end, bit + 1, bit) for bit in bits]
            waiting.append([Scan((i,), start, end, al=most), *refinements])
    while waiting := [queue for queue in waiting if queue]:
        yield chance.choice(waiting).pop(0)


@pytest.mark.parametrize("seed", few_quick(range(20), 10))
def test_scans_may_have_any_order(seed: int) -> None:
    chance = random.Random(seed)
    sampling = chance.choice(list(SAMPLINGS))
    coding, restart = chance.choice(list(CODINGS)), chance.choice([0, 1, 7])
    script = list(random_script(len(SAMPLINGS[sampling]), chance))
    data = encode(sampling, coding, script, restart)
    assert same(one_pass(data, 33, 21), one_pass(in_one_scan(sampling, coding), 33, 21))


PROGRESSIVE = encode("420", "a photo", libjpeg_script(3))
SCANS = [found.start() for found in re.finditer(b"\xff\xda", PROGRESSIVE)]


@pytest.mark.parametrize("count", range(1, len(SCANS)))
def test_a_file_without_its_last_scans_is_left_to_libjpeg(count: int) -> None:
    """Which smooths blocks there, or refuses the file."""
    assert one_pass(PROGRESSIVE[: SCANS[count]] + END, 33, 21) is None


@pytest.mark.parametrize("number", range(len(SCANS)))
def test_a_scan_that_misses_or_comes_twice_is_left_to_libjpeg(number: int) -> None:
    begin, end = [*SCANS, len(PROGRESSIVE) - 2][number : number + 2]
    assert one_pass(PROGRESSIVE[:begin] + PROGRESSIVE[end:], 33, 21) is None
    assert one_pass(PROGRESSIVE[:end] + PROGRESSIVE[begin:], 33, 21) is None


@pytest.mark.parametrize("number", range(len(SCANS)))
def test_bits_that_miss_or_are_too_many_are_noticed(number: int) -> None:
    begin, end = [*SCANS, len(PROGRESSIVE) - 2][number : number + 2]
    middle = (begin + 14 + end) // 2
    assert one_pass(PROGRESSIVE[:middle] + PROGRESSIVE[end:], 33, 21) is None
    assert one_pass(PROGRESSIVE[:end] + b"\x55" + PROGRESSIVE[end:], 33, 21) is None


def test_coefficients_before_their_mean_are_left_to_libjpeg() -> None:
    """Which warns of them."""
    dc, ac = Scan((0,)), Scan((0,), 1, 63)
    assert one_pass(encode("grey", "a photo", [dc, ac]), 33, 21) is not None
    assert one_pass(encode("grey", "a photo", [ac, dc]), 33, 21) is None


def test_without_an_end_the_file_is_left_to_libjpeg() -> None:
    assert one_pass(PROGRESSIVE[:-2], 33, 21) is None


def test_quantisers_are_those_that_were_there_at_the_first_scan() -> None:
    other = segment(0xDB, b"\0" + b"\x50" * 64)
    last = SCANS[-1]
    data = PROGRESSIVE[:last] + other + PROGRESSIVE[last:]
    assert np.array_equal(by_pillow(data), by_pillow(PROGRESSIVE))
    assert same(one_pass(data, 33, 21), one_pass(PROGRESSIVE, 33, 21))


def test_restart_markers_and_fill_bytes_in_front_of_markers_are_no_damage() -> None:
    interval = 5
    for script in (libjpeg_script(3), sequential((0, 1, 2))):
        data = encode("420", "a photo", script, interval)
        plain = one_pass(data, 33, 21)
        ended = data[:-2] + b"\xff\xd3" + data[-2:]
        filled = re.sub(rb"\xff(?=[\xc0-\xdd])", b"\xff\xff\xff", data[2:])
        assert same(one_pass(ended, 33, 21), plain)
        assert same(one_pass(BEGIN + filled, 33, 21), plain)


def test_a_progressive_photo_is_processed_in_one_pass() -> None:
    data = saved(smooth(600, 450), "JPEG", progressive=True, quality=95)
    made = pixels_of(to_png(resize_mode="keep_ratio", image_size=150).process(data).data)
    assert same(made, one_pass(data, 200, 150))
    assert made.shape == (150, 200, 3)
    assert not np.array_equal(made, bgr(made))


# ---- what would take too much memory or time ----

WIDEST = 65496
MIN_RUN = 1 << 14
"""Blocks of the longest kind of end-of-band run; it has up to twice as many."""


def flat(width: int, rows: int, bits: int = 1) -> bytes:
    """A grey picture of one level, with rows of blocks that take hardly any bytes; coefficients
    come bit by bit, those of AC in two bands."""
    blocks = width // 8 * rows
    frame = bytes([8, *(rows * 8).to_bytes(2, "big"), *width.to_bytes(2, "big"), 1, 1, 0x11, 0])
    only = b"\1" + bytes(15)  # one code, of one bit: no difference, or a run of ended blocks
    made = BEGIN + segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC2, frame)
    made += segment(0xC4, b"\0" + only + b"\0" + b"\x10" + only + b"\xe0")
    ended = "".join(f"0{run - MIN_RUN:014b}" for run in split_runs(blocks))
    ended += "1" * (-len(ended) % 8)
    bands = {
        (0, 0): bytes(-(-blocks // 8)),
        (1, 9): int(ended, 2).to_bytes(len(ended) // 8, "big").replace(b"\xff", b"\xff\0"),
    }
    bands[10, 63] = bands[1, 9]
    for bit in reversed(range(bits)):
        header = bit if bit == bits - 1 else (bit + 1) << 4 | bit
        for (start, end), coded in bands.items():
            made += segment(0xDA, bytes([1, 1, 0, start, end, header])) + coded
    return made + END


def split_runs(blocks: int) -> Iterator[int]:
    while blocks >= 2 * MIN_RUN:
        run = min(blocks - MIN_RUN, 2 * MIN_RUN - 1)
        yield run
        blocks -= run
    yield blocks


def shrink_flat(width: int, rows: int, bits: int = 1) -> bool:
    assert JPEG is not None
    out = np.empty((8, 8), np.uint8)
    done = JPEG.shrink(out, flat(width, rows, bits), 1, width, rows * 8, 8, 8)
    assert not done or (out == 128).all()
    return bool(done)


def test_a_flat_picture_is_read() -> None:
    assert (by_pillow(flat(2048, 128, 3)) == 128).all()
    assert shrink_flat(2048, 128, 3)


def test_more_coefficients_than_the_limit_are_left_to_libjpeg() -> None:
    assert shrink_flat(WIDEST, 237)  # 1.94 million blocks of 138 bytes are 268 MB
    assert not shrink_flat(WIDEST, 238)


def test_scans_that_cost_more_than_the_limit_are_left_to_libjpeg() -> None:
    assert shrink_flat(8192, 1024, 13)
    assert not shrink_flat(WIDEST, 230, 13)  # 39 scans of 1.9 million blocks


@pytest.mark.slow
def test_more_scans_than_a_hundred_are_left_to_libjpeg() -> None:
    few = [Scan((0,), al=1), Scan((0,), ah=1), *(Scan((0,), k, k, al=1) for k in range(1, 64))]
    many = [*few, *(Scan((0,), k, k, 1) for k in range(1, 36))]
    rest = Scan((0,), 36, 63, 1)
    grey = PHOTO[:, :, :1]
    assert len(many) == 100
    assert (
        one_pass(encode_scans(grey, [(1, 1)], [*many[:-1], Scan((0,), 35, 63, 1)]), 33, 21)
        is not None
    )
    assert one_pass(encode_scans(grey, [(1, 1)], [*many, rest]), 33, 21) is None
