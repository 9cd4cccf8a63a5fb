"""limit."""

from __future__ import annotations

import gzip
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset.errors import OptionError, SourceError
from img2dataset.options import Options
from img2dataset.sources import SourceConfig, load_table, open_source
from tests.unit.sources.lists import content, write

RECORDS = [{"url": f"http://a.example/{n}", "n": n} for n in range(40)]
FORMATS = ["txt", "csv.gz", "tsv", "json", "jsonl", "parquet", "table", "frame", "urls"]


def make(input_format: str, folder: Path) -> tuple[Any, str]:
    """A list of two files, of 25 and 15 rows, and the format that it is read in."""
    if input_format == "table":
        return pa.Table.from_pylist(RECORDS), "parquet"
    if input_format == "frame":
        return pd.DataFrame(RECORDS), "parquet"
    if input_format == "urls":
        return [record["url"] for record in RECORDS], "txt"
    for number, part in enumerate((RECORDS[:25], RECORDS[25:])):
        path = folder / f"{number}.{input_format}"
        if input_format == "parquet":
            pq.write_table(pa.Table.from_pylist(part), path)
        else:
            write(path, content(part, input_format))
    return str(folder), input_format


def read(url_list: Any, input_format: str, rows: int, **options: Any) -> list[list[str]]:
    """The URLs of each shard of so many rows."""
    config = SourceConfig.of(Options("list", input_format=input_format, **options))
    source = open_source(url_list, config)
    shards = list(source.shards(rows))
    assert [shard.id for shard in shards] == list(range(len(shards)))
    tables = [load_table(shard, config).column("url").to_pylist() for shard in shards]
    assert [len(table) for table in tables] == [shard.count for shard in shards]
    total = source.rows_total()
    assert total is None or total == sum(map(len, tables))
    assert source.fraction_read() == 1.0
    return tables


def flat(tables: list[list[str]]) -> list[str]:
    return list(chain.from_iterable(tables))


@pytest.mark.parametrize("rows_per_shard", [4, 100])
@pytest.mark.parametrize("input_format", FORMATS)
def test_the_first_rows_of_the_whole_list_in_the_same_shards(
    input_format: str, rows_per_shard: int, tmp_path: Path
) -> None:
    url_list, kind = make(input_format, tmp_path)
    whole = read(url_list, kind, rows_per_shard)

    for limit in (1, 10, 27, 1000):
        rows = read(url_list, kind, rows_per_shard, limit=limit)

        assert flat(rows) == flat(whole)[:limit]
        assert rows[:-1] == whole[: len(rows) - 1]


@pytest.mark.parametrize("input_format", ["csv", "json", "jsonl", "parquet", "table"])
def test_rows_are_counted_after_where_shuffle_and_deduplicate(
    input_format: str, tmp_path: Path
) -> None:
    url_list, kind = make(input_format, tmp_path)
    changes: dict[str, Any] = {"where": "n >= 30", "shuffle": 3, "deduplicate": "url"}
    whole = flat(read(url_list, kind, 4, **changes))

    assert flat(read(url_list, kind, 4, **changes, limit=5)) == whole[:5]
    assert len(whole) == 10


def test_a_folder_of_images_is_cut_as_a_list_is(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number:02}.png").write_bytes(b"")
    whole = flat(read(str(tmp_path), "folder", 4))

    assert flat(read(str(tmp_path), "folder", 4, limit=7)) == whole[:7]
    assert len(whole) == 12


@pytest.mark.slow
@pytest.mark.parametrize("input_format", ["csv", "jsonl", "txt"])
def test_what_is_behind_the_limit_is_not_read(input_format: str, tmp_path: Path) -> None:
    """The packed list is cut off: who reads it to its end fails."""
    path = tmp_path / f"list.{input_format}.gz"
    records = [{"url": f"http://a.example/{hash(str(n))}", "n": n} for n in range(60_000)]
    path.write_bytes(gzip.compress(content(records, input_format), 1)[:-1000])
    columns: dict[str, Any] = {} if input_format == "txt" else {"save_additional_columns": ["n"]}

    assert flat(read(str(path), f"{input_format}.gz", 10, limit=15, **columns)) == [
        record["url"] for record in records[:15]
    ]
    with pytest.raises(SourceError, match="not a whole gzip file"):
        read(str(path), f"{input_format}.gz", 10_000, **columns)


@pytest.mark.parametrize("limit", [0, -3, 2.5, "many", True])
def test_a_limit_that_is_no_number_of_rows_is_refused(limit: Any) -> None:
    with pytest.raises(OptionError, match=r"^limit is .*: it must be ") as caught:
        Options("list", limit=limit)
    assert "\n" not in str(caught.value)
