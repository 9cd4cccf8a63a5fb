"""Every picture of the tests by Pillow, and by us: the same pixels, whole, smaller, and damaged.

Nothing here knows which decoder ours is.  Where the two differ knowingly, the reason is in a table.
"""

from __future__ import annotations

import io
import random
import re
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from itertools import product

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from img2dataset.errors import RowError
from tests.pictures import CASES
from tests.pictures.case import Array
from tests.pictures.damage import damaged
from tests.quick import few_quick
from tests.unit.images.made import saved, smooth, to_png

SMALL = 12
"""Less than the shorter side of every picture that is large enough to be made smaller."""
HUGE = 5000
"""More than any side: with `resize_only_if_bigger` nothing is resized."""
SHADES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK"})
"""What Pillow calls pixels of up to 8 bits, as it understands them all."""
ROUNDED = {
    "bmp 16 bits": "5 and 6 bits as 8",
    **{f"jpeg 2000 {bits} bits": "as 8" for bits in (10, 12, 14)},
}
"""Kinds that may be one level off, because Pillow rounds down; all others are equal."""
AVERAGED, ONE_PASS = 1, 4
MOST_ON_AVERAGE = 0.5
"""Levels that an average may be off: rounded once more; or of a JPEG whose large picture is never
made, so that nothing is rounded, nor clamped to black and white, on the way."""
PILLOW_IS_WRONG = {
    "png 2 bits grey one transparent": "it takes another grey for the transparent one",
    "png 4 bits grey one transparent": "it takes another grey for the transparent one",
    "gif small frame": "it is black where the frame does not reach",
    "jpeg 2000 16 bits": "it makes black what is white",
    "bmp alpha that is 0 everywhere": "it shows nothing",
    "ico 32 bits, all alpha 0": "it shows nothing",
    "ico without its mask": "it takes colours for the mask",
    **{f"cur {bits} bits": "it takes the hot spot for a depth" for bits in (1, 4, 8)},
    "png with a palette and alpha before it": "libpng and browsers ignore this alpha",
}


def by_pillow(data: bytes) -> Array | None:
    """RGB as displayed, on white; None for what Pillow does not read, or not to 8 bits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it says of odd metadata
        try:
            image = Image.open(io.BytesIO(data))
            upright = ImageOps.exif_transpose(image)
        except (OSError, SyntaxError, ValueError, struct.error):
            return None
    if upright.mode not in SHADES:
        return None
    if upright.mode == "CMYK":
        return np.asarray(upright.convert("RGB"))
    colours = upright.convert("RGBA")
    white = Image.new("RGBA", colours.size, "white")
    return np.asarray(Image.alpha_composite(white, colours).convert("RGB"))


def by_us(data: bytes, **options: object) -> Array:
    """RGB, as stored."""
    stored = np.asarray(Image.open(io.BytesIO(to_png(**options).process(data).data)))
    return np.dstack([stored] * 3) if stored.ndim == 2 else stored


def levels_between(one: Array, other: Array) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


def is_average(got: Array, pixels: Array, most: int) -> bool:
    wanted = average(pixels, got.shape[1::-1])
    mean = np.abs(got.astype(int) - wanted).mean()
    return levels_between(got, wanted) <= most and mean <= MOST_ON_AVERAGE


def average(pixels: Array, size: tuple[int, int]) -> Array:
    made = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
    return np.asarray(made)


BY_PILLOW = {
    kind: pixels
    for kind, case in CASES.items()
    if kind not in PILLOW_IS_WRONG and (pixels := by_pillow(case.data)) is not None
}
LARGE_ENOUGH = [
    kind
    for kind, pixels in BY_PILLOW.items()
    if min(pixels.shape[:2]) > SMALL and kind not in ROUNDED
]


def test_pillow_is_asked_of_most_kinds() -> None:
    assert set(PILLOW_IS_WRONG) <= set(CASES)
    assert set(ROUNDED) <= set(CASES)
    assert len(BY_PILLOW) > 140


@pytest.mark.parametrize("kind", few_quick(BY_PILLOW))
def test_every_kind_has_pillow_s_pixels(kind: str) -> None:
    off = 1 if kind in ROUNDED else 0
    data, wanted = CASES[kind].data, BY_PILLOW[kind]
    assert levels_between(by_us(data), wanted) <= off
    larger = {"resize_mode": "keep_ratio", "image_size": HUGE, "resize_only_if_bigger": True}
    assert levels_between(by_us(data, **larger), wanted) <= off


@pytest.mark.parametrize("kind", few_quick(LARGE_ENOUGH))
def test_made_smaller_every_kind_is_the_average_of_them(kind: str) -> None:
    most = ONE_PASS if kind.startswith("jpeg") else AVERAGED
    got = by_us(CASES[kind].data, resize_mode="keep_ratio", image_size=SMALL)
    assert is_average(got, BY_PILLOW[kind], most)


# ---- larger pictures, by the encoder of Pillow: more rows, filters, samplings and codes ----

SIZES = ((160, 120), (131, 97), (33, 200))
NOISE = np.random.default_rng(1).integers(-40, 41, (200, 200, 3))


def pictures() -> Iterator[tuple[str, Array]]:
    """RGB: smooth ones, and half of it with noise, which has other filters and codes.  No value is
    near black or white: the averages of a JPEG are not clamped as its pixels are."""
    for width, height in SIZES:
        grey_towards = smooth(width, height, seed=width) // 2 + 64
        yield f"{width}x{height}", grey_towards
        half = grey_towards.astype(int)
        half[:, : width // 2] += NOISE[:height, : width // 2]
        yield f"{width}x{height} and noise", half.astype(np.uint8)


def of_jpegs() -> Iterator[tuple[str, bytes]]:
    ways = product(pictures(), ("4:4:4", "4:2:2", "4:2:0"), (False, True), (0, 5))
    for number, ((name, pixels), sampling, progressive, restart) in enumerate(ways):
        quality = (30, 75, 90, 100)[number % 4]
        yield f"{name} {sampling} {progressive} {restart} at {quality}", saved(
            pixels, "JPEG", quality=quality, subsampling=sampling, progressive=progressive,
            restart_marker_rows=restart, optimize=bool(number % 3),
        )  # fmt: skip
    for (name, pixels), progressive in product(pictures(), (False, True)):
        grey = Image.fromarray(pixels).convert("L")
        yield f"{name} grey {progressive}", saved(grey, "JPEG", progressive=progressive)


def of_pngs() -> Iterator[tuple[str, bytes]]:
    for name, pixels in pictures():
        image = Image.fromarray(pixels)
        alpha = Image.fromarray(pixels[::-1, :, 0].copy())
        with_alpha = image.copy()
        with_alpha.putalpha(alpha)
        for made in (
            image, with_alpha, image.convert("L"), Image.merge("LA", (image.convert("L"), alpha)),
            image.quantize(200), image.quantize(13), image.convert("1"), with_alpha.quantize(60),
        ):  # fmt: skip
            yield f"{name} {made.mode}", saved(made, "PNG")


def of_webps() -> Iterator[tuple[str, bytes]]:
    for (name, pixels), lossless in product(pictures(), (False, True)):
        yield f"{name} {lossless}", saved(pixels, "WEBP", lossless=lossless, method=1)


FORMATS: dict[str, Callable[[], Iterator[tuple[str, bytes]]]] = {
    "jpeg": of_jpegs,
    "png": of_pngs,
    "webp": of_webps,
}
SIDES = (20, 32)
"""Shortest sides of pictures made smaller: of the smallest, by 1.03 to more than 7."""


@pytest.mark.slow
@pytest.mark.parametrize("format_name", FORMATS)
def test_larger_pictures_are_pillow_s(format_name: str) -> None:
    most = ONE_PASS if format_name == "jpeg" else AVERAGED
    for name, data in FORMATS[format_name]():
        wanted = by_pillow(data)
        assert wanted is not None
        assert levels_between(by_us(data), wanted) == 0, name
        for side in SIDES:
            got = by_us(data, resize_mode="keep_ratio", image_size=side)
            assert is_average(got, wanted, most), (name, side)


# ---- damaged: what is stored has the pixels that Pillow sees, too ----

MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
PROGRESSIVE_FRAME = re.compile(rb"\xff[\xc2\xca]")


def with_end(data: bytes) -> bytes:
    """A JPEG is whole for us if its pixels are, whatever follows; Pillow wants its end marker, and
    nothing odd before it."""
    scan = data.find(b"\xff\xda")
    behind = MARKER.search(data, scan + 2)
    is_sequential = scan > 0 and data.count(b"\xff\xda", 0, behind and behind.start()) == 1
    if behind is None or not is_sequential or PROGRESSIVE_FRAME.search(data, 0, scan):
        return data + b"\xff\xd9"
    return data[: behind.start()] + b"\xff\xd9"


def with_pixels_only(data: bytes) -> bytes:
    """A PNG of what makes its pixels: checksums of other chunks, the end, and the size of the
    window do not matter to us; for Pillow they do."""
    kept, packed, at = b"", b"", 8
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + size]
        if kind == b"IDAT":
            packed += body
        elif kind in {b"IHDR", b"PLTE", b"tRNS"} and not packed and has_checksum(data, at, size):
            kept += chunk(kind, body)
        elif kind == b"IEND":
            break
        at += 12 + size
    try:
        rows = zlib.decompressobj(-15).decompress(packed[2:])
    except zlib.error:
        return data
    whole = chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + kept + whole


def has_checksum(data: bytes, at: int, size: int) -> bool:
    end = at + 8 + size
    return data[end : end + 4] == struct.pack(">I", zlib.crc32(data[at + 4 : end]))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


MENDED: dict[str, Callable[[bytes], bytes]] = {"jpeg": with_end, "png": with_pixels_only}
"""First word of a kind -> what Pillow is asked of where it refuses the damaged file itself.  Of the
other formats, Pillow itself is our decoder, or we allow for more than it does: docs/images.md."""
DAMAGED = [
    kind
    for kind in BY_PILLOW
    if kind.startswith(tuple(MENDED)) and not kind.startswith("jpeg 2000") and kind not in ROUNDED
]


def check_damaged(kind: str, count: int) -> int:
    """Compare what is stored of `count` damaged files; return how many that were."""
    chance = random.Random(f"differential {kind}")
    stored = 0
    for number in range(count):
        data = damaged(CASES[kind].data, chance)
        try:
            got = by_us(data)
        except RowError:
            continue
        wanted = by_pillow(data)
        if wanted is None:
            wanted = by_pillow(MENDED[kind.split(maxsplit=1)[0]](data))
        assert wanted is not None, number
        assert levels_between(got, wanted) == 0, number
        stored += 1
    return stored


@pytest.mark.parametrize("kind", few_quick(DAMAGED, 9))
def test_a_damaged_picture_that_is_stored_is_pillow_s(kind: str) -> None:
    check_damaged(kind, 10)


@pytest.mark.slow
def test_many_damaged_pictures_that_are_stored_are_pillow_s() -> None:
    stored = sum(check_damaged(kind, 25) for kind in DAMAGED)
    assert stored > 150
