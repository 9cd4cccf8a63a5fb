"""Arrow columns -> plain values and texts."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pytest

from img2dataset.sources.values import to_plain_values, to_text

BIG = 2**62
CASES: list[tuple[Any, list[Any]]] = [
    (pa.array(["a", None, ""]), ["a", None, ""]),
    (pa.array(["a", None], pa.large_string()), ["a", None]),
    (pa.array([1, None, -1], pa.int8()), [1, None, -1]),
    (pa.array([2**64 - 1], pa.uint64()), [2**64 - 1]),
    (pa.array([1.5, None], pa.float16()), [1.5, None]),
    (pa.array([0.5, None], pa.float32()), [0.5, None]),
    (pa.array([True, None]), [True, None]),
    (pa.nulls(2), [None, None]),
    (pa.array([Decimal("1.50"), None]), ["1.50", None]),
    (pa.array([dt.date(2020, 1, 31), None]), ["2020-01-31", None]),
    (pa.array([dt.date(2020, 1, 31)], pa.date64()), ["2020-01-31"]),
    (pa.array([0, None], pa.timestamp("s")), ["1970-01-01T00:00:00", None]),
    (pa.array([1], pa.timestamp("ns")), ["1970-01-01T00:00:00.000000001"]),
    (pa.array([1_500_000], pa.timestamp("us", "UTC")), ["1970-01-01T00:00:01.5Z"]),
    (pa.array([0], pa.timestamp("s", "Europe/Paris")), ["1970-01-01T00:00:00Z"]),
    (pa.array([0], pa.timestamp("s", "no such place")), ["1970-01-01T00:00:00Z"]),
    (pa.array([1500, None], pa.time32("ms")), ["00:00:01.500", None]),
    (pa.array([-90_500, None, 60_000], pa.duration("ms")), ["PT-90.5S", None, "PT60S"]),
    (pa.array([b"abc", b"\xff\xfe", None]), ["abc", "//4=", None]),
    (pa.array([b"ab"], pa.binary(2)), ["ab"]),
    (pa.array([[1, 2], None, []]), [[1, 2], None, []]),
    (pa.array([[1, 2], None], pa.list_(pa.int32(), 2)), [[1, 2], None]),
    (pa.array([[b"\xff"], None], pa.large_list(pa.binary())), [["/w=="], None]),
    (pa.array([[[0], None], []], pa.list_(pa.list_(pa.timestamp("s")))),
     [[["1970-01-01T00:00:00"], None], []]),
    (pa.array([{"a": Decimal(1), "b": None}, None]), [{"a": "1", "b": None}, None]),
    (pa.array([{}, None], pa.struct([])), [{}, None]),
    (pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int8())), [{"k": 1}, None, {}]),
    (pa.array([[(1, "v")]], pa.map_(pa.int8(), pa.string())), [[[1, "v"]]]),
    (pa.array(["x", None, "x"]).dictionary_encode(), ["x", None, "x"]),
    (pa.chunked_array([[1], [2, 3]]), [1, 2, 3]),
    (pa.array([(1, 2, 3)], pa.month_day_nano_interval()), None),  # type: ignore[list-item]
    (pa.array([[1, 2], None, [3]])[1:], [None, [3]]),
    (pa.array([{"a": 1}, {"a": 2}, None])[1:], [{"a": 2}, None]),
    (pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0123456789abcdef", None], pa.binary(16))),
     ["0123456789abcdef", None]),
    (pa.RunEndEncodedArray.from_arrays([2, 3], ["a", "b"]), ["a", "a", "b"]),
]  # fmt: skip
EXTREMES = [
    pa.array([BIG, -BIG]).cast(kind)
    for kind in (
        pa.timestamp("s"),
        pa.timestamp("us", "UTC"),
        pa.timestamp("ns"),
        pa.duration("ns"),
    )
] + [pa.array([2**31 - 1, -(2**31)], pa.int32()).cast(pa.date32())]


@pytest.mark.parametrize(
    ("column", "expected"), CASES, ids=lambda value: str(getattr(value, "type", ""))
)
def test_values_are_those_that_json_knows(column: Any, expected: Any) -> None:
    values = to_plain_values(column)

    if expected is not None:
        assert values == expected
    orjson.dumps(values)


@pytest.mark.parametrize("column", EXTREMES, ids=lambda column: str(column.type))
def test_values_out_of_range_do_not_fail(column: Any) -> None:
    values = to_plain_values(column)

    assert all(isinstance(value, str) for value in values)
    assert to_text(pa.chunked_array([column])).to_pylist() == values


@pytest.mark.parametrize(
    ("column", "expected"), CASES, ids=lambda value: str(getattr(value, "type", ""))
)
def test_every_column_can_be_text(column: Any, expected: Any) -> None:
    chunked = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])

    text = to_text(chunked)

    assert text.type == pa.string()
    for value, plain in zip(text.to_pylist(), expected or [], strict=bool(expected)):
        assert value == plain or value == str(plain) or orjson.loads(value) == plain


def test_nan_stays() -> None:
    assert str(to_plain_values(pa.array([float("nan")]))) == "[nan]"
