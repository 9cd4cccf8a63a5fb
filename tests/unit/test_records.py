"""What flows through the program, and the names of shards and samples."""

from __future__ import annotations

import math
import pickle
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.errors import Reason, RowError, Status
from img2dataset.records import (
    Body,
    EncodedImage,
    Failure,
    Row,
    Sample,
    key_digits,
    sample_key,
    shard_name,
)

ROW = Row(0, 0, "000000000", "http://example.com/a.jpg", {"url": "http://example.com/a.jpg"})


@pytest.mark.parametrize(
    ("rows_per_shard", "oom", "shard", "index", "name", "key"),
    [
        (10_000, 5, 0, 0, "00000", "000000000"),
        (10_000, 5, 1, 2, "00001", "000010002"),
        (10_000, 5, 123_456, 9_999, "123456", "1234569999"),
        (1, 5, 0, 0, "00000", "00000"),
        (1, 5, 1, 0, "00001", "00001"),
        (1500, 3, 0, 0, "000", "0000000"),
        (100, 5, 0, 3, "00000", "0000003"),
        (101, 5, 1, 100, "00001", "00001100"),
    ],
)
def test_names_are_those_of_the_old_tool(  # noqa: PLR0917  (columns of the table)
    rows_per_shard: int, oom: int, shard: int, index: int, name: str, key: str
) -> None:
    assert shard_name(shard, oom) == name
    assert sample_key(shard, index, key_digits(rows_per_shard), oom) == key


@given(st.integers(1, 10**9))
def test_digits_are_the_logarithm_rounded_up(rows_per_shard: int) -> None:
    assert key_digits(rows_per_shard) == math.ceil(round(math.log10(rows_per_shard), 12))


@pytest.mark.parametrize("exponent", range(16))
def test_digits_are_exact_next_to_powers_of_ten(exponent: int) -> None:
    power = 10**exponent

    assert key_digits(power) == exponent
    assert key_digits(power + 1) == exponent + 1


@given(st.integers(1, 20_000), st.data())
def test_keys_sort_as_the_rows_do_and_never_repeat(
    rows_per_shard: int, data: st.DataObject
) -> None:
    place = st.tuples(st.integers(0, 99_999), st.integers(0, rows_per_shard - 1))
    one, two = data.draw(place), data.draw(place)
    digits = key_digits(rows_per_shard)

    assert (sample_key(*one, digits, 5) < sample_key(*two, digits, 5)) == (one < two)


def test_a_sample_has_the_status_of_its_outcome() -> None:
    picture = EncodedImage(b"x", 1, 1, 1, 1)
    small = Failure.of(RowError(Reason.TOO_SMALL))

    assert Sample(ROW, picture).status is Status.SUCCESS
    assert Sample(ROW, small).status is Status.FAILED_TO_RESIZE
    assert Sample(ROW, Failure.of(RowError(Reason.TIMEOUT))).status is Status.FAILED_TO_DOWNLOAD


@pytest.mark.parametrize(
    ("error", "label", "message"),
    [
        (RowError(Reason.TIMEOUT), "timed out", "timed out"),
        (RowError(Reason.HTTP_STATUS, "HTTP Error 410: Gone"), *["HTTP Error 410: Gone"] * 2),
        (
            RowError(Reason.MALFORMED_LINE, detail="(line 7)"),
            "malformed input line",
            "malformed input line (line 7)",
        ),
    ],
)
def test_a_failure_counts_its_label_and_stores_its_detail(
    error: RowError, label: str, message: str
) -> None:
    failure = Failure.of(error)

    assert (failure.reason, failure.label, failure.message) == (error.reason, label, message)


def test_records_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        ROW.key = "1"  # type: ignore[misc]


@pytest.mark.parametrize("record", [ROW, Sample(ROW, EncodedImage(b"x", 1, 1, 1, 1), "ab")])
def test_records_travel_between_processes(record: object) -> None:
    assert pickle.loads(pickle.dumps(record)) == record


@pytest.mark.parametrize("record", [Body(b"secret"), EncodedImage(b"secret", 1, 1, 1, 1)])
def test_a_record_does_not_print_megabytes(record: object) -> None:
    assert "secret" not in repr(record)
