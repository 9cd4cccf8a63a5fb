"""csv and tsv as many programs write them -> every row is recorded, once, and right if it can be."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from img2dataset.errors import OptionError
from img2dataset.records import Row
from img2dataset.sources.reading import Reading
from tests.unit.sources.lists import config, rows_in, write

Table = list[tuple[str, ...]]
"""The header, and rows of texts."""
Dialect = Callable[[Table, str], list[str]]
"""(table, delimiter) -> the text of each row, with its line end."""


def csv_module(quoting: Any, end: str) -> Dialect:
    def write_rows(table: Table, delimiter: str) -> list[str]:
        texts = []
        for row in table:
            text = io.StringIO(newline="")
            csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end).writerow(row)
            texts.append(text.getvalue())
        return texts

    return write_rows


def pandas_csv(quoting: Any, end: str) -> Dialect:
    def write_rows(table: Table, delimiter: str) -> list[str]:
        import pandas as pd  # noqa: PLC0415  (half a second, for these tests only)

        def text_of(rows: Sequence[tuple[str, ...]], *, header: bool) -> str:
            frame = pd.DataFrame(list(rows), columns=list(table[0]))
            return str(
                frame.to_csv(
                    index=False, header=header, sep=delimiter, quoting=quoting, lineterminator=end
                )
            )

        return [text_of([], header=True), *(text_of([row], header=False) for row in table[1:])]

    return write_rows


def spark(table: Table, delimiter: str) -> list[str]:
    """As Spark does by default: a text is quoted only if need be, and quotes and backslashes in
    a quoted text have a backslash before them."""
    special = {delimiter, '"', "\n", "\r"}

    def cell(text: str) -> str:
        if text and not special & set(text):
            return text
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    return [delimiter.join(map(cell, row)) + "\n" for row in table]


def bare(table: Table, delimiter: str) -> list[str]:
    """As scripts do: nothing is quoted."""
    return [delimiter.join(row) + "\n" for row in table]


def bare_crlf(table: Table, delimiter: str) -> list[str]:
    return [delimiter.join(row) + "\r\n" for row in table]


def half_quoted(table: Table, delimiter: str) -> list[str]:
    """As careless scripts do: quotes around, and those inside as they are."""
    return [delimiter.join([f'"{text}"' if " " in text else text for text in row]) + "\n"
            for row in table]  # fmt: skip


SOUND = [
    csv_module(csv.QUOTE_ALL, "\n"),
    csv_module(csv.QUOTE_ALL, "\r\n"),
    csv_module(csv.QUOTE_MINIMAL, "\r\n"),
    csv_module(csv.QUOTE_NONNUMERIC, "\n"),
    pandas_csv(csv.QUOTE_ALL, "\n"),
    pandas_csv(csv.QUOTE_NONNUMERIC, "\r\n"),
    pandas_csv(csv.QUOTE_MINIMAL, "\r\n"),
]
"""What they write says exactly what the texts were."""
UNQUOTED = [bare, bare_crlf, half_quoted]
"""Where a delimiter or line end in a text moves the cells of its row."""
CARELESS = [*SOUND, spark, *UNQUOTED]

pieces = st.sampled_from(
    ['"', '""', "\t", ",", "\n", "\r", "\r\n", " ", "\\", "'", "\ufeff", "猫", "é", "\u2028", "\x85",
     "abc", "x y", "0"]
)  # fmt: skip
texts = st.lists(pieces, max_size=6).map("".join)
letters = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
any_texts = st.one_of(texts, st.text(letters, max_size=12))


@st.composite
def tables(draw: st.DrawFn, cells: st.SearchStrategy[str] = any_texts) -> Table:
    """A table with a URL in each row, somewhere among texts."""
    width = draw(st.integers(2, 5))
    place = draw(st.integers(0, width - 1))
    names = [f"c{number}" for number in range(width)]
    names[place] = "url"
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=8))
    table = [tuple(names)]
    for number, row in enumerate(rows):
        row[place] = f"http://h/{number}.jpg"
        table.append(tuple(row))
    return table


def read(text: str, table: Table, input_format: str, folder: Path, block: int) -> list[Row]:
    columns = tuple(table[0])
    reading = config(input_format, additional_columns=columns)
    path = write(folder / "list", text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reading.content, "__defaults__", (block,))
        patch.setattr("img2dataset.sources.delimited.NumberTest.type", None)
        return rows_in(path, reading)


def values(rows: list[Row], table: Table) -> Table:
    return [tuple(str(row.fields[name]) for name in table[0]) for row in rows]


blocks = st.sampled_from([7, 64, 1 << 20])
formats = st.sampled_from(["csv", "tsv"])
with_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.slow
@with_folder
@given(
    table=tables(), dialect=st.sampled_from(SOUND), block=blocks,
    mark_and_format=st.tuples(st.sampled_from(["", "\ufeff"]), formats),
)  # fmt: skip
def test_what_a_sound_dialect_says_is_read(
    table: Table,
    dialect: Dialect,
    block: int,
    mark_and_format: tuple[str, str],
    tmp_path: Path,
) -> None:
    mark, input_format = mark_and_format
    delimiter = "," if input_format == "csv" else "\t"
    text = mark + "".join(dialect(table, delimiter))

    rows = read(text, table, input_format, tmp_path, block)

    assert values(rows, table) == table[1:]
    assert {row.problem for row in rows} == {None}


@pytest.mark.slow
@with_folder
@given(table=tables(), block=blocks, input_format=formats)
def test_what_spark_says_is_read_once_it_has_shown_its_escapes(
    table: Table, block: int, input_format: str, tmp_path: Path
) -> None:
    shown = tuple("http://h/s.jpg" if name == "url" else 'a "b" c' for name in table[0])
    table = [table[0], shown, *table[1:]]

    text = "".join(spark(table, "," if input_format == "csv" else "\t"))

    assert values(read(text, table, input_format, tmp_path, block), table) == table[1:]


def is_quoted_whole(text: str) -> bool:
    inside = text[1:-1]
    return len(text) > 1 and text[0] == text[-1] == '"' and '"' not in inside.replace('""', "")


@pytest.mark.slow
@with_folder
@given(
    table=tables(any_texts.map(lambda text: text.replace("\t", " ").replace("\n", " ").replace("\r", " "))),
    block=blocks,
    end=st.sampled_from(["\n", "\r\n"]),
)  # fmt: skip
def test_quotes_of_a_tsv_that_quotes_nothing_are_part_of_the_texts(
    table: Table, block: int, end: str, tmp_path: Path
) -> None:
    assume(not any(is_quoted_whole(text) for row in table for text in row))
    text = "".join("\t".join(row) + end for row in table)

    assert values(read(text, table, "tsv", tmp_path, block), table) == table[1:]


def spans(parts: list[str]) -> list[range]:
    """The numbers of the lines of each row."""
    found, line = [], 1
    for part in parts:
        found.append(range(line, line + part.count("\n")))
        line += part.count("\n")
    return found[1:]


TWO_STRAY = [("url", "c"), ("http://h/0.jpg", '"open'), ("http://h/1.jpg", 'close"')]
ONE_ROW = [
    ("c0", "url", "c2", "c3"),
    ('"', "http://h/0.jpg", "\n", ""),
    ('"', "http://h/1.jpg", "", ""),
]
"""Without quotes around its cells, that is one row of four good cells."""


@with_folder
@given(table=tables(), dialect=st.sampled_from(CARELESS), block=blocks, input_format=formats)
@example(table=TWO_STRAY, dialect=bare, block=64, input_format="tsv")
@example(table=TWO_STRAY, dialect=bare, block=64, input_format="csv")
@example(table=ONE_ROW, dialect=bare, block=64, input_format="csv")
def test_every_row_is_recorded_whatever_wrote_it(
    table: Table, dialect: Dialect, block: int, input_format: str, tmp_path: Path
) -> None:
    """By its URL, or as a malformed line that is one of its own; where nothing quotes what
    moves the cells, perhaps as a row without its URL, or inside a cell that two stray quotes make
    a good one, or the list is refused for that."""
    delimiter = "," if input_format == "csv" else "\t"
    parts = dialect(table, delimiter)
    moves = {delimiter, "\n", "\r"}
    moved = [
        dialect in UNQUOTED and any(moves.intersection(cell) for cell in row) for row in table[1:]
    ]

    try:
        rows = read("".join(parts), table, input_format, tmp_path, block)
    except OptionError:
        if any(moved):
            return
        raise

    recorded = [row.url for row in rows if row.problem is None]
    odd = [url for url in recorded if not (url or "").startswith("http://h/")]
    cells = [str(cell) for row in rows for name, cell in row.fields.items() if name != "url"]
    malformed = [int(row.problem.partition(":")[0]) for row in rows if row.problem]
    for number, lines in enumerate(spans(parts)):
        url = f"http://h/{number}.jpg"
        is_malformed = any(line in lines for line in malformed)
        is_inside = any(url in cell for cell in cells)
        is_elsewhere = moved[number] and (odd or is_inside)
        assert recorded.count(url) == 1 or is_malformed or is_elsewhere
    assert malformed == sorted(set(malformed))
