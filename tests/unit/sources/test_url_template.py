"""url_template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from img2dataset.errors import OptionError
from img2dataset.options import Options
from img2dataset.options.star import expand_star
from img2dataset.sources import SourceConfig, open_source
from tests.unit.sources.lists import content, fields_in, rows_in, urls_in, write

TEMPLATE = "https://host/photos/{photo_id}/medium.{extension}"
RECORDS = [
    {"photo_id": 7, "extension": "jpg", "name": "a"},
    {"photo_id": 2**53 + 1, "extension": " png ", "name": "b"},
    {"photo_id": 9, "extension": "", "name": "c"},
]
URLS = [
    "https://host/photos/7/medium.jpg", f"https://host/photos/{2**53 + 1}/medium.png", None,
]  # fmt: skip


def reading(input_format: str, template: str = TEMPLATE, **options: Any) -> SourceConfig:
    return SourceConfig.of(
        Options("list", input_format=input_format, url_template=template, **options)
    )


@pytest.mark.parametrize("input_format", ["csv", "tsv", "json", "jsonl", "parquet", "table"])
def test_urls_are_made_of_columns(input_format: str, tmp_path: Path) -> None:
    read_as = "parquet" if input_format == "table" else input_format
    path = write(tmp_path / f"a.{read_as}", content(RECORDS, read_as))
    url_list = pa.Table.from_pylist(RECORDS) if input_format == "table" else path

    rows = rows_in(url_list, reading(read_as, save_additional_columns=["photo_id"]))

    assert [row.url for row in rows] == URLS
    assert dict(rows[0].fields) == {"photo_id": 7, "url": URLS[0]}


def test_a_malformed_line_is_a_row_as_ever(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "photo_id,extension\n1,jpg\n2\n3,png\n")

    rows = rows_in(path, reading("csv"))

    assert [row.url for row in rows][::2] == [
        "https://host/photos/1/medium.jpg", "https://host/photos/3/medium.png",
    ]  # fmt: skip
    assert rows[1].problem == "3: 1 column instead of 2"


def test_braces_are_doubled_and_new_names_are_meant(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id\n7\n")

    options = {"rename_columns": ["id=number"]}
    assert urls_in(path, reading("csv", "http://a/{{{number}}}.jpg", **options)) == [
        "http://a/{7}.jpg"
    ]
    with pytest.raises(OptionError, match="write 'number' there"):
        reading("csv", "http://a/{id}.jpg", **options)


def test_a_url_of_the_list_itself_is_kept_under_another_name(tmp_path: Path) -> None:
    options = Options(
        "list", input_format="csv", url_template="http://a/{id}", save_additional_columns=["*"]
    )

    assert expand_star(options, ["id", "url"], ()).save_additional_columns == ["id", "list_url"]
    path = write(tmp_path / "a.csv", "id,url\n7,http://page\n")
    named = SourceConfig.of(expand_star(options, ["id", "url"], ()))
    assert fields_in(path, named) == [{"id": 7, "list_url": "http://page", "url": "http://a/7"}]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("https://host/a.jpg", "names of columns in braces"),
        ("https://host/{a", "names of columns in braces"),
        ("https://host/{}", "names of columns in braces"),
        ("https://host/{a!r}", "names of columns in braces"),
        ("https://host/{a:3}", "names of columns in braces"),
        ("host/{a}", "names of columns in braces"),
        ("s3://bucket/{a}", "not allow s3: url_schemes=http,https,s3 does"),
        ("File:///data/{a}", "not allow file: url_schemes=http,https,file does"),
        ("/data/{a}", "not allow file: url_schemes=http,https,file does"),
        ("", "names of columns in braces"),
    ],
)
def test_a_bad_template_is_refused(template: str, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        reading("csv", template)


@pytest.mark.parametrize("input_format", ["csv", "jsonl", "json", "parquet"])
def test_a_template_that_does_not_fit_the_list_is_refused_before_work(
    input_format: str, tmp_path: Path
) -> None:
    path = write(tmp_path / f"a.{input_format}", content(RECORDS, input_format))

    with pytest.raises(OptionError, match=r"the column 'Photo_ID'.*did you mean 'photo_id'") as one:
        open_source(path, reading(input_format, "http://a/{Photo_ID}"))
    with pytest.raises(OptionError, match=r"it makes no URL, but 'a/7'") as two:
        open_source(path, reading(input_format, "{name}/{photo_id}"))
    assert "\n" not in f"{one.value}{two.value}"


@pytest.mark.parametrize("start", ["s3://bucket/", "file:///data/", "/data/", "HTTPS://a/"])
def test_a_template_may_make_urls_of_the_schemes_that_are_allowed(
    start: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.csv", "id\n7\n")

    config = reading("csv", start + "{id}.jpg", url_schemes=["s3", "file", "https"])

    assert urls_in(path, config) == [f"{start}7.jpg"]


def test_a_template_goes_with_no_url_col_and_not_with_txt() -> None:
    with pytest.raises(OptionError, match="leave one of the two out"):
        reading("csv", url_col="link")
    with pytest.raises(OptionError, match="has no columns"):
        reading("txt")
