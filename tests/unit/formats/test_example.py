"""Hand-written protobuf, read by Google's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tfrecord import example_pb2

from img2dataset.formats.example import INT64_LIST, encode_example, encode_feature


def parsed(value: Any, **options: Any) -> tuple[str, list[Any]]:
    message = example_pb2.Feature.FromString(encode_feature(value, **options))
    kind = message.WhichOneof("kind")
    return kind, list(getattr(message, kind).value)


@pytest.mark.parametrize(
    ("value", "kind", "stored"),
    [
        (1, "int64_list", [1]),
        (-1, "int64_list", [-1]),
        (True, "int64_list", [1]),
        (2**63 - 1, "int64_list", [2**63 - 1]),
        (-(2**63), "int64_list", [-(2**63)]),
        (2**63, "bytes_list", [b"9223372036854775808"]),
        (0.5, "float_list", [0.5]),
        (1e300, "float_list", [float("inf")]),
        (-1e300, "float_list", [float("-inf")]),
        (None, "bytes_list", [b""]),
        ("é", "bytes_list", ["é".encode()]),
        ("a\ud800", "bytes_list", ["a\ufffd".encode()]),
        (b"\xff", "bytes_list", [b"\xff"]),
        ([1, 2, 300], "int64_list", [1, 2, 300]),
        ([True, False], "int64_list", [1, 0]),
        ((0.5, 1.5), "float_list", [0.5, 1.5]),
        (["a", None], "bytes_list", [b"a", b""]),
        ([1, None], "bytes_list", [b"1", b""]),
        ([], "bytes_list", []),
        ({"a": 1}, "bytes_list", [b'{\n  "a": 1\n}']),
    ],
)
def test_a_value_becomes_the_list_of_its_type(value: Any, kind: str, stored: list[Any]) -> None:
    assert parsed(value) == (kind, stored)


def test_an_empty_list_can_be_told_its_kind() -> None:
    assert parsed([], empty=INT64_LIST) == ("int64_list", [])


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.one_of(
            st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
            st.lists(st.binary(max_size=300), min_size=1),
            st.lists(st.floats(width=32, allow_nan=False), min_size=1),
        ),
    )
)
def test_any_features_survive(features: dict[str, list[Any]]) -> None:
    message = example_pb2.Example.FromString(encode_example(features))

    found = {name: values_of(value) for name, value in message.features.feature.items()}
    assert found == features


def values_of(value: Any) -> list[Any]:
    return list(getattr(value, value.WhichOneof("kind")).value)
