"""What png and webp encoders promise beyond the contract of all: exact pixels, sizes, fallbacks."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from types import ModuleType

import cv2
import deflate
import numpy as np
import pytest
from PIL import Image

from img2dataset.errors import Reason, RowError
from img2dataset.images import native, png_encoder, webp_encoder
from img2dataset.images.png_encoder import DEFLATE_LEVELS, encode_png
from img2dataset.images.webp_encoder import QUICK_QUALITIES, encode_webp
from tests.unit.images.made import Array, encoded, pixels_of, smooth

compiled = pytest.mark.skipif(native.PNG_FILTERS is None, reason="needs the compiled module")


def photo(width: int, height: int, channels: int = 3, seed: int = 0) -> Array:
    """Make details of every size, the smaller the fainter, as photos have them."""
    rng = np.random.default_rng(seed)
    made = np.full((height, width, channels), 128.0)
    for step in (2, 4, 8, 16, 32, 64):
        few = rng.normal(0, step, (height // step + 2, width // step + 2, channels))
        large = cv2.resize(few, (width, height), interpolation=cv2.INTER_CUBIC)
        made += large.reshape(made.shape)
    pixels = made.clip(0, 255).astype(np.uint8)
    return np.asarray(pixels if channels > 1 else pixels[:, :, 0])


def read_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Read name and body of each chunk; the checksums must be right, and nothing left over."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = [], 8
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(name + body),)
        chunks.append((name, body))
        at += 12 + length
    return chunks


def read_with_pillow(data: bytes) -> Array:
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    return pixels if pixels.ndim == 2 else pixels[:, :, ::-1]


@pytest.mark.parametrize("level", range(10))
@pytest.mark.parametrize("channels", [1, 3])
def test_every_level_of_png_keeps_every_pixel(level: int, channels: int) -> None:
    source = photo(61, 43, channels)
    data = encode_png(source, level)
    assert np.array_equal(pixels_of(data), source)
    assert np.array_equal(read_with_pillow(data), source)


def test_png_of_every_narrow_width_and_any_content_is_exact() -> None:
    rng = np.random.default_rng(5)
    for width in [*range(1, 20), 31, 32, 33, 255, 256, 257]:
        for shape in [(3, width), (3, width, 3)]:
            noise = rng.integers(0, 256, shape, np.uint8)
            extremes = rng.choice(np.array([0, 1, 127, 128, 254, 255], np.uint8), shape)
            steps = np.cumsum(extremes, axis=1).astype(np.uint8)
            for source in (noise, extremes, steps, np.full(shape, 255, np.uint8)):
                assert np.array_equal(pixels_of(encode_png(source, 1)), source)


def test_png_of_pixels_that_lie_in_a_larger_image_is_exact() -> None:
    source = photo(60, 40)[3:33, 5:45]
    assert np.array_equal(pixels_of(encode_png(source, 6)), source)
    assert np.array_equal(pixels_of(encode_png(source.transpose(1, 0, 2), 6)),
                          source.transpose(1, 0, 2))  # fmt: skip


@compiled
@pytest.mark.parametrize(("channels", "colour_type"), [(1, 0), (3, 2)])
def test_png_has_the_chunks_it_needs_and_no_other(channels: int, colour_type: int) -> None:
    chunks = read_chunks(encode_png(photo(61, 43, channels), 6))
    header = struct.pack(">IIBBBBB", 61, 43, 8, colour_type, 0, 0, 0)
    assert [name for name, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    assert chunks[0][1] == header
    assert len(zlib.decompress(chunks[1][1])) == 43 * (1 + 61 * channels)


def sum_residuals(row: list[int], above: list[int], filter_type: int) -> int:
    """The sum of absolute residuals as signed bytes, by the definition of the filters (grey)."""
    total = 0
    for x, value in enumerate(row):
        left, up, corner = (row[x - 1], above[x], above[x - 1]) if x else (0, above[0], 0)
        near = min((left, up, corner), key=lambda c: abs(left + up - corner - c))
        residual = (value - (0, left, up, (left + up) // 2, near)[filter_type]) % 256
        total += min(residual, 256 - residual)
    return total


@compiled
def test_each_row_has_the_filter_with_the_smallest_residuals() -> None:
    noise = np.random.default_rng(2).integers(0, 256, (6, 31), np.uint8)
    upright, level = np.repeat(noise[:1], 6, axis=0), np.repeat(noise[:, :1], 31, axis=1)
    dots = np.where(noise > 128, 255, 3).astype(np.uint8)
    halves = [noise[0].tolist()]  # each value is the average of its neighbours
    for _ in range(2):
        row = [halves[-1][0] // 2]
        for up in halves[-1][1:]:
            row.append((row[-1] + up) // 2)
        halves.append(row)
    source = np.vstack([photo(31, 20, 1), upright, level, dots, halves]).astype(np.uint8)
    rows = zlib.decompress(read_chunks(encode_png(source, 6))[1][1])
    used = [rows[y * 32] for y in range(len(source))]
    above = [0] * 31
    for filter_type, row in zip(used, source.tolist(), strict=True):
        sums = [sum_residuals(row, above, tried) for tried in range(5)]
        assert sums[filter_type] == min(sums)
        above = row
    assert set(used) == set(range(5))


@pytest.mark.slow
@compiled
def test_a_higher_level_of_png_is_no_larger_and_none_is_larger_than_libpngs() -> None:
    sources = [photo(256, 192, seed=seed) for seed in range(6)]
    levels = range(len(DEFLATE_LEVELS))
    sizes = [sum(len(encode_png(source, level)) for source in sources) for level in levels]
    libpngs = [
        sum(len(encoded(source, "png", cv2.IMWRITE_PNG_COMPRESSION, level)) for source in sources)
        for level in levels
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert all(ours <= theirs for ours, theirs in zip(sizes, libpngs, strict=True))


def drawing(width: int, height: int, seed: int) -> Array:
    """Make shapes of one colour each, with smooth edges."""
    rng = np.random.default_rng(seed)
    made = np.full((height, width, 3), rng.integers(0, 256, 3), np.uint8)
    for _ in range(30):
        corner, side = rng.integers(0, width, 2).tolist(), int(rng.integers(5, 60))
        colour = rng.integers(0, 256, 3).tolist()
        if rng.random() < 0.5:
            cv2.circle(made, corner, side, colour, -1, cv2.LINE_AA)
        else:
            cv2.putText(made, "Lorem ipsum", corner, 0, side / 50, colour, 1, cv2.LINE_AA)
    return made


@compiled
@pytest.mark.parametrize("make", [photo, drawing])
def test_png_of_a_photo_or_a_drawing_is_no_larger_than_all_strings_make_it(
    make: Callable[..., Array],
) -> None:
    sources = [make(256, 192, seed=seed) for seed in range(4)]
    ours = [read_chunks(encode_png(source, 6))[1][1] for source in sources]
    level = DEFLATE_LEVELS[6]
    by_strings = [deflate.zlib_compress(zlib.decompress(one), level) for one in ours]
    assert sum(map(len, ours)) <= sum(map(len, by_strings))


@compiled
def test_photos_are_written_by_runs_and_drawings_by_strings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compressed: list[int] = []
    real = deflate.zlib_compress

    def compress(rows: Array, level: int) -> bytearray:
        compressed.append(len(rows))
        return real(rows, level)

    monkeypatch.setattr(deflate, "zlib_compress", compress)
    encode_png(photo(256, 192), 6)
    assert compressed == [png_encoder.MIN_SAMPLE_ROWS]  # the rest by zlib-ng
    encode_png(drawing(256, 192, 0), 6)
    assert compressed[1:] == [192]


def test_png_without_the_compiled_module_is_written_by_opencv(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(png_encoder, "PNG_FILTERS", None)
    source = photo(61, 43)
    expected = encoded(source, "png", cv2.IMWRITE_PNG_COMPRESSION, 6)
    assert encode_png(source, 6) == expected


def test_png_of_a_large_image_is_written_by_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    source = photo(61, 43)
    monkeypatch.setattr(png_encoder, "MAX_PIXEL_BYTES", source.nbytes - 1)
    assert encode_png(source, 6) == encoded(source, "png", cv2.IMWRITE_PNG_COMPRESSION, 6)


def test_png_that_libpng_would_not_read_is_refused() -> None:
    with pytest.raises(RowError) as caught:
        encode_png(np.zeros((1, png_encoder.MAX_SIDE_PIXELS + 1), np.uint8), 1)
    assert caught.value.reason is Reason.ENCODE


@compiled
@pytest.mark.parametrize(
    ("owner", "failing"), [(native.PNG_FILTERS, "filter_rows"), (deflate, "zlib_compress")]
)
def test_png_for_which_memory_is_short_is_refused(
    monkeypatch: pytest.MonkeyPatch, owner: ModuleType, failing: str
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(owner, failing, fail)
    with pytest.raises(RowError) as caught:
        encode_png(photo(20, 20), 6)
    assert caught.value.reason is Reason.ENCODE


@compiled
@pytest.mark.parametrize(
    "sizes", [(43, 61, 2), (43, 62, 3), (0, 61, 3), (43, -61, 3), (-43, -61, 3), (43, 1 << 30, 3)]
)
def test_filters_refuse_sizes_that_do_not_fit(sizes: tuple[int, int, int]) -> None:
    assert native.PNG_FILTERS is not None
    out = np.empty(43 * (1 + 61 * 3), np.uint8)
    with pytest.raises(ValueError, match="do not fit"):
        native.PNG_FILTERS.filter_rows(out, photo(61, 43), *sizes)


def test_the_quick_webp_is_as_small_and_nearly_as_good() -> None:
    ours = usual = ours_db = usual_db = 0.0
    for seed in range(3):
        source = photo(128, 96, seed=seed)
        usual_data = encoded(source, "webp", cv2.IMWRITE_WEBP_QUALITY, 95)
        data = encode_webp(source, 95)
        assert data != usual_data
        ours, usual = ours + len(data), usual + len(usual_data)
        ours_db += cv2.PSNR(source, pixels_of(data)) / 3
        usual_db += cv2.PSNR(source, pixels_of(usual_data)) / 3
    assert ours == pytest.approx(usual, rel=0.02)
    assert ours_db > usual_db - 0.5


@pytest.mark.parametrize("quality", [1, 50, 91, 97, 100, 101])
def test_webp_is_as_before_where_the_quick_method_is_larger(quality: int) -> None:
    source = photo(64, 48)
    expected = encoded(source, "webp", cv2.IMWRITE_WEBP_QUALITY, quality)
    assert encode_webp(source, quality) == expected


def test_webp_of_a_large_image_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    source = photo(64, 48)
    monkeypatch.setattr(webp_encoder, "MAX_QUICK_PIXELS", 64 * 48 - 1)
    assert encode_webp(source, 95) == encoded(source, "webp", cv2.IMWRITE_WEBP_QUALITY, 95)


@pytest.mark.parametrize("quality", QUICK_QUALITIES)
def test_quick_webp_of_grey_is_grey_in_three_channels(quality: int) -> None:
    source = smooth(64, 48, 1)
    got = pixels_of(encode_webp(source, quality))
    assert got.shape == (48, 64, 3)
    assert np.abs(got.astype(int) - source[:, :, np.newaxis]).mean() < 4


def test_quick_webp_keeps_red_and_blue_apart() -> None:
    source = np.zeros((32, 32, 3), np.uint8)
    source[:] = (250, 20, 10)
    got = pixels_of(encode_webp(source, 95)).astype(int)
    assert np.abs(got - source).max() <= 6


@pytest.mark.parametrize("quality", [80, 95])
def test_webp_of_a_side_it_does_not_allow_is_refused(quality: int) -> None:
    with pytest.raises(RowError) as caught:
        encode_webp(np.zeros((1, 16_384), np.uint8), quality)
    assert caught.value.reason is Reason.ENCODE


def test_opencv_that_refuses_is_an_encoding_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imencode", lambda *_: (False, None))
    with pytest.raises(RowError) as caught:
        encode_webp(photo(20, 20), 80)
    assert caught.value.reason is Reason.ENCODE
