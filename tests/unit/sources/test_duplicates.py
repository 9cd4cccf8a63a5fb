"""deduplicate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from img2dataset.errors import OptionError
from img2dataset.options import Options
from img2dataset.sources import SourceConfig, open_source
from img2dataset.sources import duplicates as module
from img2dataset.sources.duplicates import Duplicates
from tests.unit.sources.lists import content, fields_in, urls_in, write

RECORDS = [
    {"url": f"http://a/{number % 3}", "text": f"caption {number // 2}", "n": number}
    for number in range(9)
]
FORMATS = ["csv", "json", "jsonl", "parquet", "table", "frame"]


def reading(input_format: str, **options: Any) -> SourceConfig:
    return SourceConfig.of(Options("list", input_format=input_format, deduplicate="url", **options))


def make(input_format: str, folder: Path) -> tuple[Any, str]:
    """A list, and the format that it is read in."""
    if input_format == "table":
        return pa.Table.from_pylist(RECORDS), "parquet"
    if input_format == "frame":
        return pd.DataFrame(RECORDS), "parquet"
    for number, start in enumerate((0, 2, 7)):
        part = RECORDS[start : (2, 7, 9)[number]]
        write(folder / f"{number}.{input_format}", content(part, input_format))
    return str(folder), input_format


@pytest.mark.parametrize("input_format", FORMATS)
def test_each_image_is_there_once_over_all_files(input_format: str, tmp_path: Path) -> None:
    url_list, read_as = make(input_format, tmp_path)
    wanted = reading(read_as, caption_col="text", save_additional_columns=["n"])

    assert fields_in(url_list, wanted) == [
        {"n": number, "caption": f"caption {number // 2}", "url": f"http://a/{number}"}
        for number in range(3)
    ]
    source = open_source(url_list, wanted)
    assert [sum(shard.count for shard in source.shards(2)) for _ in range(2)] == [3, 3]


@pytest.mark.parametrize("input_format", FORMATS)
def test_the_captions_of_all_its_rows_are_a_list_each_once(
    input_format: str, tmp_path: Path
) -> None:
    url_list, read_as = make(input_format, tmp_path)
    wanted = reading(read_as, caption_col="text", duplicate_captions="all")

    fields = fields_in(url_list, wanted)

    assert [(each["caption"], each["all_captions"]) for each in fields] == [
        ("caption 0", ["caption 0", "caption 1", "caption 3"]),
        ("caption 0", ["caption 0", "caption 2", "caption 3"]),
        ("caption 1", ["caption 1", "caption 2", "caption 4"]),
    ]


def test_rows_without_a_url_stay_each_with_its_reason(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "url,n\nhttp://a/1,1\nhttp://b\nhttp://a/1 ,3\nhttp://c\n")

    assert urls_in(path, reading("csv")) == ["http://a/1", None, None]


def test_bare_urls_and_conditions(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "http://a/1\nhttp://a/2\nhttp://a/1\n")
    assert urls_in(path, reading("txt")) == ["http://a/1", "http://a/2"]

    table = write(tmp_path / "a.csv", content(RECORDS, "csv"))
    fields = fields_in(table, reading("csv", where="n > 4", save_additional_columns=["n"]))
    assert [each["n"] for each in fields] == [5, 6, 7]


def test_what_does_not_fit_in_the_cache_goes_to_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHE_KIB", 64)
    seen = Duplicates()

    kept = [
        seen.keep_first(
            pa.table({"url": [f"http://a/{n % 7000}" for n in range(start, start + 5000)]})
        )
        for start in range(0, 20_000, 5000)
    ]
    seen.close()

    assert [table.num_rows for table in kept] == [5000, 2000, 0, 0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"deduplicate": "host"}, "one of url"),
        ({"deduplicate": "url", "duplicate_captions": "some"}, "one of first, all"),
        ({"duplicate_captions": "all", "caption_col": "t"}, "no effect without deduplicate=url"),
        ({"deduplicate": "url", "duplicate_captions": "all"}, "no effect without caption_col"),
        ({"deduplicate": "url", "duplicate_captions": "all", "caption_col": "t",
          "save_additional_columns": ["all_captions"]}, "rename it"),
    ],
)  # fmt: skip
def test_bad_values_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Options("list", input_format="csv", **options)
