"""Files that promise much: nothing is decoded, and no space is made, before they are looked at."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from typing import Any, NoReturn

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageFile

from img2dataset.errors import Reason, RowError
from img2dataset.images.headers.bombs import MAX_SCANS, check_scans
from tests.pictures import CASES
from tests.pictures.pngs import chunk
from tests.quick import few_quick
from tests.unit.images.made import encoded, pixels_of, processor, saved, smooth, to_png

RGB = smooth(64, 48)


def refusal(data: bytes, **options: Any) -> Reason:
    with pytest.raises(RowError) as caught:
        processor(**options).process(data)
    return caught.value.reason


def never(*_: object, **__: object) -> NoReturn:
    pytest.fail("pixels were decoded")


@pytest.fixture
def _no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    from pillow_jxl import JpegXLImagePlugin  # noqa: PLC0415  (registers itself)

    monkeypatch.setattr(cv2, "imdecode", never)
    monkeypatch.setattr(simplejpeg, "decode_jpeg", never)
    monkeypatch.setattr(ImageFile.ImageFile, "load", never)
    monkeypatch.setattr("PIL.Image.core.new", never)
    monkeypatch.setattr(JpegXLImagePlugin, "Decoder", never)


MIN_VALUES = 100
"""Pixels and channels: smaller kinds are below every limit."""


@pytest.mark.usefixtures("_no_decoder")
@pytest.mark.parametrize(
    "kind",
    few_quick([kind for kind, case in CASES.items() if case.expected.size >= MIN_VALUES], 10),
)
def test_limits_need_the_header_only(kind: str) -> None:
    """For every kind of image there is."""
    data = CASES[kind].data
    pixels = CASES[kind].expected.shape[0] * CASES[kind].expected.shape[1]
    assert refusal(data, max_decoded_pixels=pixels - 1) is Reason.TOO_MANY_PIXELS
    assert refusal(data, max_image_area=pixels - 1) is Reason.AREA_TOO_LARGE
    assert refusal(data, min_image_size=600) is Reason.TOO_SMALL
    untouched = processor(disable_all_reencoding=True, extract_exif=False)
    assert untouched.process(data).data == data


@pytest.mark.usefixtures("_no_decoder")
@pytest.mark.parametrize(
    "kind",
    few_quick([kind for kind, case in CASES.items() if len(set(case.expected.shape[:2])) > 1], 10),
)
def test_the_aspect_ratio_needs_the_header_only(kind: str) -> None:
    assert refusal(CASES[kind].data, max_aspect_ratio=1.01) is Reason.ASPECT_RATIO


@pytest.mark.usefixtures("_no_decoder")
@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + saved(RGB, "GIF")[10:],
        b"P5 60000 60000 255\n" + bytes(3000),
        saved(RGB, "BMP")[:18] + struct.pack("<ii", 60_000, 60_000) + saved(RGB, "BMP")[26:],
    ],
    ids=["gif", "pgm", "bmp"],
)
def test_beyond_the_limit_of_pillow_it_is_still_an_image_of_too_many_pixels(data: bytes) -> None:
    assert refusal(data) is Reason.TOO_MANY_PIXELS
    assert processor(disable_all_reencoding=True, extract_exif=False).process(data).data == data
    assert processor(disable_all_reencoding=True).process(data).data == data


def forged_png(width: int, height: int) -> bytes:
    data = bytearray(encoded(RGB, "png"))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def forged_jpeg(width: int, height: int) -> bytes:
    data = bytearray(saved(RGB, "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.usefixtures("_no_decoder")
@pytest.mark.parametrize(
    "data",
    [
        forged_png(15_000, 15_000),
        forged_jpeg(15_000, 15_000),
        b"P5 15000 15000 255\n" + bytes(3000),
        b"P3 900 900 255\n" + b"7 " * 2_430_000,
        b"qoif" + struct.pack(">II", 15_000, 15_000) + b"\3\0" + bytes(3000),
    ],
    ids=["png", "jpeg", "pgm", "ppm in words", "qoi"],
)
def test_a_file_too_short_for_its_pixels_or_too_wordy_gets_no_space(data: bytes) -> None:
    assert refusal(data) is Reason.DECODE


@pytest.mark.slow
def test_files_that_are_as_dense_as_can_be_are_decoded() -> None:
    blank = np.zeros((2000, 2000), np.uint8)
    for data in (
        saved(Image.fromarray(blank).convert("1"), "PNG", optimize=True, compress_level=9),
        saved(blank, "JPEG", quality=10, optimize=True, progressive=True),
        encoded(blank, "jpg", cv2.IMWRITE_JPEG_OPTIMIZE, 1),
    ):
        assert to_png().process(data).width == 2000


def bomb(scans: int, side: int = 64) -> bytes:
    """A progressive JPEG that refines one coefficient after the other, in empty scans."""

    def segment(marker: int, body: bytes) -> bytes:
        return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body

    def scan(band: int, high: int, low: int) -> bytes:
        return segment(0xDA, bytes((1, 1, 0, band, band, high << 4 | low)))

    blocks = (side // 8) ** 2
    # one code in each table: "no difference", and "this block and the next 2^14 are done"
    tables = segment(0xC4, bytes([0x00, 1, *[0] * 15, 0])) + segment(0xC4, bytes([0x10, 1, *[0] * 15, 0xE0]))  # fmt: skip
    done = bytes(2 * -(-blocks // 16384))
    first = scan(0, 0, 0) + bytes(-(-blocks // 8))
    each, more = divmod(scans - 1, 63)  # to the last bit of all 63: else it would not be whole
    rest = b"".join(
        scan(band, 0 if low == steps - 1 else low + 1, low) + done
        for band in range(1, 64)
        for steps in [each + (band <= more)]
        for low in reversed(range(steps))
    )
    head = segment(0xDB, b"\0" + bytes([1] * 64)) + segment(
        0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0"
    )
    return b"\xff\xd8" + head + tables + first + rest + b"\xff\xd9"


def test_a_jpeg_of_hundreds_of_scans_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simplejpeg, "decode_jpeg", never)
    assert refusal(bomb(MAX_SCANS + 1)) is Reason.DECODE
    assert refusal(bomb(600, 4096)) is Reason.DECODE


def test_a_harmless_thumbnail_does_not_hide_them() -> None:
    thumbnail = b"Exif\0\0" + saved(RGB, "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    hidden = b"\xff\xd8" + segment + bomb(MAX_SCANS + 1)[2:]
    with pytest.raises(RowError):
        check_scans(hidden)


def test_a_jpeg_of_as_many_scans_as_are_allowed_is_decoded() -> None:
    check_scans(bomb(MAX_SCANS))
    assert pixels_of(to_png().process(bomb(MAX_SCANS)).data).shape == (64, 64)


def test_what_only_looks_like_scans_is_not_counted() -> None:
    data = saved(RGB, "JPEG", progressive=True)
    noise = b"\xff\xda" * 500
    behind = data + noise
    inside = data[:2] + b"\xff\xfe" + struct.pack(">H", len(noise) + 2) + noise + data[2:]
    for odd in (behind, inside):
        assert np.array_equal(pixels_of(to_png().process(odd).data), pixels_of(data))


MILLIONS = zlib.compress(bytes(60_000_000), 9)
METADATA: dict[str, bytes] = {
    "text": chunk(b"zTXt", b"Comment\0\0" + MILLIONS),
    "international text": chunk(b"iTXt", b"Comment\0\1\0\0\0" + MILLIONS),
    "a profile": chunk(b"iCCP", b"made up\0\0" + MILLIONS),
    "fifty texts": chunk(b"zTXt", b"Comment\0\0" + MILLIONS) * 50,
}

CHILD = """
import sys
from pathlib import Path
from tests.unit.images.made import to_png
from img2dataset.errors import RowError

def peak():  # not getrusage, whose peak is the parent's at first
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

data = sys.stdin.buffer.read()
made = to_png(**eval(sys.argv[1]))
made.process(Path(sys.argv[2]).read_bytes())  # everything is imported
Path("/proc/self/clear_refs").write_text("5")  # reset the peak
before = peak()
try:
    made.process(data)
    print("picture", end=" ")
except RowError as error:
    print(error.reason.value, end=" ")
print(peak() - before)
"""


def grown(data: bytes, small: bytes, tmp_path: Any, **options: Any) -> tuple[str, int]:
    """What becomes of it in a process of its own, and by how many kB that grows."""
    first = tmp_path / "small"
    first.write_bytes(small)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, repr(options), str(first)],
        input=data, capture_output=True, check=True, timeout=100,
    )  # fmt: skip
    what, size = done.stdout.split()
    return what.decode(), int(size)


@pytest.mark.slow
def test_what_takes_space_is_noticed(tmp_path: Any) -> None:
    what, size = grown(blank(3000, 3000), encoded(RGB, "png"), tmp_path)
    assert what == "picture"
    assert size > 8_000


@pytest.mark.slow
@pytest.mark.parametrize("kind", METADATA)
def test_packed_metadata_takes_no_space(kind: str, tmp_path: Any) -> None:
    plain = encoded(RGB, "png")
    data = plain[:33] + METADATA[kind] + plain[33:]
    what, size = grown(data, plain, tmp_path, convert_to_srgb=True)
    assert what == "picture"
    assert size < 20_000


def blank(width: int, height: int) -> bytes:
    """A real PNG of so many black pixels, one bit each."""
    row = bytes(1 + -(-width // 8))
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(row * 100) for _ in range(height // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


def ico_with(inside: bytes) -> bytes:
    entry = struct.pack("<HHHBBBBHHII", 0, 1, 1, 32, 32, 0, 0, 1, 32, len(inside), 22)
    return entry + inside


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "options", "reason"),
    [
        (lambda: blank(15_000, 15_000), {"max_image_area": 1e6}, "area_too_large"),
        (lambda: blank(17_000, 17_000), {}, "too_many_pixels"),
        (lambda: ico_with(blank(17_000, 17_000)), {}, "too_many_pixels"),
        (lambda: ico_with(blank(15_000, 15_000)), {"max_image_area": 1e6}, "area_too_large"),
        (lambda: forged_png(15_000, 15_000), {}, "decode"),
        (lambda: forged_jpeg(15_000, 15_000), {}, "decode"),
        (lambda: saved(RGB, "WEBP", lossless=True)[:12] + webp_canvas(10, 10, (16_000, 16_000)), {}, "decode"),
    ],
    ids=["png, filtered", "png", "ico", "ico, filtered", "short png", "short jpeg", "webp of two sizes"],
)  # fmt: skip
def test_a_bomb_takes_no_space(
    make: Any, options: dict[str, Any], reason: str, tmp_path: Any
) -> None:
    what, size = grown(make(), encoded(RGB, "png"), tmp_path, **options)
    assert what == reason
    assert size < 20_000


def webp_canvas(width: int, height: int, inside: tuple[int, int]) -> bytes:
    """The chunks of a WebP whose canvas is small and whose picture says it is large."""
    bare = saved(np.zeros((8, 8, 3), np.uint8), "WEBP", lossless=True)[12:]
    bits = int.from_bytes(bare[9:13], "little") >> 28 << 28
    size = (inside[0] - 1) | (inside[1] - 1) << 14 | bits
    picture = bare[:9] + size.to_bytes(4, "little") + bare[13:]
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X" + struct.pack("<I", 10) + bytes(4) + canvas + picture
