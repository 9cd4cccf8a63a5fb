"""Bytes that are kept can be opened by Pillow and by OpenCV, which refuse what browsers show."""

from __future__ import annotations

import io
import random
import struct
import warnings
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from img2dataset.errors import RowError
from tests.pictures import CASES
from tests.pictures.case import GREY, RGB, Array, by_pillow
from tests.pictures.damage import damaged
from tests.pictures.pngs import COLOUR, GREY_TYPE, chunk, png, scanlines
from tests.pictures.sampled import segment
from tests.unit.images.made import encoded, pixels_of, processor, to_png

Chunk = tuple[bytes, bytes]
PLAIN = png(RGB, COLOUR)
PACKED = zlib.compress(scanlines(RGB))
LONG = zlib.compress(bytes(2_000_000))
END = chunk(b"IEND", b"")
START = PLAIN[: PLAIN.index(b"IDAT") - 4]


def keep(encode_format: str) -> dict[str, Any]:
    quality = 1 if encode_format == "png" else 95
    return {"skip_reencode": True, "encode_format": encode_format, "encode_quality": quality}


def with_pixels(chunks: bytes, end: bytes = END) -> bytes:
    return START + chunks + end


def with_chunks(*before: Chunk, after: tuple[Chunk, ...] = ()) -> bytes:
    """Between the header and the pixels, and behind them."""
    first, then = (b"".join(chunk(*one) for one in some) for some in (before, after))
    return png(RGB, COLOUR, before=first)[: -len(END)] + then + END


def with_bad_checksum(data: bytes, kind: bytes) -> bytes:
    at = data.index(kind)
    end = at + 4 + int.from_bytes(data[at - 4 : at], "big")
    return data[:end] + bytes(4) + data[end + 4 :]


def is_opened_elsewhere(data: bytes) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as image:
            image.load()
    except (OSError, SyntaxError, ValueError):
        return False
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is not None


def by_libpng(pixels: Array) -> bytes:
    """It promises no larger window than it needs."""
    data = encoded(pixels, "png")
    assert data[data.index(b"IDAT") + 4] < 0x78
    return data


TEXT = (b"tEXt", b"Software\0by hand")
COUNT = (b"acTL", struct.pack(">II", 1, 0))
IRREGULAR = {
    "text between pixels": with_pixels(
        chunk(b"IDAT", PACKED[:99]) + chunk(*TEXT) + chunk(b"IDAT", PACKED[99:])
    ),
    "no end": with_pixels(chunk(b"IDAT", PACKED), end=b""),
    "no end, nor a checksum of its rows": with_pixels(chunk(b"IDAT", PACKED[:-4]), end=b""),
    "too small a window": with_pixels(chunk(b"IDAT", b"\x08\x1d" + PACKED[2:])),
    "a wrong checksum of text": with_bad_checksum(with_chunks(TEXT), b"tEXt"),
    "a wrong checksum of what nobody knows": with_bad_checksum(
        with_chunks((b"prVt", b"x")), b"prVt"
    ),
    "cut in what follows": with_chunks(after=(TEXT,))[: -len(END) - 3],
    **{
        f"a short {kind.decode()}": with_chunks((kind, b""))
        for kind in (b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"bKGD", b"iCCP")
    },
    "a short chunk behind": with_chunks(after=((b"gAMA", b"x"),)),
    "a profile packed another way": with_chunks((b"iCCP", b"x\0\1" + PACKED)),
    "text packed another way": with_chunks((b"zTXt", b"x\0\1" + PACKED)),
    "a long profile": with_chunks((b"iCCP", b"x\0\0" + LONG)),
    "long text": with_chunks((b"zTXt", b"x\0\0" + LONG)),
    "long text behind": with_chunks(after=((b"zTXt", b"x\0\0" + LONG),)),
    "long text of another kind": with_chunks((b"iTXt", b"x\0\1\0\0\0" + LONG)),
    "a large chunk that nobody knows": with_chunks((b"prVt", bytes(9_000_000))),
    "a name with a digit": with_chunks((b"pr1t", b"x")),
    "a reserved name": with_chunks((b"prvt", b"x")),
    "no animation": with_chunks((b"acTL", b"x")),
    "an animation without frames": with_chunks((b"acTL", bytes(8))),
    "a stray frame": with_chunks(after=((b"fdAT", bytes(4) + PACKED),)),
    "a first frame that is smaller": with_chunks(
        COUNT, (b"fcTL", struct.pack(">5I2H2B", 0, 30, 30, 0, 0, 1, 10, 0, 0))
    ),
}
"""All pixels are there, but Pillow 13 or OpenCV 5 refuses the file."""

PROFILE = b"name\0\0" + zlib.compress(bytes(3000))
REGULAR = {
    "many chunks": with_chunks(
        (b"gAMA", bytes((0, 0, 0xB1, 0x8F))),
        (b"sRGB", b"\0"),
        (b"pHYs", struct.pack(">IIB", 2835, 2835, 1)),
        (b"bKGD", bytes(6)),
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"x" * 5000)),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>"),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0en\0\0" + zlib.compress(b"<x/>")),
        (b"eXIf", b"II*\0\x08\0\0\0\0\0"),
        (b"iDOT", bytes(28)),
        (b"prVt", bytes(9000)),
        after=(TEXT, (b"tIME", bytes((7, 234, 11, 29, 8, 0, 0)))),
    ),
    "a profile": with_chunks((b"iCCP", PROFILE)),
    "pieces, some empty": with_pixels(
        b"".join(chunk(b"IDAT", part) for part in (b"", PACKED[:1], PACKED[1:], b""))
    ),
    "bytes behind": PLAIN + b"<!-- served by -->",
    "a small window for few rows": by_libpng(RGB[:2, :9]),
    "interlaced": png(RGB, COLOUR, adam7=True),
    "grey": png(GREY, GREY_TYPE, before=chunk(b"bKGD", bytes(2))),
}


@pytest.mark.parametrize("kind", IRREGULAR)
def test_what_others_refuse_is_encoded_again(kind: str) -> None:
    data = IRREGULAR[kind]
    stored = to_png(**keep("png")).process(data).data
    assert stored != data
    assert np.array_equal(pixels_of(stored), RGB[:, :, ::-1])


@pytest.mark.parametrize("kind", REGULAR)
def test_what_is_regular_is_kept(kind: str) -> None:
    data = REGULAR[kind]
    assert is_opened_elsewhere(data)
    assert to_png(**keep("png")).process(data).data == data


PHOTO = by_pillow(RGB, "JPEG")
DESCRIBED = by_pillow(RGB, "WEBP", lossless=True, xmp=b"<x/>" * 9)
REFUSED_BY_PILLOW = {
    "jpg": {
        "a short JFIF": PHOTO[:2] + segment(0xE0, b"JFIF\0") + PHOTO[2:],
        "a short Adobe": PHOTO[:2] + segment(0xEE, b"Adobe") + PHOTO[2:],
        "a short profile": PHOTO[:2] + segment(0xE2, b"ICC_PROFILE\0") + PHOTO[2:],
        "cut Photoshop": PHOTO[:2] + segment(0xED, b"Photoshop 3.0\x008BIM\4\4") + PHOTO[2:],
        "a marker that is none": PHOTO[:20] + segment(0x02, b"junk") + PHOTO[20:],
    },
    "webp": {
        "a size beyond its end": DESCRIBED.replace(b"XMP \x24", b"XMP \xff"),
        "short": b"RIFF\x14\0\0\0WEBPVP8L\x08\0\0\0\x2f\0\0\0\0\x88\x88\x08",
        "junk before what follows": DESCRIBED.replace(b"XMP ", b"junkXMP "),
    },
}


@pytest.mark.parametrize(
    ("encode_format", "kind"), [(f, kind) for f, some in REFUSED_BY_PILLOW.items() for kind in some]
)
def test_photos_that_others_refuse_are_too(encode_format: str, kind: str) -> None:
    data = REFUSED_BY_PILLOW[encode_format][kind]
    stored = processor(**keep(encode_format), resize_mode="no").process(data).data
    assert is_opened_elsewhere(stored)
    for whole in (PHOTO, DESCRIBED):
        whole_format = "jpg" if whole is PHOTO else "webp"
        assert processor(**keep(whole_format), resize_mode="no").process(whole).data == whole


def check_all_kept(encode_format: str, sources: list[bytes], count: int) -> None:
    """That all of many damaged files that are kept are opened elsewhere."""
    chance = random.Random(f"kept {encode_format}")
    process = processor(**keep(encode_format), resize_mode="no").process
    for _ in range(count):
        data = damaged(chance.choice(sources), chance)
        try:
            kept = process(data).data == data
        except RowError:
            continue
        assert not kept or is_opened_elsewhere(data)


SOURCES = {
    "jpg": [PHOTO, by_pillow(RGB, "JPEG", progressive=True)],
    "png": [*REGULAR.values(), *IRREGULAR.values()],
    "webp": [DESCRIBED, by_pillow(RGB, "WEBP")],
}


@pytest.mark.parametrize("encode_format", SOURCES)
def test_damaged_files_that_are_kept_are_opened_elsewhere(encode_format: str) -> None:
    check_all_kept(encode_format, SOURCES[encode_format], 60)


@pytest.mark.slow
@pytest.mark.parametrize("encode_format", SOURCES)
def test_many_damaged_files_are_too(encode_format: str) -> None:
    whole = [case.data for case in CASES.values()]
    check_all_kept(encode_format, SOURCES[encode_format] + whole, 1200)
