"""parquet -> row ranges -> tables."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset.errors import OptionError, SourceError
from img2dataset.records import ParquetRange, Shard
from img2dataset.sources import load_table, open_source, parquet_footers, parquet_ranges
from tests.unit.sources.lists import config, shards_of, urls_in

PARQUET = config("parquet")


def write_file(path: Path, rows: int, group: int, **columns: Any) -> str:
    table = pa.table({"url": [f"http://{n}" for n in range(rows)], **columns})
    pq.write_table(table, path, row_group_size=group)
    return str(path)


def test_shards_are_ranges_of_each_file(tmp_path: Path) -> None:
    first = write_file(tmp_path / "a.parquet", 25, 7)
    second = write_file(tmp_path / "b.parquet", 10, 100)

    source = open_source(str(tmp_path), PARQUET)

    assert source.rows_total() == 35
    assert list(source.shards(10)) == [
        Shard(0, 10, ParquetRange(first, 0, 10)),
        Shard(1, 10, ParquetRange(first, 10, 10)),
        Shard(2, 5, ParquetRange(first, 20, 5)),
        Shard(3, 10, ParquetRange(second, 0, 10)),
    ]


@pytest.mark.parametrize("group", [1, 3, 64, 1000])
@pytest.mark.parametrize("order", ["forward", "backward", "random", "every other"])
def test_ranges_hold_their_rows_in_whatever_order_they_are_read(
    group: int, order: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_ranges, "BATCH_ROWS", 8)
    shards = shards_of(write_file(tmp_path / "a.parquet", 200, group), PARQUET, 13)
    match order:
        case "backward":
            shards.reverse()
        case "random":
            random.Random(5).shuffle(shards)
        case "every other":
            shards = shards[::2] + shards[1::2]

    for shard in shards:
        expected = [f"http://{n}" for n in range(13 * shard.id, 13 * shard.id + shard.count)]
        assert load_table(shard, PARQUET)["url"].to_pylist() == expected


def test_ranges_that_follow_each_other_are_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeks: list[int] = []
    seek = parquet_ranges.RangeReader._seek

    def noted(reader: parquet_ranges.RangeReader, row: int) -> None:
        seeks.append(row)
        seek(reader, row)

    monkeypatch.setattr(parquet_ranges.RangeReader, "_seek", noted)
    one = shards_of(write_file(tmp_path / "a.parquet", 1000, 1000), PARQUET, 10)
    many = shards_of(write_file(tmp_path / "b.parquet", 1000, 50), PARQUET, 10)
    seeks.clear()  # of the look at the first rows

    for shard in one:
        load_table(shard, PARQUET)
    assert seeks == [0]

    for shard in (many[0], many[1], many[90]):
        load_table(shard, PARQUET)
    assert seeks == [0, 0, 900]  # what is between is not decoded


def test_only_wanted_columns_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_file(tmp_path / "a.parquet", 5, 5, big=["x"] * 5, n=list(range(5)))
    (shard,) = shards_of(path, config("parquet", additional_columns=("n",)))
    asked: list[list[str]] = []
    original = pq.ParquetFile.iter_batches

    def iter_batches(file: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(kwargs["columns"])
        return original(file, *args, **kwargs)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", iter_batches)

    load_table(shard, config("parquet", additional_columns=("n",)))

    assert asked == [["n", "url"]]


def test_columns_with_dots_and_columns_with_parts_are_told_apart(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.parquet", 1, 5, a=[{"b": 1}], **{"a.b": ["top"]})
    reading = config("parquet", additional_columns=("a", "a.b"))
    (shard,) = shards_of(path, reading)

    assert load_table(shard, reading).to_pylist() == [
        {"a": {"b": 1}, "a.b": "top", "url": "http://0"}
    ]


@pytest.mark.parametrize(
    "kind",
    [pa.int16(), pa.float32(), pa.timestamp("ns", "UTC"), pa.list_(pa.float32()), pa.large_string(),
     pa.decimal128(10, 2), pa.binary(), pa.bool_(), pa.uint64(),
     pa.dictionary(pa.int32(), pa.string())],
)  # fmt: skip
def test_additional_columns_keep_their_types(kind: Any, tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.parquet", 2, 1, x=pa.nulls(2, kind))
    reading = config("parquet", additional_columns=("x",))
    (shard,) = shards_of(path, reading)

    assert load_table(shard, reading).schema.field("x").type == kind


def test_two_workers_in_one_process_do_not_share_a_reader(tmp_path: Path) -> None:
    shards = shards_of(write_file(tmp_path / "a.parquet", 2000, 2000), PARQUET, 10)

    with ThreadPoolExecutor(4) as pool:
        tables = list(pool.map(lambda shard: load_table(shard, PARQUET), shards))

    assert [url for table in tables for url in table["url"].to_pylist()] == [
        f"http://{n}" for n in range(2000)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("long_footers", [False, True])
def test_the_columns_of_every_file_are_looked_at_before_work(
    *, long_footers: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if long_footers:  # longer than the tail that is read of each file
        monkeypatch.setattr(parquet_footers, "find_footer", lambda _: None)
    for number in range(230):
        write_file(tmp_path / f"part-{number:03}.parquet", 3, 3)
    assert open_source(str(tmp_path), PARQUET).rows_total() == 690

    pq.write_table(pa.table({"link": ["x"]}), tmp_path / "part-217.parquet")

    with pytest.raises(OptionError, match=r"part-217\.parquet has no such column.*'link'"):
        open_source(str(tmp_path), PARQUET)


def test_a_footer_is_found_at_the_end_of_a_file_if_all_of_it_is_there(tmp_path: Path) -> None:
    data = Path(write_file(tmp_path / "a.parquet", 5, 1)).read_bytes()
    length = int.from_bytes(data[-8:-4], "little") + 8

    assert parquet_footers.find_footer(data) == data[-length:]
    assert parquet_footers.find_footer(data[-length:]) == data[-length:]
    assert parquet_footers.find_footer(data[-length + 1 :]) is None
    assert parquet_footers.find_footer(b"PAR1") is None
    assert parquet_footers.find_footer(b"") is None


def test_a_file_that_shrank_is_a_source_error(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.parquet", 5, 5)

    with pytest.raises(SourceError, match="has 5 rows"):
        load_table(Shard(0, 6, ParquetRange(path, 0, 6)), PARQUET)


def test_a_damaged_footer_is_refused(tmp_path: Path) -> None:
    path = Path(write_file(tmp_path / "a.parquet", 5, 5))
    data = path.read_bytes()
    path.write_bytes(data[:-200] + b"\xff" * 192 + data[-8:])

    with pytest.raises(OptionError, match="cannot be read") as caught:
        open_source(str(path), PARQUET)

    assert "\n" not in str(caught.value)


def test_files_without_rows_between_others_have_no_shards(tmp_path: Path) -> None:
    for name, rows in (("a", 2), ("b", 0), ("c", 2)):
        pq.write_table(
            pa.table({"url": pa.array(["http://a"] * rows)}), tmp_path / f"{name}.parquet"
        )

    assert [shard.id for shard in shards_of(str(tmp_path), PARQUET)] == [0, 1]
    assert urls_in(str(tmp_path), PARQUET) == ["http://a"] * 4
