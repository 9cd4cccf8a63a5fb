"""One pass from a JPEG's bytes to a small picture gives what libjpeg and OpenCV give in two."""

from __future__ import annotations

import random
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from img2dataset.images import resize
from img2dataset.images.geometry import Plan
from img2dataset.images.native import JPEG
from img2dataset.images.probe import probe
from img2dataset.images.resize import shrink_jpeg
from tests.unit.images.made import Array, bgr, pixels_of, saved, smooth, to_png

pytestmark = pytest.mark.skipif(JPEG is None, reason="installed without a C compiler")

SAMPLINGS = ["444", "422", "420", "440", "Gray"]
SIDES = st.tuples(st.integers(8, 120), st.floats(0, 1))
"""Of the JPEG, and how much of it is left."""


def mild(pixels: Array) -> Array:
    """Colours that no rounding brings out of 0 to 255: libjpeg cuts there, pixel by pixel, what
    we only cut from the average."""
    return np.asarray(64 + pixels // 2)


def jpeg(pixels: Array, sampling: str = "420", quality: int = 90) -> bytes:
    if sampling == "Gray":
        return saved(pixels[:, :, 0].copy(), "JPEG", quality=quality)
    return bytes(simplejpeg.encode_jpeg(pixels, quality, "BGR", sampling))


def planned(width: int, height: int) -> Plan:
    return Plan(width, height, cv2.INTER_AREA)


def in_two_steps(data: bytes, width: int, height: int) -> Array:
    return np.asarray(cv2.resize(pixels_of(data), (width, height), interpolation=cv2.INTER_AREA))


def one_pass(data: bytes, width: int, height: int) -> Array:
    made = shrink_jpeg(data, probe(data), planned(width, height), 1)
    assert made is not None
    return made


@pytest.mark.slow
@pytest.mark.parametrize("sampling", SAMPLINGS)
@given(SIDES, SIDES, st.integers(0, 1000))
def test_pixels_are_those_of_two_steps(
    sampling: str, across: tuple[int, float], down: tuple[int, float], seed: int
) -> None:
    data = jpeg(mild(smooth(across[0], down[0], seed=seed)), sampling)
    small = max(1, round(across[0] * across[1])), max(1, round(down[0] * down[1]))
    # what differs is rounding: libjpeg rounds after each step, we at the end
    assert cv2.absdiff(one_pass(data, *small), in_two_steps(data, *small)).max() <= 3


@pytest.mark.parametrize("sampling", ["420", "Gray"])
@pytest.mark.parametrize(
    ("size", "pad"),
    [((64, 41), (0, 11, 0, 12)), ((41, 64), (11, 0, 12, 0)), ((60, 60), (2, 2, 2, 2))],
)
def test_the_border_around_it_is_white(
    sampling: str, size: tuple[int, int], pad: tuple[int, int, int, int]
) -> None:
    data = jpeg(smooth(200, 190), sampling)
    plan = Plan(*size, cv2.INTER_AREA, pad=pad)
    got = shrink_jpeg(data, probe(data), plan, 1)
    inside = one_pass(data, *size)
    sides = ((pad[1], pad[3]), (pad[0], pad[2]), *[(0, 0)] * (inside.ndim - 2))
    assert np.array_equal(np.asarray(got), np.pad(inside, sides, constant_values=255))


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("quality", [5, 50, 100])
def test_noise_is_as_close(sampling: str, quality: int) -> None:
    noise = mild(np.random.default_rng(7).integers(0, 256, (301, 403, 3), np.uint8))
    data = jpeg(noise, sampling, quality)
    for small in [(403, 300), (256, 191), (57, 43), (3, 2)]:
        assert cv2.PSNR(one_pass(data, *small), in_two_steps(data, *small)) > 38


@pytest.mark.parametrize("blocks", [1, 3, 7])
def test_restart_markers_are_followed(blocks: int) -> None:
    data = saved(smooth(203, 101), "JPEG", restart_marker_blocks=blocks)
    assert data.count(b"\xff\xd3") > 0
    plain = saved(smooth(203, 101), "JPEG")
    assert np.array_equal(one_pass(data, 60, 30), one_pass(plain, 60, 30))


def test_codes_made_for_the_file_are_read() -> None:
    noise = mild(np.random.default_rng(1).integers(0, 256, (160, 160, 3), np.uint8))
    for quality in (30, 75, 98):  # long codes, and coefficients of many bits
        data = saved(noise, "JPEG", quality=quality, optimize=True)
        assert cv2.PSNR(one_pass(data, 70, 70), in_two_steps(data, 70, 70)) > 38


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(mild(smooth(400, 300)), "JPEG", quality=95, exif=exif, subsampling=0)
    got = pixels_of(to_png(resize_mode="keep_ratio", image_size=100).process(data).data)
    upright = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    size = (got.shape[1], got.shape[0])
    assert cv2.absdiff(got, cv2.resize(upright, size, interpolation=cv2.INTER_AREA)).max() <= 2


def without_end(data: bytes) -> bytes:
    return data[:-2]


def with_a_hole(data: bytes) -> bytes:
    return data[:-500] + data[-2:]


def with_another_code(data: bytes) -> bytes:
    at = data.index(b"\xff\xc4") + 21
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def without_quantisers(data: bytes) -> bytes:
    at = data.index(b"\xff\xdb")
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    return data[:at] + data[at + 2 + length :]


@pytest.mark.parametrize(
    "damage", [without_end, with_a_hole, with_another_code, without_quantisers]
)
def test_a_damaged_file_is_left_to_libjpeg(damage: Any) -> None:
    data = saved(smooth(200, 150), "JPEG")
    assert shrink_jpeg(damage(data), probe(data), planned(50, 40), 1) is None


@pytest.mark.parametrize(
    "data",
    [
        saved(Image.fromarray(smooth(200, 150)).convert("CMYK"), "JPEG"),
        bytes(simplejpeg.encode_jpeg(smooth(200, 150), 90, "BGR", "411")),
        saved(smooth(200, 150), "PNG"),
    ],
    ids=["cmyk", "411", "png"],
)
def test_other_files_are_left_to_others(data: bytes) -> None:
    assert shrink_jpeg(data, probe(data), planned(50, 40), 1) is None
    assert to_png(resize_mode="keep_ratio", image_size=50).process(data).width == 67


@pytest.mark.parametrize("plan", [planned(300, 150), Plan(50, 40, cv2.INTER_CUBIC), Plan(200, 150)])
def test_only_area_averages_that_shrink_are_made(plan: Plan) -> None:
    data = saved(smooth(200, 150), "JPEG")
    assert shrink_jpeg(data, probe(data), plan, 1) is None


def test_what_is_done_with_damaged_bytes_libjpeg_would_do() -> None:
    """Whenever one pass is content, libjpeg is too, without a warning."""
    rng = random.Random(5)
    done = 0
    good = [
        jpeg(mild(smooth(64, 48, seed=seed)), sampling) for seed, sampling in enumerate(SAMPLINGS)
    ]
    good += [saved(mild(smooth(64, 48)), "JPEG", progressive=True, subsampling=i) for i in (0, 2)]
    for _ in range(3000):
        data = bytearray(rng.choice(good))
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(20, len(data))] = rng.randrange(256)
        channels = 1 if bytes(data[:600]).find(b"\xff\xc0\x00\x0b") >= 0 else 3
        out = np.empty((24, 32, channels), np.uint8)
        assert JPEG is not None
        if not JPEG.shrink(out, bytes(data), channels, 64, 48, 32, 24):
            continue
        done += 1
        simplejpeg.decode_jpeg(bytes(data), "BGR" if channels == 3 else "GRAY")
    assert done > 100  # changed colours and coefficients are still pictures


def test_what_is_called_a_plain_jpeg_has_a_header_for_libjpeg() -> None:
    rng = random.Random(6)
    assert JPEG is not None
    good = [jpeg(smooth(64, 48, seed=seed), sampling) for seed, sampling in enumerate(SAMPLINGS)]
    assert all(JPEG.has_plain_header(data) for data in good)
    found = 0
    for _ in range(3000):
        data = bytearray(rng.choice(good))
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(650)] = rng.choice([0, 255, rng.randrange(256)])
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)) :]
        if JPEG.has_plain_header(bytes(data)):
            found += 1
            simplejpeg.decode_jpeg_header(bytes(data), strict=False)
    assert 300 < found < 2900


JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"


def adobe(transform: int) -> bytes:
    return b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform])


@pytest.mark.parametrize(
    ("front", "ids", "is_ycc"),
    [
        (b"", b"RGB", False),
        (b"", b"\1\2\3", True),
        (b"", b"BGR", True),
        (adobe(0), b"\1\2\3", False),
        (adobe(1), b"RGB", True),
        (JFIF, b"RGB", True),
        (JFIF + adobe(0), b"\1\2\3", True),
        (adobe(7), b"\1\2\3", False),  # libjpeg warns of it
    ],
    ids=[
        "named RGB",
        "numbered",
        "BGR",
        "Adobe 0",
        "Adobe 1",
        "JFIF, named RGB",
        "both",
        "Adobe 7",
    ],
)
def test_other_colours_than_ycbcr_are_left_to_libjpeg(
    front: bytes, ids: bytes, *, is_ycc: bool
) -> None:
    plain = bytes(simplejpeg.encode_jpeg(smooth(64, 48), 90, "BGR", "444"))
    assert plain[2:20].startswith(JFIF[:4])
    frame, scan = plain.index(b"\xff\xc0"), plain.index(b"\xff\xda")
    data = bytearray(plain)
    for component, name in enumerate(ids):
        data[frame + 10 + 3 * component] = data[scan + 5 + 2 * component] = name
    odd = plain[:2] + front + bytes(data[20:])
    assert JPEG is not None
    assert JPEG.shrink(np.empty((24, 32, 3), np.uint8), odd, 3, 64, 48, 32, 24) == is_ycc
    if front != adobe(7):
        colours = simplejpeg.decode_jpeg_header(odd)[2]
        assert (colours == "YCbCr") == is_ycc


def test_sizes_that_do_not_fit_are_refused() -> None:
    data = saved(smooth(64, 48), "JPEG")
    assert JPEG is not None
    out = np.empty((24, 32, 3), np.uint8)
    assert JPEG.shrink(out, data, 3, 64, 48, 32, 24)
    for sizes in [
        (3, 64, 48, 32, 25),
        (3, 31, 48, 32, 24),
        (2, 64, 48, 32, 24),
        (3, 64, 48, 0, 24),
    ]:
        with pytest.raises(ValueError, match="do not fit"):
            JPEG.shrink(out, data, *sizes)
    for sizes in [(3, 65, 48, 32, 24), (3, 64, 50, 32, 24)]:  # not what the file says
        assert not JPEG.shrink(out, data, *sizes)


def test_without_a_compiler_it_is_done_in_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(mild(smooth(600, 450)), "JPEG", quality=95)
    made = to_png(resize_mode="keep_ratio", image_size=200)
    quick = pixels_of(made.process(data).data)
    monkeypatch.setattr(resize, "JPEG", None)
    slow = pixels_of(made.process(data).data)
    assert cv2.absdiff(quick, slow).max() <= 2
    assert not np.array_equal(quick, slow)


def test_grey_stays_grey() -> None:
    data = saved(bgr(smooth(600, 450))[:, :, 0].copy(), "JPEG", quality=95)
    assert one_pass(data, 200, 150).ndim == 2


def fill_codes(data: bytes, counts: int) -> bytes:
    """Add codes to a Huffman table whose counts begin at `counts`, until one is all ones: codes of
    its longest length that no block uses."""
    table = bytearray(data)
    lengths = table[counts : counts + 16]
    longest = max(n for n in range(16) if lengths[n])
    room = sum(count << (15 - n) for n, count in enumerate(lengths))
    free = ((1 << 16) - room) >> (15 - longest)
    symbols = sum(lengths)
    table[counts + longest] += free
    table[counts + 16 + symbols : counts + 16 + symbols] = bytes(free)
    size = int.from_bytes(table[counts - 3 : counts - 1], "big") + free
    table[counts - 3 : counts - 1] = size.to_bytes(2, "big")
    return bytes(table)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_huffman_code_of_all_ones_is_left_to_libjpeg(*, progressive: bool) -> None:
    data = saved(smooth(64, 48), "JPEG", optimize=True, progressive=progressive)
    counts = data.index(b"\xff\xc4") + 5
    assert one_pass(data, 20, 15) is not None
    full = fill_codes(data, counts)

    with pytest.raises(ValueError, match="Huffman"):
        simplejpeg.decode_jpeg(full)
    assert shrink_jpeg(full, probe(data), planned(20, 15), 1) is None


@pytest.mark.parametrize("factors", [0xD0, 0x01, 0x10, 0x15, 0x51])
def test_impossible_sampling_of_grey_is_left_to_libjpeg(factors: int) -> None:
    data = jpeg(smooth(64, 48), "Gray")
    at = data.index(b"\xff\xc0") + 11
    wrong = data[:at] + bytes([factors]) + data[at + 1 :]

    with pytest.raises(ValueError, match="sampling"):
        simplejpeg.decode_jpeg(wrong, "GRAY")
    assert shrink_jpeg(wrong, probe(data), planned(20, 15), 1) is None
    twice = data[:at] + b"\x22" + data[at + 1 :]
    assert np.array_equal(one_pass(twice, 20, 15), one_pass(data, 20, 15))
