"""Quotes, delimiters and line ends that are not as they should be -> rows, or failed rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from img2dataset.sources import open_source
from tests.unit.sources.lists import config, fields_in, problems_in, rows_in, urls_in, write


def captions(text: str, input_format: str, folder: Path) -> list[str | None]:
    """The captions of a list with the columns url and c."""
    path = write(folder / f"a.{input_format}", text)
    return [row["caption"] for row in fields_in(path, config(input_format, caption_col="c"))]


@pytest.mark.parametrize(
    ("cell", "caption"),
    [
        ('"No more rain" a poster', '"No more rain" a poster'),
        ('"Quoted whole"', "Quoted whole"),
        ('"Quoted ""twice"""', 'Quoted "twice"'),
        ('a 6" pipe', 'a 6" pipe'),
        ('"open', '"open'),
        ('close"', 'close"'),
        ('"a" and "b"', '"a" and "b"'),
        ('"" empty first', '"" empty first'),
        ('"', '"'),
        ('""', ""),
        ('"""', '"""'),
        (r'"he says \"hi\""', 'he says "hi"'),
        ("carriage\rreturn", "carriage\rreturn"),
    ],
)
def test_a_line_of_tsv_with_the_right_number_of_tabs_is_a_row(
    cell: str, caption: str, tmp_path: Path
) -> None:
    text = f"url\tc\nhttp://a\tx\nhttp://b\t{cell}\nhttp://c\ty\n"

    assert captions(text, "tsv", tmp_path) == ["x", caption, "y"]


def test_quotes_open_and_closed_hundreds_of_lines_apart_swallow_nothing(tmp_path: Path) -> None:
    lines = [f"http://h/{number}\tplain" for number in range(900)]
    lines[10] = 'http://h/10\t"open'
    lines[700] = 'http://h/700\tclose"'
    path = write(tmp_path / "a.tsv", "url\tc\n" + "\n".join(lines))

    assert urls_in(path, config("tsv")) == [f"http://h/{number}" for number in range(900)]


def test_a_caption_of_several_lines_in_any_column_is_one_row(tmp_path: Path) -> None:
    text = 'c\turl\tx\n"one\ntwo, see http://x/\tand\nthree"\thttp://a\t"p\nq"\nz\thttp://b\t\n'
    reading = config("tsv", caption_col="c", additional_columns=("x",))

    assert fields_in(write(tmp_path / "a.tsv", text), reading) == [
        {"x": "p\nq", "caption": "one\ntwo, see http://x/\tand\nthree", "url": "http://a"},
        {"x": "", "caption": "z", "url": "http://b"},
    ]


@pytest.mark.parametrize(
    ("cell", "caption"),
    [
        ('"No more rain" a poster', '"No more rain" a poster'),
        ('"a" and "b"', '"a" and "b"'),
        (r'"he says \"hi\" to all"', 'he says "hi" to all'),
        (r'"\"start, and comma\""', '"start, and comma"'),
        ('"a, b" and c', None),
        ('"open', None),
    ],
)
def test_quotes_inside_a_caption_of_csv(cell: str, caption: str | None, tmp_path: Path) -> None:
    text = f"url,c\nhttp://a,x\nhttp://b,{cell}\nhttp://c,y\n"

    assert captions(text, "csv", tmp_path) == ["x", caption, "y"]


def test_backslashes_are_those_of_spark_from_where_a_record_shows_it(tmp_path: Path) -> None:
    rows = [r'"C:\\x, y"', r'"say \"hi\""', r'"a\\b, c"', r"a\\b", '"two\nlines \\" here"', '"\\""']
    text = "c,url\n" + "".join(f"{row},http://a\n" for row in rows)

    assert captions(text, "csv", tmp_path) == [
        r"C:\\x, y", 'say "hi"', r"a\b, c", r"a\\b", 'two\nlines " here', '"',
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "url,c,\nhttp://a,x,\nhttp://b,y,\n",
        "url,c,\nhttp://a,x\nhttp://b,y,\n",
        "url,c\nhttp://a,x,\nhttp://b,y,\n",
        "url,c\nhttp://a,x\nhttp://b,y,\n",
        'url,c\nhttp://a,"x",\nhttp://b,"y"\n',
    ],
)
@pytest.mark.parametrize("input_format", ["csv", "tsv"])
def test_one_delimiter_more_at_the_end_is_forgiven(
    text: str, input_format: str, tmp_path: Path
) -> None:
    text = text.replace(",", "\t") if input_format == "tsv" else text

    assert captions(text, input_format, tmp_path) == ["x", "y"]


def test_a_trailing_delimiter_after_empty_captions_is_forgiven_too(tmp_path: Path) -> None:
    assert captions("url,c\nhttp://a,,\nhttp://b,y,\n", "csv", tmp_path) == ["", "y"]


def test_an_empty_last_cell_may_hide_a_delimiter_inside_a_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "url\tc\tx\nhttp://a\tp\t\nhttp://b\tone\ttwo\t\n")
    reading = config("tsv", caption_col="c", additional_columns=("x",))

    assert problems_in(path, reading) == [None, "3: 4 columns instead of 3"]


@pytest.mark.parametrize("input_format", ["csv", "tsv"])
def test_a_stray_quote_before_rows_with_trailing_delimiters_swallows_none(
    input_format: str, tmp_path: Path
) -> None:
    delimiter = "," if input_format == "csv" else "\t"
    lines = ["http://a,x,", 'http://b,"open,', "http://c,y,", 'http://d,close",', "http://e,z,"]
    text = "\n".join(["url,c", *lines]).replace(",", delimiter)

    rows = rows_in(write(tmp_path / "a", text), config(input_format, caption_col="c"))

    assert len(rows) == 5
    assert [row.url for row in rows if row.url not in ("http://b", None)] == [
        "http://a", "http://c", "http://d", "http://e",
    ]  # fmt: skip


@pytest.mark.parametrize("input_format", ["txt", "csv", "tsv", "jsonl"])
def test_carriage_returns_alone_end_lines(input_format: str, tmp_path: Path) -> None:
    lines = {
        "txt": ["http://a", "http://b", "http://c"],
        "csv": ["url,c", 'http://a,"x"', "http://b,y", "http://c,z"],
        "tsv": ["url\tc", "http://a\tx", "http://b\ty", "http://c\tz"],
        "jsonl": ['{"url": "http://a"}', '{"url": "http://b"}', '{"url": "http://c"}'],
    }[input_format]

    for text in ("\r".join(lines), "\r".join(lines) + "\r"):
        path = write(tmp_path / f"a.{input_format}", text)
        assert urls_in(path, config(input_format)) == ["http://a", "http://b", "http://c"]


def test_a_header_put_in_front_of_lines_with_carriage_returns_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "url,c\nhttp://a,x\rhttp://b,y\rhttp://c,z\r")

    assert urls_in(path, config("csv")) == ["http://a", "http://b", "http://c"]


def test_malformed_lines_are_counted_and_the_first_is_shown(tmp_path: Path) -> None:
    long = "x" * 500
    path = write(tmp_path / "a.tsv", f"url\tc\nhttp://a\tx\nhttp://b\t{long}\tz\nshort\n")

    source = open_source(path, config("tsv"))
    list(source.shards(10))

    (finding,) = source.findings()
    assert finding == (
        "2 lines of the list are malformed, and recorded as failed rows; the first is a.tsv, "
        f"line 3, 'http://b\\t{'x' * 71}'...: 3 columns instead of 2"
    )
