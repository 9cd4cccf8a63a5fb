"""csv and tsv without a header, with another delimiter, without quoting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from img2dataset.errors import OptionError
from img2dataset.options import Options
from img2dataset.sources import SourceConfig, open_source
from tests.unit.sources.lists import fields_in, write

NO_HEADER = 'a cat\thttp://a/1.jpg\na dog, "big"\thttp://a/2.jpg\n'


def reading(input_format: str = "tsv", **options: Any) -> SourceConfig:
    return SourceConfig.of(Options("list", input_format=input_format, **options))


def refusal(path: str, input_format: str = "tsv", **options: Any) -> str:
    with pytest.raises(OptionError) as caught:
        open_source(path, reading(input_format, **options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_columns_name_the_columns_and_the_first_line_is_a_row(tmp_path: Path) -> None:
    path = write(tmp_path / "list.tsv", NO_HEADER)

    fields = fields_in(path, reading(columns=["caption", "url"], caption_col="caption"))

    assert fields == [
        {"caption": "a cat", "url": "http://a/1.jpg"},
        {"caption": 'a dog, "big"', "url": "http://a/2.jpg"},
    ]


def test_types_of_kept_columns_take_the_first_line_in(tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", "http://a/1,1.5\nhttp://a/2,2\n")

    fields = fields_in(path, reading("csv", columns=["url", "n"], save_additional_columns=["n"]))

    assert [each["n"] for each in fields] == [1.5, 2.0]


def test_a_list_without_a_header_is_recognised_and_the_message_names_the_columns(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "list.tsv", NO_HEADER)

    assert "if the file has no header, name them, as by  --columns=caption,url" in refusal(path)
    assert "--columns=text,link" in refusal(path, url_col="link", caption_col="text")
    three = write(tmp_path / "three.csv", "1,http://a/1.jpg,x\n")
    assert "--columns=column1,url,column2" in refusal(three, "csv")
    assert "--columns=caption,url" in refusal(path, "txt")


@pytest.mark.parametrize(
    ("text", "columns", "words"),
    [
        ("http://a\tb\tc\n", ["url", "caption"], "2 names, but the first row of"),
        ("URL\tcaption\nhttp://a\tb\n", ["url", "caption"], "has a header with these names"),
        ("http://a\tb\n", ["ulr", "caption"], "did you mean 'ulr'?"),
        ("http://a\tb\n", ["caption", "title"], "its columns are 'caption', 'title'"),
    ],
)
def test_columns_that_do_not_fit_are_refused_before_work(
    tmp_path: Path, text: str, columns: list[str], words: str
) -> None:
    assert words in refusal(write(tmp_path / "list.tsv", text), columns=columns)


@pytest.mark.parametrize("name", ["tab", "\\t", "\t"])
def test_tabs_in_a_file_that_is_named_csv(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "photos.csv", "url\tcaption\nhttp://a/1\tone, two\n")

    fields = fields_in(path, reading("csv", delimiter=name, caption_col="caption"))

    assert fields == [{"caption": "one, two", "url": "http://a/1"}]


@pytest.mark.parametrize("character", [";", "|", "^", "]", "\x01", " ", "§"])
def test_any_character_may_separate_cells(tmp_path: Path, character: str) -> None:
    rows = [
        ["url", "caption"],
        ["http://a/1", f'"one{character}""two"""'],
        ["http://a/2", '"x\\""'],
    ]
    path = write(tmp_path / "list.csv", "\n".join(map(character.join, rows)))

    fields = fields_in(path, reading("csv", delimiter=character, caption_col="caption"))

    assert [each["caption"] for each in fields] == [f'one{character}"two"', 'x"']


def test_without_quoting_quotes_are_letters_and_a_line_is_a_row(tmp_path: Path) -> None:
    lines = ["url\tcaption", 'http://a/1\t"whole"', 'http://a/2\t"open', 'http://a/3\tclose"', ""]
    path = write(tmp_path / "list.tsv", "\n".join(lines))

    fields = fields_in(path, reading(quoting="none", caption_col="caption"))
    understood = fields_in(path, reading(caption_col="caption"))

    assert [each["caption"] for each in fields] == ['"whole"', '"open', 'close"']
    assert understood[0]["caption"] == "whole"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"delimiter": "ab"}, "one character"),
        ({"delimiter": "x"}, "one character"),
        ({"delimiter": '"'}, "one character"),
        ({"columns": []}, "a list of names"),
        ({"columns": ["url", "url"]}, "each of them once"),
        ({"quoting": "all"}, "one of auto, none"),
        ({"columns": ["url"], "input_format": "jsonl"}, "columns is 'url', which is for"),
        ({"delimiter": "tab", "input_format": "parquet"}, "delimiter is 'tab', which is for"),
        ({"quoting": "none", "input_format": "txt.gz"}, "input_format is 'txt.gz'"),
    ],
)
def test_bad_values_are_refused_in_one_line(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Options("list", **{"input_format": "csv", **options})
