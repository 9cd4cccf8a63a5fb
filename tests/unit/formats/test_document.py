"""Metadata of a sample, and its caption."""

from __future__ import annotations

from typing import Any

import pytest

from img2dataset.formats.document import describe, encode_caption
from img2dataset.records import EncodedImage, Row, Sample
from tests.unit.formats.shard import BARE, CONFIG


def row(**fields: Any) -> Row:
    return Row(0, 0, "000000000", fields.get("url"), fields)


PICTURE = EncodedImage(b"", 1, 2, 3, 4, "{}")


def test_keys_are_in_the_order_of_the_format() -> None:
    fields = {"extra": 1, "caption": "c", "url": "u"}
    document = describe(Sample(row(**fields), PICTURE, "d1"), PICTURE, CONFIG)

    assert list(document.items()) == [
        ("extra", 1), ("caption", "c"), ("url", "u"), ("key", "000000000"),
        ("status", "success"), ("error_message", None), ("width", 1), ("height", 2),
        ("original_width", 3), ("original_height", 4), ("exif", "{}"), ("sha256", "d1"),
    ]  # fmt: skip


def test_exif_and_hash_are_left_out_unless_asked_for() -> None:
    document = describe(Sample(row(url="u"), PICTURE), PICTURE, BARE)

    assert list(document)[-1] == "original_height"


def test_the_row_is_not_changed() -> None:
    given_row = row(sha256="expected", url="u")
    document = describe(Sample(given_row, PICTURE, "computed"), PICTURE, CONFIG)

    assert document["sha256"] == "computed"
    assert given_row.fields == {"sha256": "expected", "url": "u"}


@pytest.mark.parametrize(
    ("caption", "stored"),
    [("é\n", "é\n".encode()), (None, b""), (7, b"7"), ("\ud800", b"\xef\xbf\xbd")],
)
def test_captions_are_utf8(caption: Any, stored: bytes) -> None:
    assert encode_caption(row(caption=caption)) == stored
