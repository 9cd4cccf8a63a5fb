"""Bytes that are kept: proved whole without pixels, and decided as a decoder decides."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from PIL import Image

from img2dataset.errors import Reason, RowError
from img2dataset.images import process
from img2dataset.images.native import JPEG
from tests.pictures import CASES
from tests.pictures.damage import damaged
from tests.pictures.jpegs import oriented
from tests.pictures.sampled import encode_sampled, segment
from tests.quick import few_quick
from tests.unit.images.made import processor, saved, smooth

RGB = smooth(133, 94)
GREY = np.ascontiguousarray(RGB[:, :, 0])
PALETTED = Image.fromarray(RGB).quantize(9)
KEEP: dict[str, dict[str, Any]] = {
    "jpg": {"skip_reencode": True, "resize_mode": "no"},
    "png": {
        "skip_reencode": True,
        "resize_mode": "no",
        "encode_format": "png",
        "encode_quality": 1,
    },
}
ONLY_IF_BIGGER = {
    "skip_reencode": True,
    "resize_mode": "keep_ratio_largest",
    "resize_only_if_bigger": True,
}
"""How DataComp was made."""

needs_compiler = pytest.mark.skipif(JPEG is None, reason="needs the compiled module")

PROVED = {
    **{f"jpeg {s}": saved(RGB, "JPEG", subsampling=s) for s in ("4:4:4", "4:2:2", "4:2:0")},
    "jpeg grey": saved(GREY, "JPEG"),
    "jpeg of rgb": saved(RGB, "JPEG", keep_rgb=True),
    "jpeg of long codes": saved(RGB, "JPEG", quality=100, optimize=True),
    "jpeg with restarts": saved(RGB, "JPEG", restart_marker_blocks=3),
    "jpeg progressive": saved(RGB, "JPEG", progressive=True),
    "jpeg progressive grey": saved(GREY, "JPEG", progressive=True, restart_marker_rows=1),
    "jpeg upright": oriented(1),
    "jpeg with a trailer": saved(RGB, "JPEG") + b"<!-- served by -->",
    "png": saved(RGB, "PNG"),
    "png grey": saved(GREY, "PNG"),
    "png palette": saved(PALETTED, "PNG"),
    "png black and white": saved(Image.fromarray(GREY > 99), "PNG"),
}


def decide(data: bytes, options: dict[str, Any]) -> object:
    """What is stored, or why it is refused."""
    try:
        return processor(**options).process(data)
    except RowError as error:
        return error.reason


def refuse_to_decode(*_: object) -> None:
    raise AssertionError


def prove_nothing(*_: object) -> bool:
    return False


@needs_compiler
@pytest.mark.parametrize("options", [{}, ONLY_IF_BIGGER], ids=["no resize", "only if bigger"])
@pytest.mark.parametrize("kind", PROVED)
def test_what_is_plain_is_kept_without_its_pixels(
    monkeypatch: pytest.MonkeyPatch, kind: str, options: dict[str, Any]
) -> None:
    monkeypatch.setattr(process, "decode", refuse_to_decode)
    data = PROVED[kind]
    way = KEEP["png" if kind.startswith("png") else "jpg"]
    made = processor(**{**way, **options}).process(data)
    assert made.data == data
    assert (made.width, made.height) == (made.original_width, made.original_height)
    assert made.exif is not None


@pytest.mark.parametrize("kind", few_quick(CASES, 10))
def test_every_kind_is_decided_as_by_a_decoder(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    data = CASES[kind].data
    for way in KEEP.values():
        for more in ({}, {"convert_to_srgb": True}, {"apply_exif_orientation": False}):
            with monkeypatch.context() as patch:
                patch.setattr(process, "is_proved_whole", prove_nothing)
                wanted = decide(data, {**way, **more})
            assert decide(data, {**way, **more}) == wanted


def check_damaged(monkeypatch: pytest.MonkeyPatch, kind: str, count: int) -> None:
    chance = random.Random(f"kept {kind}")
    way = KEEP["png" if kind.startswith("png") else "jpg"]
    for _ in range(count):
        data = damaged(PROVED[kind], chance)
        with monkeypatch.context() as patch:
            patch.setattr(process, "is_proved_whole", prove_nothing)
            wanted = decide(data, way)
        assert decide(data, way) == wanted


@pytest.mark.parametrize("kind", PROVED)
def test_damage_is_decided_as_by_a_decoder(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    check_damaged(monkeypatch, kind, 12)


@pytest.mark.slow
@pytest.mark.parametrize("kind", PROVED)
def test_much_damage_is_too(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    check_damaged(monkeypatch, kind, 200)


@pytest.mark.parametrize("kind", PROVED)
@pytest.mark.parametrize("left", [0.5, 0.9])
def test_a_cut_file_is_refused(kind: str, left: float) -> None:
    data = PROVED[kind].removesuffix(b"<!-- served by -->")
    way = KEEP["png" if kind.startswith("png") else "jpg"]
    assert decide(data[: int(len(data) * left)], way) is Reason.DECODE


# ---- what makes libjpeg stop, although all codes are there ----

PLAIN = encode_sampled(np.asarray(Image.fromarray(RGB).convert("YCbCr")), [(2, 2), (1, 1), (1, 1)])
FRAME, SCAN = PLAIN.index(b"\xff\xc0"), PLAIN.index(b"\xff\xda")
TABLES = PLAIN.index(b"\xff\xc4")
DC_COUNTS = TABLES + 5
PROGRESSIVE = PROVED["jpeg progressive"]
SECOND_SCAN = PROGRESSIVE.index(b"\xff\xc4", PROGRESSIVE.index(b"\xff\xda"))


def changed(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes([value]) + data[at + 1 :]


def with_full_table() -> bytes:
    """Sixteen DC codes of four bits, so that one is all ones; the last four are never used."""
    table = PLAIN[DC_COUNTS : DC_COUNTS + 28]
    full = changed(table, 3, 16) + bytes(4)
    length = int.from_bytes(PLAIN[TABLES + 2 : TABLES + 4], "big") + 4
    start = PLAIN[: TABLES + 2] + length.to_bytes(2, "big") + PLAIN[TABLES + 4 : DC_COUNTS]
    return start + full + PLAIN[DC_COUNTS + 28 :]


STOPPED = {
    "a table of quantizers that is not there": changed(PLAIN, FRAME + 12, 3),
    "a Huffman code of all ones": with_full_table(),
    "a table that cannot be": changed(PLAIN, SCAN + 6, 0x40),
    "one id for two components": changed(changed(PLAIN, FRAME + 16, 2), SCAN + 9, 2),
    "a bad segment between scans": (
        PROGRESSIVE[:SECOND_SCAN] + segment(0xDB, b"\x09" + bytes(64)) + PROGRESSIVE[SECOND_SCAN:]
    ),
    "a table of restarts of another length": (
        PROGRESSIVE[:SECOND_SCAN] + segment(0xDD, b"\0\0\0") + PROGRESSIVE[SECOND_SCAN:]
    ),
    "a bad segment before its end": PLAIN[:-2] + segment(0xDB, b"\x09" + bytes(64)) + PLAIN[-2:],
}


def test_the_file_they_are_made_of_is_kept() -> None:
    assert processor(**KEEP["jpg"]).process(PLAIN).data == PLAIN


@pytest.mark.parametrize("kind", STOPPED)
def test_what_stops_libjpeg_is_decided_as_before(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    got = decide(STOPPED[kind], KEEP["jpg"])
    monkeypatch.setattr(process, "is_proved_whole", prove_nothing)
    assert got == decide(STOPPED[kind], KEEP["jpg"])


@needs_compiler
@pytest.mark.parametrize("kind", STOPPED)
def test_what_stops_libjpeg_is_not_proved(kind: str) -> None:
    assert JPEG is not None
    assert JPEG.prove_whole(PLAIN)
    assert not JPEG.prove_whole(STOPPED[kind])
