"""Lists whose files give a column different types -> one dataset that loaders read as one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from tfrecord.reader import tfrecord_loader

from img2dataset import download
from tests.site import Site

FORMATS = ["webdataset", "tfrecord"]
every_format = pytest.mark.parametrize(
    "output_format",
    [pytest.param(each, marks=() if each == "tfrecord" else pytest.mark.slow) for each in FORMATS],
)


@dataclass(frozen=True)
class Column:
    """A column as the files of a list have it, and as the dataset is to have it."""

    parts: list[pa.Array]
    kind: pa.DataType
    expected: list[Any]
    features: list[list[Any]]
    """Of tf.train.Example."""


def dictionary(texts: list[str | None]) -> pa.Array:
    return pa.array(texts).dictionary_encode()


COLUMNS = {
    "null_text": Column(
        [pa.nulls(2), pa.array(["a", None]), pa.array(["b", "c"])],
        pa.string(), [None, None, "a", None, "b", "c"],
        [[b""], [b""], [b"a"], [b""], [b"b"], [b"c"]],
    ),
    "nulls": Column([pa.nulls(2)] * 3, pa.string(), [None] * 6, [[b""]] * 6),
    "number": Column(
        [pa.array([1, 2]), pa.array([0.5, None]), pa.nulls(2)],
        pa.float64(), [1.0, 2.0, 0.5, None, None, None],
        [[1.0], [2.0], [0.5], [], [], []],
    ),
    "whole": Column(
        [pa.array([1, None], pa.int32()), pa.array([2**53 + 1, 2]), pa.array([3, 4], pa.int8())],
        pa.int64(), [1, None, 2**53 + 1, 2, 3, 4],
        [[1], [], [2**53 + 1], [2], [3], [4]],
    ),
    "ints": Column(
        [pa.nulls(2), pa.array([[1, None, 2], []]), pa.array([[None], None], pa.list_(pa.int32()))],
        pa.list_(pa.int64()), [None, None, [1, None, 2], [], [None], None],
        [[], [], [1, 2], [], [], []],
    ),
    "texts": Column(
        [pa.nulls(2), pa.array([["x"], None]), pa.array([[], ["y", "z"]], pa.list_(pa.string()))],
        pa.list_(pa.string()), [None, None, ["x"], None, [], ["y", "z"]],
        [[], [], [b"x"], [], [], [b"y", b"z"]],
    ),
    "words": Column(
        [dictionary(["a", "a"]), pa.array(["b", None], pa.large_string()), pa.array(["c", "d"])],
        pa.string(), ["a", "a", "b", None, "c", "d"],
        [[b"a"], [b"a"], [b"b"], [b""], [b"c"], [b"d"]],
    ),
    "mixed": Column(
        [pa.array([True, None]), pa.array(["x", "y"]), pa.array([[1], [2]])],
        pa.string(), ["true", None, "x", "y", "[1]", "[2]"],
        [[b"true"], [b""], [b"x"], [b"y"], [b"[1]"], [b"[2]"]],
    ),
}  # fmt: skip


def settings(path: Path, output_format: str, **changes: Any) -> dict[str, Any]:
    return {
        "url_list": str(path / "list"),
        "input_format": "parquet",
        "output_folder": str(path / "out"),
        "output_format": output_format,
        "save_additional_columns": list(COLUMNS),
        "number_sample_per_shard": 2,
        "processes_count": 1,
        "image_size": 32,
        **changes,
    }


def write_parts(path: Path, site: Site, token: str | None = None) -> None:
    """Three files of two rows; with a token each first row is refused once."""
    (path / "list").mkdir()
    for number in range(3):
        urls = [site.url(f"/image/{number}{row}.jpg") for row in range(2)]
        if token is not None:
            urls[0] = site.url("/flaky", fail=1, how="503", token=f"{token}{number}")
        columns = {name: column.parts[number] for name, column in COLUMNS.items()}
        pq.write_table(pa.table({"url": urls, **columns}), path / "list" / f"part-{number}.parquet")


def check_one(path: Path, output_format: str) -> None:
    """Every loader reads the shards as one, with the right types and values."""
    out = path / "out"
    paths = sorted(str(shard) for shard in out.glob("[0-9]*.parquet"))
    assert len(paths) == 3
    schemas = [pq.read_schema(shard) for shard in paths]
    assert all(schema.equals(schemas[0]) for schema in schemas)
    assert {name: schemas[0].field(name).type for name in COLUMNS} == {
        name: column.kind for name, column in COLUMNS.items()
    }
    table = ds.dataset(paths, schema=schemas[0]).to_table()
    for name, column in COLUMNS.items():
        assert table[name].to_pylist() == column.expected, name
    joined = pd.concat([pd.read_parquet(shard) for shard in paths])
    assert joined["number"].dtype == "float64"
    assert set(table["status"].to_pylist()) == {"success"}
    if output_format == "tfrecord":
        check_features(out)


def check_features(out: Path) -> None:
    """By a reader that is told one kind for each column, as all are."""
    rows = [
        example
        for shard in sorted(out.glob("*.tfrecord"))
        for example in sorted(tfrecord_loader(str(shard), None), key=lambda each: each["key"])
    ]
    kinds = {name: kind_of(column.kind) for name, column in COLUMNS.items()}
    for shard in sorted(out.glob("*.tfrecord")):
        list(tfrecord_loader(str(shard), None, kinds))  # raises if one is of another kind
    for name, column in COLUMNS.items():
        assert [listed(row[name]) for row in rows] == column.features, name


def kind_of(kind: pa.DataType) -> str:
    element = getattr(kind, "value_type", kind)
    if pa.types.is_floating(element):
        return "float"
    return "int" if pa.types.is_integer(element) else "byte"


def listed(value: Any) -> list[Any]:
    if isinstance(value, bytes):
        return [value]
    return [each.item() if hasattr(each, "item") else each for each in value]


@pytest.mark.slow
@every_format
def test_files_of_different_types_become_one_dataset(
    site: Site, tmp_path: Path, output_format: str
) -> None:
    write_parts(tmp_path, site)
    assert download(**settings(tmp_path, output_format)).successes == 6

    check_one(tmp_path, output_format)


@pytest.mark.slow
@every_format
def test_a_run_that_goes_on_gives_the_same_types(
    site: Site, tmp_path: Path, output_format: str
) -> None:
    write_parts(tmp_path, site)
    download(**settings(tmp_path, output_format, part="0/2"))
    download(**settings(tmp_path, output_format, part="1/2"))
    # as if it had been killed before the last shard was stored
    for left in (tmp_path / "out").glob("00001*.json"):
        left.unlink()
    assert download(**settings(tmp_path, output_format)).successes == 2

    check_one(tmp_path, output_format)


@pytest.mark.slow
@every_format
def test_rows_fetched_again_have_the_same_types(
    site: Site, tmp_path: Path, output_format: str
) -> None:
    write_parts(tmp_path, site, token=f"{tmp_path}{output_format}")
    first = download(**settings(tmp_path, output_format, retries=0))
    assert first.successes == 3
    again = download(**settings(tmp_path, output_format, incremental_mode="retry"))
    assert again.recovered == 3

    check_one(tmp_path, output_format)


@pytest.mark.slow
def test_csv_parts_of_whole_numbers_fractions_and_nothing(site: Site, tmp_path: Path) -> None:
    (tmp_path / "list").mkdir()
    for number, value in enumerate(["1", "1.5", ""]):
        url = site.url(f"/image/{number}.jpg")
        (tmp_path / "list" / f"{number}.csv").write_text(f"url,score\n{url},{value}\n")
    changes = {"input_format": "csv", "save_additional_columns": ["score"]}
    download(**settings(tmp_path, "webdataset", **changes))

    shards = sorted((tmp_path / "out").glob("[0-9]*.parquet"))
    schemas = [pq.read_schema(shard) for shard in shards]
    assert all(schema.equals(schemas[0]) for schema in schemas)
    table = ds.dataset([str(shard) for shard in shards]).to_table()
    assert table["score"].to_pylist() == [1.0, 1.5, None]


@pytest.mark.slow
def test_a_retry_whose_types_do_not_fit_what_is_stored_says_so(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dataset made when each file of a list kept its own types."""
    (tmp_path / "list").mkdir()
    url = site.url("/flaky", fail=1, how="503", token=str(tmp_path))
    listed = pa.table({"url": [url, site.url("/image/1.jpg")], "n": [0.5, 1.5]})
    pq.write_table(listed, tmp_path / "list" / "0.parquet")
    changes = {"save_additional_columns": ["n"], "retries": 0}
    download(**settings(tmp_path, "webdataset", **changes))
    stored = tmp_path / "out" / "00000.parquet"
    table = pq.read_table(stored)
    place = table.column_names.index("n")
    pq.write_table(table.set_column(place, "n", pa.array([1, 2])), stored)
    before = stored.read_bytes()

    report = download(**settings(tmp_path, "webdataset", **changes, incremental_mode="retry"))

    assert report.shards_not_done == ("00000",)
    assert stored.read_bytes() == before
    assert "gives other types to n (stored as int64, now double)" in capsys.readouterr().err
