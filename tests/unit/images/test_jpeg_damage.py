"""One table: what is in or missing from a JPEG, and whether it is stored; see docs/images.md."""

from __future__ import annotations

import re
import struct
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from img2dataset.errors import Reason, RowError
from tests.pictures.jpegs import ARITHMETIC
from tests.pictures.sampled import BEGIN, encode_sampled, segment
from tests.unit.images.made import Array, pixels_of, processor, saved, smooth, to_png

WIDTH, HEIGHT = 133, 94
RGB = smooth(WIDTH, HEIGHT)
STORED_CHANNELS = np.asarray(Image.fromarray(RGB).convert("YCbCr"))
FACTORS = [(2, 1), (1, 1), (1, 1)]
INTERVAL = 4
PLAIN = encode_sampled(STORED_CHANNELS, FACTORS)
RESTARTS = encode_sampled(STORED_CHANNELS, FACTORS, restart=INTERVAL)
MARKS = [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", RESTARTS)]
MARK, NEXT = MARKS[6], MARKS[7]
"""Of the 7th restart, and of the one behind it."""
FRAME, SCAN = PLAIN.index(b"\xff\xc0"), PLAIN.index(b"\xff\xda")
MIDDLE = (SCAN + len(PLAIN)) // 2
LINES = segment(0xDC, struct.pack(">H", HEIGHT))


def renumbered(data: bytes, steps: dict[int, int]) -> bytes:
    """`steps`: where a restart marker is -> how far its number is off."""
    changed = bytearray(data)
    for at, step in steps.items():
        changed[at + 1] = 0xD0 + (changed[at + 1] - 0xD0 + step) % 8
    return bytes(changed)


def into(data: bytes, at: int, more: bytes) -> bytes:
    return data[:at] + more + data[at:]


def without(data: bytes, begin: int, end: int) -> bytes:
    return data[:begin] + data[end:]


def images_in_one() -> bytes:
    """An MPO; the second is black."""
    black = Image.new("RGB", (WIDTH, HEIGHT))
    return saved(RGB, "MPO", save_all=True, append_images=[black], quality=100, subsampling=0)


WHOLE = {
    "restart markers": RESTARTS,
    "bytes before a restart": into(RESTARTS, MARK, b"\x12\x34\x56"),
    "fill bytes before a restart": into(RESTARTS, MARK, b"\xff\xff"),
    "bytes before the end": into(PLAIN, len(PLAIN) - 2, b"\x12\x34"),
    "fill bytes before the end": into(PLAIN, len(PLAIN) - 2, b"\xff\xff"),
    "a restart before the end": into(RESTARTS, len(RESTARTS) - 2, b"\xff\xd0"),
    "the number of lines again, behind": into(PLAIN, len(PLAIN) - 2, LINES),
    "bytes before the frame": into(PLAIN, FRAME, b"\x11\x22"),
    "bytes before the scan": into(PLAIN, SCAN, b"\x11\x22"),
    "zeros before the scan": into(PLAIN, SCAN, b"\0\0"),
    "fill bytes before the scan": into(PLAIN, SCAN, b"\xff\xff"),
    "fill bytes at the start": into(PLAIN, 2, b"\xff\xff"),
    "the start twice": BEGIN + PLAIN,
}
REFUSED = {
    "a restart marker missing": without(RESTARTS, MARK, MARK + 2),
    "an interval missing": without(RESTARTS, MARK, NEXT),
    "a restart marker doubled": into(RESTARTS, MARK, RESTARTS[MARK : MARK + 2]),
    "an interval doubled": into(RESTARTS, MARK, RESTARTS[MARK:NEXT]),
    "two restart markers changed about": renumbered(RESTARTS, {MARK: 1, NEXT: -1}),
    "a restart marker of a wrong number": renumbered(RESTARTS, {MARK: 3}),
    "restarts that begin with 1": renumbered(RESTARTS, dict.fromkeys(MARKS, 1)),
    "bytes behind a restart": into(RESTARTS, MARK + 2, b"\x12\x34"),
    "restarts that were not announced": RESTARTS.replace(segment(0xDD, b"\0\4"), b""),
    "a restart where none belongs": into(PLAIN, MIDDLE, b"\xff\xd0"),
    "metadata amid the pixels": into(PLAIN, MIDDLE, segment(0xE5, b"ab")),
    "two frames": into(PLAIN, FRAME, PLAIN[FRAME : FRAME + 19]),
    "the number of lines behind alone": into(
        PLAIN[: FRAME + 5] + b"\0\0" + PLAIN[FRAME + 7 :], len(PLAIN) - 2, LINES
    ),
    "12 bits": bytes(imagecodecs.jpeg8_encode(RGB.astype(np.uint16) * 16, bitspersample=12)),
    "arithmetic, cut": ARITHMETIC[: len(ARITHMETIC) * 3 // 4],
}
WAYS: list[dict[str, Any]] = [
    {"resize_mode": "no"},
    {"resize_mode": "keep_ratio", "image_size": 40},
    {"convert_to_srgb": True},
    {"resize_mode": "no", "skip_reencode": True},
]


def pixels_by(way: dict[str, Any], data: bytes) -> Array:
    return pixels_of(to_png(**way).process(data).data)


@pytest.mark.parametrize("kind", WHOLE)
def test_all_pixels_are_there(kind: str) -> None:
    for way in WAYS:
        made, wanted = pixels_by(way, WHOLE[kind]), pixels_by(way, PLAIN)
        assert made.shape == wanted.shape
        # the one pass takes plain files only: the others are averages of the full decode
        assert np.abs(made.astype(int) - wanted).max() <= 2 * ("image_size" in way)


@pytest.mark.parametrize("kind", REFUSED)
def test_pixels_are_missing_or_not_in_their_place(kind: str) -> None:
    for way in WAYS:
        with pytest.raises(RowError) as caught:
            processor(**way).process(REFUSED[kind])
        assert caught.value.reason is Reason.DECODE


def test_of_several_images_in_one_file_the_first_is_kept() -> None:
    made = pixels_by({"resize_mode": "no"}, images_in_one())[:, :, ::-1]
    assert np.abs(made.astype(int) - RGB).max() <= 5
