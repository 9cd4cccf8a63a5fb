"""Only what is certainly no image is dropped before it is there."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from img2dataset.errors import Reason
from img2dataset.fetch.http.sniff import (
    MIN_SNIFF_BYTES,
    NOT_IMAGES,
    cannot_be_image,
    choose_reason,
)
from tests.pictures import CASES

FORMATS = ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "ICO", "PPM", "JPEG2000", "DDS"]
TEXT = b"Once upon a time there was a picture."
BEGINNINGS = {
    "avif": b"\0\0\0\x20ftypavif\0\0\0\0",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0",
    "jxl": b"\xff\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    "jxl in a box": b"\0\0\0\x0cJXL \x0d\x0a\x87\x0a\0\0\0\x14",
    "big-endian tiff": b"MM\0*\0\0\0\x08\0\0\0\0\0\0\0\0",
    "big tiff": b"II+\0\x08\0\0\0\0\0\0\0\0\0\0\0",
    "psd": b"8BPS\0\x01\0\0\0\0\0\0\0\0\0\0",
    "cursor": b"\0\0\2\0\1\0\0\0\0\0\0\0\0\0\0\0",
    "svg": b"<?xml version='1.0'?><svg>",
    "webp of an odd length": b"RIFF\n\n\n\nWEBPVP8 ",
    "exr": b"\x76\x2f\x31\x01\0\0\0\0\0\0\0\0\0\0\0\0",
}


@pytest.mark.parametrize("name", FORMATS)
def test_an_image_is_one_whatever_its_label_says(name: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(file, name)
    for kind in (*NOT_IMAGES, "image/jpeg", "", " TEXT/html; charset=utf-8"):
        assert not cannot_be_image(kind, file.getvalue()[:100]), kind


def test_nothing_that_we_can_read_is_dropped_for_its_label() -> None:
    dropped = [kind for kind in CASES if cannot_be_image("text/plain", CASES[kind].data[:4096])]
    assert dropped == []


@pytest.mark.parametrize("name", BEGINNINGS)
def test_so_is_one_that_pillow_may_not_know(name: str) -> None:
    assert not cannot_be_image("text/plain", BEGINNINGS[name])


@pytest.mark.parametrize(
    "kind",
    ["text/html", "text/plain; charset=utf-8", "TEXT/CSS", "video/mp4", "audio/mpeg",
     "application/json", " application/javascript"],
)  # fmt: skip
def test_what_is_labelled_as_no_image_and_does_not_look_like_one_is_none(kind: str) -> None:
    assert cannot_be_image(kind, TEXT)


@pytest.mark.parametrize(
    "kind", ["", "image/jpeg", "application/octet-stream", "binary/octet-stream", "jpg", "text"]
)
def test_what_looks_like_nothing_is_left_to_those_who_know(kind: str) -> None:
    assert not cannot_be_image(kind, TEXT)


@pytest.mark.parametrize("kind", ["image/jpeg", "", "text/html"])
@pytest.mark.parametrize(
    "first",
    [
        b"<!DOCTYPE html><html>",
        b"\xef\xbb\xbf\r\n\t <!doctype\nhtml PUBLIC",
        b"<html lang='en'><head>",
        b"  <HEAD><title>404</title>",
        b"<script>location=1</script>",
        b"<body bgcolor='white'>",
    ],
)
def test_a_page_is_none_whatever_its_label_says(first: bytes, kind: str) -> None:
    assert cannot_be_image(kind, first)


@given(st.binary(max_size=MIN_SNIFF_BYTES - 1), st.sampled_from(["text/html", "", "image/png"]))
def test_of_too_little_nothing_is_said(first: bytes, kind: str) -> None:
    assert not cannot_be_image(kind, first)


@given(st.binary(), st.text())
def test_no_label_and_no_bytes_break_it(first: bytes, kind: str) -> None:
    assert cannot_be_image(kind, first) in {True, False}
    assert not cannot_be_image(kind, b"\xff\xd8\xff" + first + bytes(MIN_SNIFF_BYTES))


def test_a_film_is_named_by_its_label() -> None:
    assert choose_reason(" Video/MP4; codecs=avc1") is Reason.VIDEO
    for kind in ("text/html", "audio/mpeg", ""):
        assert choose_reason(kind) is Reason.NOT_AN_IMAGE
