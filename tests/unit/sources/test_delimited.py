"""csv, tsv -> rows."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from img2dataset.errors import OptionError
from img2dataset.sources import load_table, open_source, quotes
from img2dataset.sources.reading import Reading
from tests.unit.sources.lists import (
    config,
    fields_in,
    problems_in,
    rows_in,
    shards_of,
    urls_in,
    write,
)

CSV = config("csv")
CAPTIONED = config("csv", caption_col="c")


def types_of(tmp_path: Path, cells: list[str]) -> Any:
    data = "url,x\n" + "".join(f"http://a,{cell}\n" for cell in cells)
    reading = config("csv", additional_columns=("x",))
    (shard,) = shards_of(write(tmp_path / "a.csv", data), reading)
    return load_table(shard, reading).schema.field("x").type


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "-5", "0", ""], pa.int64()),
        (["9223372036854775807"], pa.int64()),
        (["1.5", "0.25", "2.0", "1e-07", ""], pa.float64()),
        (["1.5", "2"], pa.float64()),
        (["1.5", "2", "2.0"], pa.string()),  # no one way to write numbers keeps both
        (["007"], pa.string()),
        (["1", "1.50"], pa.string()),
        (["-0"], pa.float64()),
        (["+1"], pa.string()),
        ([" 1"], pa.string()),
        (["1_000"], pa.string()),
        (["9223372036854775808"], pa.string()),
        (["nan"], pa.string()),
        (["inf"], pa.string()),
        (["true"], pa.string()),
        (["2020-01-01"], pa.string()),
        (["", ""], pa.string()),
        (["1", "x"], pa.string()),
    ],
)
def test_a_column_is_of_numbers_only_if_every_text_survives(
    cells: list[str], expected: Any, tmp_path: Path
) -> None:
    assert types_of(tmp_path, cells) == expected
    reading = config("csv", additional_columns=("x",))
    values = [fields["x"] for fields in fields_in(str(tmp_path / "a.csv"), reading)]
    if expected == pa.string():
        assert values == cells
    else:
        assert [None if value is None else float(value) for value in values] == [
            float(cell) if cell else None for cell in cells
        ]


def test_the_last_value_of_a_long_file_decides_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reading.content, "__defaults__", (64,))

    assert types_of(tmp_path, ["1"] * 500) == pa.int64()
    assert types_of(tmp_path, ["1"] * 500 + ["07"]) == pa.string()


def test_malformed_records_do_not_decide_about_types(tmp_path: Path) -> None:
    data = "url,x\nhttp://a,1\nhttp://b,x,y\n"
    reading = config("csv", additional_columns=("x",))

    assert [f["x"] for f in fields_in(write(tmp_path / "a.csv", data), reading)] == [1, None]


@pytest.mark.parametrize("cell", ["007", "NA", "null", "nan", "1e5", "", "2020-01-01", "True"])
def test_captions_are_the_text_that_stands_there(cell: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"url,c\nhttp://a,{cell}\n")

    assert fields_in(path, CAPTIONED) == [{"caption": cell, "url": "http://a"}]


def test_an_empty_url_is_none(tmp_path: Path) -> None:
    assert urls_in(write(tmp_path / "a.csv", "url,c\n,x\n"), CSV) == [None]


def test_a_byte_order_mark_and_blank_lines_and_crlf_do_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"\xef\xbb\xbf\r\nurl,c\r\n\r\nhttp://a,x\r\n\r\nhttp://b,y")

    assert fields_in(path, CAPTIONED) == [
        {"caption": "x", "url": "http://a"},
        {"caption": "y", "url": "http://b"},
    ]


def test_other_line_ends_are_part_of_the_text(tmp_path: Path) -> None:
    caption = "a\u2028b\x0bc\x85d\x1ce"

    fields = fields_in(write(tmp_path / "a.csv", f"url,c\nhttp://a,{caption}\n"), CAPTIONED)

    assert fields[0]["caption"] == caption


def test_very_long_fields_are_kept(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    caption = 'long "text", ' * 50_000
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["url", "c"], ["http://a", caption]])

    fields = fields_in(write(tmp_path / "a.csv", text.getvalue()), CAPTIONED)

    assert fields == [{"caption": caption, "url": "http://a"}]
    assert csv.field_size_limit() == limit


def test_a_nul_character_is_no_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "url,c\nhttp://a,x\x00y\nhttp://b,z\n")

    rows = rows_in(path, CAPTIONED)

    assert len(rows) == 2
    assert rows[1].url == "http://b"


def test_replaced_bytes_in_a_caption_are_no_reason_to_fail(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b'url,c\nhttp://a,\xe7\x8c\xab \xe7\x8c\n"http://b",z\n')

    assert fields_in(path, CAPTIONED)[0] == {"caption": "猫 \ufffd", "url": "http://a"}
    assert problems_in(path, CAPTIONED) == [None, None]


STRAY = [
    ('http://b,"never closed', "a quote that never closes"),
    ('http://b,"closed, but" too early', "text between a closing quote and the next delimiter"),
    ("http://b", "1 column instead of 2"),
    ("http://b,1,2", "3 columns instead of 2"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("line", "problem"), STRAY)
@pytest.mark.parametrize("block", [24, 1 << 20])
def test_a_malformed_record_swallows_no_other(
    line: str, problem: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reading.content, "__defaults__", (block,))
    good = [f"http://{number}" for number in range(1500)]
    lines = [f"{url},x" for url in good]
    lines.insert(3, line)
    path = write(tmp_path / "a.csv", "url,c\n" + "\n".join(lines))

    rows = rows_in(path, CAPTIONED, 10_000)

    assert [row.url for row in rows] == [*good[:3], None, *good[3:]]
    assert [row.index for row in rows if row.problem] == [3]
    assert rows[3].problem is not None
    assert rows[3].problem.startswith("5: ")
    assert problem in rows[3].problem


def test_a_stray_quote_at_the_end_of_the_file_is_one_failed_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'url,c\nhttp://a,x\nhttp://b,"y\nhttp://c,z\n')

    assert urls_in(path, CAPTIONED) == ["http://a", None, "http://c"]


def test_two_stray_quotes_do_not_hide_what_is_between(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'url,c\nhttp://a,"x\nhttp://b,y\nhttp://c,"z\nhttp://d,w\n')

    assert urls_in(path, CAPTIONED) == [None, "http://b", None, "http://d"]


def test_stray_quotes_that_happen_to_close_do_not_hide_what_is_between(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'url,c\nhttp://a,"x\nhttp://b,y\nhttp://c,z",w\n')

    assert urls_in(path, CAPTIONED) == [None, "http://b", None]


@pytest.mark.parametrize("block", [7, 50, 1 << 20])
def test_records_of_several_lines_are_legal(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reading.content, "__defaults__", (block,))
    text = io.StringIO(newline="")
    captions = ["one\ntwo", "", 'a\r\nb\n\nc,"d"', "plain", "\n"]
    csv.writer(text).writerows([["url", "c"], *(["http://a", caption] for caption in captions)])
    path = write(tmp_path / "a.csv", text.getvalue() + "short\r\n")

    rows = rows_in(path, CAPTIONED)

    assert [row.fields["caption"] for row in rows] == [*captions, None]
    assert rows[-1].problem == "12: 1 column instead of 2"


def test_a_record_has_a_longest_length(tmp_path: Path) -> None:
    longest = quotes.MAX_RECORD_LINES
    good = '"' + "\n" * (longest - 1) + '"'
    bad = '"' + "\n" * longest + '"'
    path = write(tmp_path / "a.csv", f"url,c\nhttp://a,{good}\nhttp://b,{bad}\nhttp://c,x\n")

    rows = rows_in(path, CAPTIONED)

    assert rows[0].fields["caption"] == "\n" * (longest - 1)
    assert rows[1].problem == f"{longest + 2}: a quote that never closes"
    assert rows[-1].url == "http://c"


def test_a_quoted_header_is_understood(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", '"the ""url""",\'c\'\nhttp://a,x\n')

    assert urls_in(path, config("csv", 'the "url"')) == ["http://a"]


def test_a_malformed_header_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'url,"c\nhttp://a,x\n')

    with pytest.raises(OptionError, match=r"line 1, the header, has a quote that never closes"):
        open_source(path, CSV)


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "url,url\nhttp://a,http://b\n")

    with pytest.raises(OptionError, match="has 2 columns of that name"):
        open_source(path, CSV)


texts = st.text(
    st.one_of(
        st.sampled_from(list("\",\t\r\n ;'\\\u2028\x85\ufeff猫0")),
        st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    ),
    max_size=12,
)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    records=st.lists(st.tuples(texts, texts), min_size=1, max_size=8),
    block=st.sampled_from([5, 17, 1 << 20]),
    input_format=st.sampled_from(["csv", "tsv"]),
    # older versions of the writer leave a lone carriage return unquoted if lines end with "\n"
    style=st.sampled_from([("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]),
)
def test_what_the_csv_module_writes_is_read_back(
    records: list[tuple[str, str]],
    block: int,
    input_format: str,
    style: tuple[str, Any],
    tmp_path: Path,
) -> None:
    text = io.StringIO(newline="")
    delimiter = "," if input_format == "csv" else "\t"
    writer = csv.writer(text, delimiter=delimiter, lineterminator=style[0], quoting=style[1])
    writer.writerows([("url", "c"), *records])
    path = write(tmp_path / "list", text.getvalue())
    reading = config(input_format, caption_col="c", additional_columns=("url",))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reading.content, "__defaults__", (block,))
        patch.setattr("img2dataset.sources.delimited.NumberTest.type", pa.string())
        rows = rows_in(path, reading)

    assert [(row.fields["url"], row.fields["caption"]) for row in rows] == records
    assert {row.problem for row in rows} == {None}


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.text(st.sampled_from(list('ab,"\n\r')), max_size=60), block=st.integers(1, 70))
def test_any_text_is_read_to_its_end_and_alike_in_blocks_of_any_size(
    data: str, block: int, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.csv", "url,c\nfirst,x\n" + data)

    whole = [(row.fields, row.problem) for row in rows_in(path, CAPTIONED)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reading.content, "__defaults__", (block,))
        pieces = [(row.fields, row.problem) for row in rows_in(path, CAPTIONED)]

    assert whole == pieces
    assert whole[0] == ({"caption": "x", "url": "first"}, None)


@pytest.mark.slow
def test_a_monstrous_line_is_malformed(tmp_path: Path) -> None:
    half = "x" * (quotes.MAX_LINE_CHARACTERS // 2)
    path = write(tmp_path / "a.csv", f"url,c\nhttp://a,x\n{half},{half}\nhttp://b,y\n")

    assert problems_in(path, CAPTIONED) == [None, "3: longer than 16000000 characters", None]


def test_a_list_without_names_of_columns_is_told_to_be_txt(tmp_path: Path) -> None:
    path = write(tmp_path / "urls.csv", b"http://a.example/1.jpg\nhttp://a.example/2.jpg\n")

    with pytest.raises(OptionError, match=r"without names of columns is input_format=txt$"):
        open_source(path, config("csv"))
