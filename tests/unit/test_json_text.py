"""JSON for any value, UTF-8 for any text."""

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

from img2dataset.json_text import replace_surrogates, to_json, to_utf8


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


@given(st.text(st.characters()))
def test_valid_text_can_always_be_encoded(text: str) -> None:
    assert to_utf8(text) == replace_surrogates(text).encode()
    assert len(replace_surrogates(text)) <= len(text)
