"""rename_columns and save_additional_columns=*."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from img2dataset.errors import OptionError
from img2dataset.options import Options
from img2dataset.options.star import expand_star
from img2dataset.run.all_columns import name_all_columns
from img2dataset.sources import SourceConfig, open_source
from tests.unit.sources.lists import content, fields_in, write

RECORDS = [
    {"key": "k1", "url": "http://a/1", "width": 640, "text": "one"},
    {"key": "k2", "url": "http://a/2", "width": 800, "text": "two"},
]
RENAMES = ["width=list_width", "key=src_key", "text=words"]


def reading(input_format: str, **options: Any) -> SourceConfig:
    return SourceConfig.of(Options("list", input_format=input_format, **options))


@pytest.mark.parametrize("input_format", ["csv", "jsonl", "json", "parquet", "table"])
def test_reserved_names_are_kept_under_others(input_format: str, tmp_path: Path) -> None:
    is_table = input_format == "table"
    read_as = "parquet" if is_table else input_format
    path = write(tmp_path / f"a.{read_as}", content(RECORDS, read_as))
    url_list = pa.Table.from_pylist(RECORDS) if is_table else path

    fields = fields_in(
        url_list,
        reading(
            read_as,
            rename_columns=RENAMES,
            save_additional_columns=["list_width", "src_key"],
            caption_col="words",
        ),
    )

    assert fields[1] == {
        "list_width": 800, "src_key": "k2", "caption": "two", "url": "http://a/2",
    }  # fmt: skip


@pytest.mark.parametrize("input_format", ["csv", "jsonl", "json", "parquet"])
def test_two_columns_may_change_their_names(input_format: str, tmp_path: Path) -> None:
    records = [{"url": "no", "link": "http://a/1"}]
    path = write(tmp_path / f"a.{input_format}", content(records, input_format))

    fields = fields_in(path, reading(input_format, rename_columns=["url=link", "link=url"]))

    assert fields == [{"url": "http://a/1"}]


@pytest.mark.parametrize(
    ("renames", "words"),
    [
        (["widht=list_width"], "has no column 'widht'.*did you mean 'width'"),
        (["width=text"], "has a column 'text' already"),
    ],
)
@pytest.mark.parametrize("input_format", ["csv", "jsonl", "json", "parquet"])
def test_renames_that_do_not_fit_the_list_are_refused_before_work(
    input_format: str, renames: list[str], words: str, tmp_path: Path
) -> None:
    path = write(tmp_path / f"a.{input_format}", content(RECORDS, input_format))

    with pytest.raises(OptionError, match=words) as caught:
        open_source(path, reading(input_format, rename_columns=renames))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rename_columns": ["width"]}, "old=new"),
        ({"rename_columns": ["width="]}, "old=new"),
        ({"rename_columns": ["a=b", "c=b"]}, "each name once"),
        ({"rename_columns": ["width=list_width"], "save_additional_columns": ["width"]},
         "write 'list_width' there"),
        ({"rename_columns": ["url=link"]}, "url_col has 'url'.*write 'link'"),
        ({"save_additional_columns": ["*", "id"]}, "alone is all columns"),
        ({"save_additional_columns": ["width"]}, "rename_columns=width=list_width"),
        ({"bbox_col": "key"}, "rename_columns=key=list_key"),
    ],
)  # fmt: skip
def test_renames_that_do_not_fit_the_options_are_refused(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(OptionError, match=words):
        Options("list", input_format="csv", **options)


def test_a_star_is_all_columns_and_those_with_taken_names_get_a_prefix() -> None:
    options = Options(
        "list", input_format="parquet", caption_col="text", save_additional_columns=["*"],
        rename_columns=["id=number"], save_fetch_metadata=True,
    )  # fmt: skip
    names = ["id", "url", "text", "width", "list_width", "etag", "jpg", "", "sha256"]

    named = expand_star(options, names, taken={"jpg"})

    assert named.save_additional_columns == [
        "number", "list_list_width", "list_width", "list_etag", "list_jpg", "unnamed", "list_sha256",
    ]  # fmt: skip
    assert named.rename_columns == [
        "id=number", "width=list_list_width", "etag=list_etag", "jpg=list_jpg", "=unnamed",
        "sha256=list_sha256",
    ]  # fmt: skip


@pytest.mark.parametrize("input_format", ["csv", "jsonl", "json", "parquet"])
def test_all_names_are_those_of_the_list_also_late_ones(input_format: str, tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [*RECORDS]
    names = ["key", "url", "width", "text"]
    if input_format.startswith("json"):
        records += [{"url": "http://a/3", "late": 1}]
        names.append("late")
    path = write(tmp_path / f"a.{input_format}", content(records, input_format))

    assert open_source(path, reading(input_format)).all_names() == names


@pytest.mark.parametrize("make", [pa.table, pd.DataFrame])
@pytest.mark.parametrize("renames", [None, ["status=st"]])
@pytest.mark.parametrize("where", [None, "n > 1"])
def test_a_star_is_all_columns_of_what_is_in_memory(
    make: Any, renames: list[str] | None, where: str | None
) -> None:
    url_list = make({"url": ["http://a/1", "http://a/2"], "n": [1, 2], "status": ["x", "y"]})
    options = Options(
        url_list, input_format="parquet", save_additional_columns=["*"], rename_columns=renames,
        where=where,
    )  # fmt: skip

    named, _ = name_all_columns(options, url_list, lambda _: False)

    assert fields_in(url_list, SourceConfig.of(named))[-1] == {
        "n": 2, "st" if renames else "list_status": "y", "url": "http://a/2",
    }  # fmt: skip


@pytest.mark.parametrize("input_format", ["csv", "tsv", "jsonl", "json", "parquet"])
@pytest.mark.parametrize("in_folder", [False, True])
def test_a_condition_takes_the_new_names(
    input_format: str,
    tmp_path: Path,
    *,
    in_folder: bool,
) -> None:
    records = [{"url": "http://a/1", "width": 500}, {"url": "http://a/2", "width": 600}]
    old = "year" if in_folder else "width"
    for year in (500, 600) if in_folder else (500,):
        folder = tmp_path / "list" / (f"year={year}" if in_folder else "")
        folder.mkdir(parents=True)
        write(folder / f"a.{input_format}", content(records, input_format))
    wanted = reading(input_format, rename_columns=[f"{old}=list_width"], where="list_width >= 512")

    assert fields_in(str(tmp_path / "list"), wanted) == [
        {"url": "http://a/1"}, {"url": "http://a/2"},
    ][0 if in_folder else 1:]  # fmt: skip
