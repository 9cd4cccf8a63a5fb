"""Every file is known by how it begins; what is no image that is read is refused by name."""

from __future__ import annotations

import sys

import imagecodecs
import numpy as np
import pytest

from img2dataset.errors import Reason, RowError
from img2dataset.images.probe import probe
from img2dataset.signatures import (
    PROOF_PREFIXES,
    SIGNATURES,
    find_format,
    is_maybe_image,
    is_surely_image,
)
from tests.pictures import CASES
from tests.quick import few_quick
from tests.unit.images.made import processor, saved, smooth, to_png

SVGS = {
    "bare": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "declared": b'<?xml version="1.0" encoding="UTF-8"?>\n<svg width="9"/>',
    "typed": b'\xef\xbb\xbf<?xml version="1.0"?><!-- made - by hand --><!DOCTYPE svg PUBLIC '
    b'"-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd">\n\n<svg>',
    "prefixed": b"<svg:svg xmlns:svg='http://www.w3.org/2000/svg'>",
}
VIDEOS = {
    "mp4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(100),
    "quicktime": b"\0\0\0\x14ftypqt  \0\0\2\0qt  ",
    "old quicktime": b"\0\0\0\x08wide\0\1\0\0mdat",
    "webm": b"\x1aE\xdf\xa3\x9fB\x86\x81\1B\xf7\x81\1",
    "avi": b"RIFF\x24\0\0\0AVI LIST",
    "flash": b"FLV\1\5\0\0\0\x09",
    "ogg": b"OggS\0\2" + bytes(20),
    "mpeg": b"\0\0\1\xba\x44" + bytes(20),
    "transport stream": b"\x47" + bytes(187) + b"\x47",
    "windows media": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9",
}


@pytest.mark.parametrize("kind", few_quick(CASES))
def test_fetching_and_decoding_know_the_same_files(kind: str) -> None:
    data = CASES[kind].data
    own = probe(data).format
    assert is_maybe_image(data)
    assert find_format(data) in ({"AVIF": "HEIF"}.get(own, own), None)
    if is_surely_image(data):
        assert data[:2] in PROOF_PREFIXES


@pytest.mark.parametrize("data", [b"<svg width='1'>", b"<?XML ?>", b"8BPS\0\1", b"DDS |"])
def test_what_is_not_read_is_not_refused_for_its_label(data: bytes) -> None:
    assert is_maybe_image(data)


@pytest.mark.parametrize("data", [b"", b"<html>", b"{}", b"GIF", b"\x89PN", b"RIFF1234WAVE"])
def test_what_begins_otherwise_is_none(data: bytes) -> None:
    assert not is_maybe_image(data)
    assert not is_surely_image(data)
    assert find_format(data) is None


def test_a_format_has_one_signature() -> None:
    assert len({each.format for each in SIGNATURES}) == len(SIGNATURES)


def reason(data: bytes, **options: bool) -> Reason:
    with pytest.raises(RowError) as caught:
        processor(**options).process(data)
    return caught.value.reason


@pytest.mark.parametrize("untouched", [False, True])
@pytest.mark.parametrize("kind", SVGS)
def test_a_drawing_is_refused_by_name(kind: str, untouched: bool) -> None:  # noqa: FBT001
    assert reason(SVGS[kind], disable_all_reencoding=untouched) is Reason.SVG


@pytest.mark.parametrize("untouched", [False, True])
@pytest.mark.parametrize("kind", VIDEOS)
def test_a_video_is_refused_by_name(kind: str, untouched: bool) -> None:  # noqa: FBT001
    assert reason(VIDEOS[kind], disable_all_reencoding=untouched) is Reason.VIDEO


@pytest.mark.parametrize("data", [b"<?xml version='1.0'?><rss/>", b"<!--" * 2000, b"<?xml" * 900])
def test_not_every_xml_is_a_drawing(data: bytes) -> None:
    assert reason(data) is Reason.NOT_AN_IMAGE


@pytest.mark.parametrize(
    ("kind", "package", "expected"),
    [
        ("heic", "pillow_heif", Reason.HEIC),
        ("jxl", "pillow_jxl", Reason.JXL),
        ("jxl in a container", "pillow_jxl", Reason.JXL),
    ],
)
def test_a_kind_that_needs_an_extra_says_which(
    kind: str, package: str, expected: Reason, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = CASES[kind].data
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("PIL.Image.OPEN", {})
    with pytest.raises(RowError) as caught:
        processor().process(data)
    assert caught.value.reason is expected
    assert f"img2dataset[{expected.value}]" in str(caught.value)

    untouched = processor(disable_all_reencoding=True)
    assert untouched.process(data).data == data


def test_heif_that_holds_av1_is_avif() -> None:
    data = saved(smooth(40, 30), "AVIF")
    generic = data.replace(b"ftypavif", b"ftypmif1", 1)
    assert to_png().process(generic).original_width == 40


def test_a_jpeg_of_twelve_bits_is_refused_not_misread() -> None:
    deep = (smooth(40, 30).astype(np.uint16) << 4) + 7
    data = bytes(imagecodecs.jpeg8_encode(deep, bitspersample=12))
    assert reason(data) is Reason.DECODE
