"""Normalised tables -> rows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from img2dataset.records import PROBLEM
from img2dataset.sources.rows import make_rows
from tests.unit.sources.lists import config, rows_in, shards_of


@pytest.mark.parametrize(
    ("cell", "boxes"),
    [
        ("[[0.1, 0.1, 0.2, 0.2]]", [[0.1, 0.1, 0.2, 0.2]]),
        ("[]", []),
        ("", None),
        (None, None),
        ("null", None),
        ("nonsense", "nonsense"),  # for `images` to refuse
    ],
)
def test_boxes_may_be_text(cell: str | None, boxes: Any) -> None:
    table = pa.table({"url": ["http://a"], "b": pa.array([cell], pa.string())})

    (row,) = rows_in(table, config(additional_columns=("b",), bbox_col="b"))

    assert row.boxes == boxes
    assert row.fields["b"] == cell


def test_a_problem_is_no_field() -> None:
    table = pa.table({"url": [None, "http://b"], PROBLEM: ["17: 3 columns instead of 2", None]})

    first, second = make_rows(table, 3, config(), str)

    assert (first.problem, second.problem) == ("17: 3 columns instead of 2", None)
    assert [list(row.fields) for row in (first, second)] == [["url"], ["url"]]
    assert (first.url, second.url) == (None, "http://b")


def test_an_input_column_may_have_any_name() -> None:
    table = pa.table({"url": ["http://a"], PROBLEM: ["mine"]})

    (row,) = rows_in(table, config(additional_columns=(PROBLEM,)))

    assert row.fields == {PROBLEM: "mine", "url": "http://a"}
    assert row.problem is None


def test_a_table_without_rows_has_none() -> None:
    assert make_rows(pa.table({"url": pa.array([], pa.string())}), 0, config(), str) == []


def test_the_hash_is_passed_on() -> None:
    reading = config(verify_hash=("h", "md5"))
    table = pa.table({"url": ["http://a", "http://b"], "h": ["ABC", None]})

    assert [row.expected_hash for row in rows_in(table, reading)] == ["ABC", None]
    assert shards_of(table, reading)[0].rows.column_names == ["md5", "url"]  # type: ignore[union-attr]
