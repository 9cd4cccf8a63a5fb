"""Metadata of a sample, and JSON for any value."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.formats.document import caption_bytes, describe, to_json, utf8, valid_text
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


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (float("nan"), None),
        (float("-inf"), None),
        (2**70, 2**70),
        (dt.date(2020, 2, 29), "2020-02-29"),
        (dt.datetime(2020, 2, 29, 1, 2, 3), "2020-02-29T01:02:03"),  # noqa: DTZ001
        (dt.time(1, 2), "01:02:00"),
        (dt.timedelta(1), "1 day, 0:00:00"),
        (Decimal("1.50"), "1.50"),
        (b"caf\xc3\xa9\xff", "café\ufffd"),
        ({1: "a", None: "b"}, {"1": "a", "null": "b"}),
        ((1, (2, 3)), [1, [2, 3]]),
        (frozenset({1}), [1]),
        (uuid.UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (Colour.RED, "red"),
        (np.float32(0.5), 0.5),
        (np.array([[1, 2]]), [[1, 2]]),
        (np.datetime64("2020-02-29"), "2020-02-29"),
        ("\ud83d\ude00", "😀"),
        ("a\udc00", "a\ufffd"),
        ({"a\udc00": [dt.date(2020, 2, 29), Decimal(1), float("nan"), b"x", np.int8(1)]},
         {"a\ufffd": ["2020-02-29", "1", None, "x", 1]}),
        (object, "<class 'object'>"),
    ],
)  # fmt: skip
def test_any_value_can_be_json(value: Any, read: Any) -> None:
    assert json.loads(to_json({"value": value})) == {"value": read}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=10,
)


@given(json_values)
def test_json_is_strict_and_utf8(value: Any) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(to_json({"value": value}).decode("utf-8"), parse_constant=refuse)


def test_json_is_indented_for_people() -> None:
    assert to_json({"a": "é"}) == '{\n  "a": "é"\n}'.encode()
    assert to_json({"a": "é", "b": 2**70}).startswith('{\n  "a": "é",\n  "b"'.encode())


@pytest.mark.parametrize(
    ("caption", "stored"),
    [("é\n", "é\n".encode()), (None, b""), (7, b"7"), ("\ud800", b"\xef\xbf\xbd")],
)
def test_captions_are_utf8(caption: Any, stored: bytes) -> None:
    assert caption_bytes(row(caption=caption)) == stored


@given(st.text(st.characters()))
def test_valid_text_can_always_be_encoded(text: str) -> None:
    assert utf8(text) == valid_text(text).encode()
    assert len(valid_text(text)) <= len(text)
