"""Lines of csv or tsv -> records: every line is part of exactly one.  A malformed line is a record
of its own, with a problem, and reading goes on at the next line.
"""

from __future__ import annotations

import csv
from bisect import bisect_left
from operator import itemgetter

from img2dataset.sources.csv_lines import Lines, Records, allow_long_fields
from img2dataset.sources.encodings import REPLACED
from img2dataset.sources.findings import Oddity
from img2dataset.sources.quotes import (
    ESCAPED_QUOTE,
    MAX_LINE_CHARACTERS,
    QUOTE,
    ReadResult,
    Record,
    read_doubled,
    read_escaped,
    read_literal,
)
from img2dataset.sources.row_shape import RowShape, hides_row

TOO_LONG = f"longer than {MAX_LINE_CHARACTERS} characters"


class RecordParser:
    """Parse the records of one file, block after block.

    What it learns depends on the records before, not on where the blocks end: each
    pass over a file gives the same records.
    """

    def __init__(self, shape: RowShape) -> None:
        self._shape = shape
        self._has_escapes = False  # a record has shown that backslashes escape quotes here
        self._last_may_be_empty = False  # a record of the right width has ended in an empty cell

    def parse(self, lines: Lines, *, final: bool) -> Records:
        """Parse the records of some lines; `final` if no more lines follow."""
        with allow_long_fields():
            is_quick = self._shape.has_quotes and not lines.odd
            quick = self._parse_quickly(lines.texts) if is_quick else None
            return quick if quick is not None else self._parse_carefully(lines, final=final)

    def _parse_quickly(self, lines: list[str]) -> Records | None:
        """Parse the lines if each is certainly a record of the right width, or blank; else return None."""
        if max(map(len, lines), default=0) > MAX_LINE_CHARACTERS or self._has_escapes:
            return None
        try:
            records = list(csv.reader(lines, delimiter=self._shape.delimiter, strict=True))
        except csv.Error:
            return None
        widths = set(map(len, records))
        if len(records) != len(lines) or widths - {0, self._shape.width}:
            return None
        if 0 in widths:
            records = list(filter(None, records))
        self._note_last_cells(records)
        return Records(list(records))

    def _note_last_cells(self, records: list[Record]) -> None:
        if not self._last_may_be_empty:
            self._last_may_be_empty = not all(map(itemgetter(-1), records))

    def _parse_carefully(self, lines: Lines, *, final: bool) -> Records:
        """Parse the lines, record by record where there are quotes."""
        records = Records()
        texts = lines.texts
        has_quotes = self._shape.has_quotes
        marks = [place for place, line in enumerate(texts) if has_quotes and QUOTE in line]
        position = 0
        while position < len(texts):
            mark = bisect_left(marks, position)
            end = marks[mark] if mark < len(marks) else len(texts)
            if end > position:
                self._take_plain_lines(lines, range(position, end), records)
                position = end
                continue
            found = self._read_quoted(texts, position, final=final)
            if found.needs_more and not final:
                records.rest = lines.after(position)
                break
            self._take(found, lines, position, records)
            position += found.lines
        return records

    def _take_plain_lines(self, lines: Lines, places: range, records: Records) -> None:
        """Add lines without quotes: a record each."""
        texts = [line.rstrip("\r\n") for line in lines.texts[places.start : places.stop]]
        cells = [text.split(self._shape.delimiter) for text in texts]
        is_simple = not lines.odd and max(map(len, texts)) <= MAX_LINE_CHARACTERS and all(texts)
        if is_simple and set(map(len, cells)) == {self._shape.width}:
            self._note_last_cells(cells)
            records.rows.extend(cells)
            return
        for place, text, record in zip(places, texts, cells, strict=True):
            if len(text) > MAX_LINE_CHARACTERS:
                self._take(ReadResult(problem=TOO_LONG), lines, place, records)
            elif text:
                self._take(self._fitted(ReadResult(record)), lines, place, records)

    def _take(self, found: ReadResult, lines: Lines, place: int, records: Records) -> None:
        """Add the record that was read at a place."""
        problem = found.problem
        if found.record is not None and lines.odd:
            oddities = {lines.odd.get(each) for each in range(place, place + found.lines)}
            url = self._shape.url
            problem = "" if url is None else describe_wrong_bytes(found.record[url], oddities)
        if found.record is None or problem:
            records.add_problem(lines.first + place, problem, lines.texts[place])
            return
        records.rows.append(found.record)
        if not found.is_mended and not found.record[-1]:
            self._last_may_be_empty = True

    def _read_quoted(self, lines: list[str], position: int, *, final: bool) -> ReadResult:
        """Read the record that begins at a line with a quote.

        The rule for quotes is the one that gives a record of the right width without swallowing
        another record.
        """
        if len(lines[position]) > MAX_LINE_CHARACTERS:
            return ReadResult(problem=TOO_LONG)
        doubled = read_doubled(lines, position, self._shape.delimiter)
        if doubled.needs_more and not final:
            return doubled
        checked = self._checked(doubled)
        if checked.record is not None and not self._has_escapes:
            return checked
        escaped = self._read_escaped(lines, position, doubled.lines)
        if escaped.record is not None or (escaped.needs_more and not final):
            self._has_escapes = self._has_escapes or escaped.record is not None
            return escaped
        if checked.record is not None:
            return checked
        literal = self._read_literally(lines[position])
        return literal if literal is not None else ReadResult(problem=checked.problem)

    def _read_escaped(self, lines: list[str], position: int, taken: int) -> ReadResult:
        """Read the record if backslashes escape quotes in the next `taken` lines."""
        sign = "\\" if self._has_escapes else ESCAPED_QUOTE
        if not any(sign in line for line in lines[position : position + taken]):
            return ReadResult()
        return self._checked(read_escaped(lines, position, self._shape.delimiter))

    def _read_literally(self, line: str) -> ReadResult | None:
        """Read the line as a record in which quotes are part of the texts; None if it cannot be one."""
        shape = self._shape
        record = read_literal(line, shape.delimiter)
        if record is None:
            return None
        found = self._fitted(ReadResult(record))
        if found.record is None:
            return None
        is_sure = (
            shape.delimiter == "\t" or shape.url is None or QUOTE not in found.record[shape.url]
        )
        return found if is_sure else None

    def _checked(self, found: ReadResult) -> ReadResult:
        """Fit the record to the right width, or return its problem."""
        if found.record is None:
            return found
        fitted = self._fitted(found)
        if fitted.record is None or found.lines == 1:
            return fitted
        if hides_row(found.record, self._shape):
            return ReadResult(problem="a quote that does not close before the next row")
        return fitted

    def _fitted(self, found: ReadResult) -> ReadResult:
        """Fit the record to the right width: an empty cell at the end may be surplus or missing.

        One more only while every record has ended in a text: it may as well come from a
        delimiter inside a text, with the last cell empty.
        """
        record = found.record or []
        width, surplus = self._shape.width, len(record) - self._shape.width
        if surplus == 0:
            return found
        if surplus == 1 and not record[-1] and not self._last_may_be_empty:
            return ReadResult(record[:-1], found.lines, is_mended=True)
        if surplus == -1 and len(record) == self._shape.least:
            return ReadResult([*record, ""], found.lines, is_mended=True)
        columns = "1 column" if len(record) == 1 else f"{len(record)} columns"
        return ReadResult(problem=f"{columns} instead of {width}")


def describe_wrong_bytes(url: str, oddities: set[Oddity | None]) -> str:
    """Describe the encoding problem of a record's URL; empty if there is none."""
    is_guessed = Oddity.READ_AS_WESTERN in oddities and not url.isascii()
    is_damaged = Oddity.NOT_UTF8 in oddities and REPLACED in url
    return "the URL is not UTF-8" if is_guessed or is_damaged else ""
