from __future__ import annotations

import io
import json
import logging
import struct
import sys
import time

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from img2dataset.images.metadata import MAX_READS, LimitedFile, TooManyReadsError, read_exif
from tests.pictures import CASES
from tests.pictures.others import heic
from tests.quick import few_quick
from tests.unit.images.made import processor, saved, smooth

RGB = smooth(40, 30)


def with_exif(format_name: str) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "maker  "
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x829A] = IFDRational(1, 60)
    return saved(RGB, format_name, exif=exif)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_tags_are_named_and_printed_by_exifread(format_name: str) -> None:
    exif = processor().process(with_exif(format_name)).exif
    assert exif is not None
    tags = json.loads(exif)
    assert tags["Image Make"] == "maker"
    assert tags["Image Orientation"] == "Rotated 90 CW"
    assert tags["EXIF ExposureTime"] == "1/60"


def jxl_with(exif: bytes) -> bytes:
    """A JPEG XL in a container, with an Exif box before the codestream."""
    data = CASES["jxl in a container"].data
    at = data.index(b"jxlc" if b"jxlc" in data else b"jxlp") - 4
    return data[:at] + struct.pack(">I", 8 + len(exif)) + b"Exif" + exif + data[at:]


def test_tags_of_newer_formats_are_the_same() -> None:
    """Their decoders may have noted already that they are upright."""
    exif = Image.Exif()
    exif[0x010F] = "maker"
    for data in (
        saved(RGB, "AVIF", exif=exif),
        heic(RGB, exif=exif.tobytes()),
        jxl_with(exif.tobytes().removeprefix(b"Exif\0\0")),
        jxl_with(bytes(4) + exif.tobytes().removeprefix(b"Exif\0\0")),
    ):
        text = processor().process(data).exif
        assert text is not None
        assert json.loads(text) == {"Image Make": "maker"}


WITHOUT_EXIF = [kind for kind in CASES if not kind.startswith("tiff") and "turned" not in kind]
"""A TIFF is what EXIF is made of."""


@pytest.mark.parametrize("kind", few_quick(WITHOUT_EXIF))
def test_images_without_exif_cost_no_reading_of_it(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "exifread", None)  # to import it would be an error
    assert processor().process(CASES[kind].data).exif == "{}"


def test_no_exif_is_an_empty_object() -> None:
    for format_name in ("JPEG", "PNG", "WEBP", "GIF", "BMP"):
        assert processor().process(saved(RGB, format_name)).exif == "{}"


def test_no_exif_is_read_unless_asked_for() -> None:
    assert processor(extract_exif=False).process(with_exif("JPEG")).exif is None


def test_untouched_bytes_have_their_exif_too() -> None:
    exif = processor(disable_all_reencoding=True).process(with_exif("JPEG")).exif
    assert exif is not None
    assert json.loads(exif)["Image Make"] == "maker"


def test_a_thumbnail_is_not_metadata() -> None:
    exif = Image.Exif()
    exif[0x010F] = "maker"
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "JPEG")
    thumbnail = file.getvalue()
    block = exif.tobytes()
    # a second directory: JPEGInterchangeFormat and its length
    tiff = bytearray(block.removeprefix(b"Exif\0\0"))
    order = "<" if tiff[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, first)
    struct.pack_into(order + "I", tiff, first + 2 + 12 * count, len(tiff))
    at = len(tiff) + 2 + 24 + 4
    tiff += struct.pack(order + "H", 2)
    tiff += struct.pack(order + "HHII", 0x0201, 4, 1, at)
    tiff += struct.pack(order + "HHII", 0x0202, 4, 1, len(thumbnail))
    tiff += struct.pack(order + "I", 0) + thumbnail
    text = processor().process(saved(RGB, "JPEG", exif=b"Exif\0\0" + bytes(tiff))).exif
    assert text is not None
    assert "JPEGThumbnail" not in json.loads(text)
    assert json.loads(text)["Image Make"] == "maker"


def test_a_block_that_leads_round_in_circles_is_given_up_quickly() -> None:
    count = 5000  # directories that overlap, each as long as can be
    tiff = b"II*\0" + struct.pack("<I", 8) + b"\xff\xff" * 2 + b"\x10\0" * count * 6
    data = saved(RGB, "JPEG", exif=b"Exif\0\0" + tiff[:65_000])
    start = time.process_time()
    picture = processor().process(data)
    assert time.process_time() - start < 2
    assert picture.exif is None or len(picture.exif) < 1_000_000


def test_reads_are_counted() -> None:
    file = LimitedFile(b"x")
    for _ in range(MAX_READS):
        file.read(0)
    with pytest.raises(TooManyReadsError):
        file.read(0)
    with pytest.raises(TooManyReadsError):
        LimitedFile(b"x" * 5_000_000).read()


def test_damaged_exif_is_not_worth_a_message(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read_exif(b"\xff\xd8\xff\xe1\0\x20Exif\0\0II*\0\x08\0\0\0\xff\0" + b"\xff" * 40)
    assert caplog.records == []
