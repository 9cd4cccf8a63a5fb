"""Lines of csv or tsv, and the records that were read from them; the header."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from img2dataset.sources.findings import Oddity
from img2dataset.sources.quotes import (
    MAX_LINE_CHARACTERS,
    ReadResult,
    Record,
    read_doubled,
    read_literal,
)
from img2dataset.sources.row_shape import RowShape


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a file with their ends, in order."""

    texts: list[str]
    first: int
    """Number of the first, from 1."""
    odd: Mapping[int, Oddity] = field(default_factory=dict)
    """Those that are not UTF-8, by position."""

    def after(self, start: int) -> Lines:
        odd = {place - start: oddity for place, oddity in self.odd.items() if place >= start}
        return Lines(self.texts[start:], self.first + start, odd)

    def joined(self, more: Lines) -> Lines:
        moved = {place + len(self.texts): oddity for place, oddity in more.odd.items()}
        return Lines(self.texts + more.texts, self.first, {**self.odd, **moved})


@dataclass(slots=True)
class Records:
    """The records in some lines, in order; filled by `RecordParser.parse`."""

    rows: list[Record | None] = field(default_factory=list)
    """None for a malformed record."""
    problems: dict[int, str] = field(default_factory=dict)
    """Position in `rows` -> number of the line, and what is wrong with it."""
    example: str = ""
    """The line of the first problem."""
    rest: Lines | None = None
    """The last lines, if they are a record that may go on in the next block."""

    def add_problem(self, number: int, problem: str, line: str) -> None:
        self.example = self.example if self.problems else line
        self.problems[len(self.rows)] = f"{number}: {problem}"
        self.rows.append(None)


@contextmanager
def allow_long_fields() -> Iterator[None]:
    """Raise the csv module's limit, which is global, for the duration of the block."""
    before = csv.field_size_limit(MAX_LINE_CHARACTERS)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def infer_row_shape(
    header: Record, url_col: str | None, delimiter: str, *, has_quotes: bool = True
) -> RowShape:
    """Infer from the header what rows look like.

    A header that ends in a delimiter names no last column, so rows may lack it.
    """
    width = len(header)
    may_lack_last = width > 1 and not header[-1]
    url = None if url_col is None else header.index(url_col)
    return RowShape(delimiter, width, width - may_lack_last, url, has_quotes)


def read_header(
    lines: Lines, delimiter: str, *, has_quotes: bool = True
) -> tuple[ReadResult | None, int]:
    """Read the first record that is not blank, or its problem; return it with the position of its line."""
    for position, line in enumerate(lines.texts):
        if line.strip():
            if not has_quotes:
                return ReadResult(line.rstrip("\r\n").split(delimiter)), position
            with allow_long_fields():
                header = read_doubled(lines.texts, position, delimiter)
            if header.record is None and delimiter == "\t":
                header = ReadResult(read_literal(line, delimiter))
            return header, position
    return None, 0
