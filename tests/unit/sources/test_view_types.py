"""Columns in layouts that Arrow can neither filter nor reorder are kept like all others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset.options import Options
from img2dataset.sources import SourceConfig
from tests.unit.sources.lists import fields_in

TEXT = pa.string_view()
OBJECT = pa.struct([("p", TEXT)])
COLUMNS: dict[str, pa.Array] = {
    "url": pa.array([f"http://a/{number}" for number in range(3)], TEXT),
    "text": pa.array(["a", None, "c"], TEXT),
    "data": pa.array([b"a", None, b"c"], pa.binary_view()),
    "texts": pa.array([["x"], None, ["y", "z"]], pa.list_(TEXT)),
    "object": pa.array([{"p": "x"}, None, {"p": None}], OBJECT),
    "pairs": pa.array([[("a", "b")], None, []], pa.map_(pa.string(), TEXT)),
}
IN_MEMORY: dict[str, pa.Array] = {  # which pyarrow does not write to Parquet
    "objects": pa.array([[{"p": "x"}], [], [{"p": "y"}]], pa.large_list(OBJECT)),
    "fixed": pa.array([["x"], ["y"], ["z"]], pa.list_(TEXT, 1)),
    "view": pa.array([["x"], None, ["y", "z"]], pa.list_view(TEXT)),
    "large_view": pa.array([[1], None, [2, 3]], pa.large_list_view(pa.int64())),
    "words": pa.DictionaryArray.from_arrays(pa.array([0, 1, 0]), pa.array(["a", "b"], TEXT)),
    "runs": pa.RunEndEncodedArray.from_arrays([2, 3], ["a", "b"]),
}
VALUES: list[dict[str, Any]] = [
    {"text": "a", "data": "a", "texts": ["x"], "object": {"p": "x"}, "pairs": {"a": "b"}},
    {"text": None, "data": None, "texts": None, "object": None, "pairs": None},
    {"text": "c", "data": "c", "texts": ["y", "z"], "object": {"p": None}, "pairs": {}},
]
VALUES_IN_MEMORY: list[dict[str, Any]] = [
    {"objects": [{"p": "x"}], "fixed": ["x"], "view": ["x"], "large_view": [1], "words": "a",
     "runs": "a"},
    {"objects": [], "fixed": ["y"], "view": None, "large_view": None, "words": "b", "runs": "a"},
    {"objects": [{"p": "y"}], "fixed": ["z"], "view": ["y", "z"], "large_view": [2, 3],
     "words": "a", "runs": "b"},
]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, [0, 1, 2]), ({"where": "text = 'c'"}, [2]), ({"where": "text IS NULL"}, [1]),
        ({"where": "object.p < 'y'"}, [0]), ({"deduplicate": "url"}, [0, 1, 2]),
        ({"shuffle": 0}, [0, 2, 1]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_file", [True, False])
def test_columns_of_views_are_kept_like_all_others(
    options: dict[str, Any],
    kept: list[int],
    tmp_path: Path,
    *,
    is_file: bool,
) -> None:
    if not is_file and "object.p" in str(options):  # a path, which only files have
        options = {"where": "url < 'http://a/1'"}
    values = VALUES if is_file else [
        {**one, **other} for one, other in zip(VALUES, VALUES_IN_MEMORY, strict=True)
    ]  # fmt: skip
    url_list: Any = pa.table(COLUMNS if is_file else {**COLUMNS, **IN_MEMORY})
    if is_file:
        pq.write_table(url_list, tmp_path / "a.parquet")
        url_list = str(tmp_path / "a.parquet")
    reading = SourceConfig.of(
        Options("list", input_format="parquet", save_additional_columns=list(values[0]), **options)
    )

    fields = fields_in(url_list, reading)

    assert sorted(map(str, fields)) == sorted(
        str({**values[number], "url": f"http://a/{number}"}) for number in kept
    )
