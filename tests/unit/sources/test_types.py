"""A kept column has one type over the whole list, and so in all shards of the dataset."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset.sources import load_table, open_source
from img2dataset.sources.types import find_common_type
from tests.unit.sources.lists import config, write

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC).replace(tzinfo=None)
I64, F64, TEXT = pa.int64(), pa.float64(), pa.string()


def column_over(folder: Path, arrays: list[pa.Array]) -> pa.ChunkedArray:
    """The kept column of a list of one Parquet file for each array, read shard by shard."""
    for number, array in enumerate(arrays):
        urls = [f"http://a.example/{number}-{row}.jpg" for row in range(len(array))]
        pq.write_table(pa.table({"url": urls, "kept": array}), folder / f"{number}.parquet")
    reading = config("parquet", additional_columns=("kept",))
    shards = open_source(str(folder), reading).shards(1)
    tables = [load_table(shard, reading) for shard in shards]
    assert len({str(table.schema) for table in tables}) == 1
    return pa.concat_tables(tables).column("kept")


@pytest.mark.parametrize(
    ("arrays", "kind", "values"),
    [
        ([pa.nulls(1), pa.array(["a"])], TEXT, [None, "a"]),
        ([pa.nulls(1), pa.array([7])], I64, [None, 7]),
        ([pa.nulls(1), pa.nulls(1)], TEXT, [None, None]),
        ([pa.array([1]), pa.array([2.5])], F64, [1.0, 2.5]),
        ([pa.array([1], pa.int32()), pa.array([2**60])], I64, [1, 2**60]),
        ([pa.array([2**63], pa.uint64()), pa.array([-1])], TEXT, ["9223372036854775808", "-1"]),
        ([pa.array(["a"], pa.large_string()), pa.array(["b"])], TEXT, ["a", "b"]),
        ([pa.array(["a"]).dictionary_encode(), pa.array(["b"])], TEXT, ["a", "b"]),
        (
            [pa.array([NOON], pa.timestamp("ms")), pa.array([NOON], pa.timestamp("us"))],
            pa.timestamp("us"),
            [NOON, NOON],
        ),
        ([pa.array([[]], pa.list_(pa.null())), pa.array([[1]])], pa.list_(I64), [[], [1]]),
        ([pa.array([[]], pa.list_(pa.null()))], pa.list_(TEXT), [[]]),
        ([pa.array([[1]]), pa.array([[2.5]])], pa.list_(F64), [[1.0], [2.5]]),
        (
            [pa.array([{"x": 1}]), pa.array([{"y": "b"}])],
            pa.struct([("x", I64), ("y", TEXT)]),
            [{"x": 1, "y": None}, {"x": None, "y": "b"}],
        ),
        ([pa.array([1]), pa.array(["b"])], TEXT, ["1", "b"]),
        ([pa.array([[1]]), pa.array([{"x": 1}])], TEXT, ["[1]", '{"x":1}']),
        ([pa.array([True]), pa.array([2])], TEXT, ["true", "2"]),
    ],
)
def test_parquet_files_of_other_types_make_one(
    arrays: list[pa.Array], kind: pa.DataType, values: list[Any], tmp_path: Path
) -> None:
    column = column_over(tmp_path, arrays)

    assert column.type == kind
    assert column.to_pylist() == values


@pytest.mark.parametrize("kind", [pa.int8(), pa.large_string(), pa.dictionary(pa.int8(), TEXT)])
def test_a_type_that_all_files_share_is_kept(kind: pa.DataType) -> None:
    assert find_common_type([kind, kind]) == kind


@pytest.mark.parametrize(
    ("input_format", "first", "second", "kind"),
    [
        ("csv", "url,n\nhttp://a/1,7\n", "url,n\nhttp://a/2,x\n", TEXT),
        ("csv", "url,n\nhttp://a/1,7\n", "url,n\nhttp://a/2,0.5\n", F64),
        ("csv", "url,n\nhttp://a/1,\n", "url,n\nhttp://a/2,3\n", I64),
        ("jsonl", '{"url": "http://a/1", "n": null}', '{"url": "http://a/2", "n": 3}', I64),
        ("jsonl", '{"url": "http://a/1", "n": 1}', '{"url": "http://a/2", "n": 2.5}', F64),
        ("json", '[{"url": "http://a/1", "n": []}]', '[{"url": "http://a/2", "n": [1]}]',
         pa.list_(I64)),
    ],
)  # fmt: skip
def test_text_files_make_one_type(
    input_format: str, first: str, second: str, kind: pa.DataType, tmp_path: Path
) -> None:
    write(tmp_path / f"1.{input_format}", first)
    write(tmp_path / f"2.{input_format}", second)
    reading = config(input_format, additional_columns=("n",))

    tables = [load_table(s, reading) for s in open_source(str(tmp_path), reading).shards(10)]

    assert [table.schema.field("n").type for table in tables] == [kind, kind]


def test_nulls_of_a_table_in_python_are_strings() -> None:
    reading = config("parquet", additional_columns=("n",))
    source = open_source(pa.table({"url": ["http://a/1"], "n": pa.nulls(1)}), reading)

    (shard,) = source.shards(10)

    assert load_table(shard, reading).schema.field("n").type == TEXT
    assert json.dumps(load_table(shard, reading).column("n").to_pylist()) == "[null]"
