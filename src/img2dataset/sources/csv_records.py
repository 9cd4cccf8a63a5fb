"""Lines of csv or tsv -> records (RFC 4180); a malformed one is one record with a problem."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LONGEST_LINE = 16_000_000
"""Characters; also the longest field."""
RECORD_LINES = 1000
RECORD_CHARACTERS = 1_000_000
"""A quote that does not close within so many lines or characters is a stray one."""

QUOTE = '"'
REPLACED = "\ufffd"
"""What bytes that are not UTF-8 became."""
Record = list[str]


@dataclass(slots=True)
class Records:
    """What the lines of a block hold, in order; filled by `parse`."""

    rows: list[Record | None] = field(default_factory=list)
    """None for a malformed record."""
    problems: dict[int, str] = field(default_factory=dict)
    """Position in `rows` -> number of the line, and what is wrong with it."""
    rest: list[str] = field(default_factory=list)
    """The last lines, if they are a record that goes on in the next block."""


@contextmanager
def long_fields_allowed() -> Iterator[None]:
    """The csv module's limit is global: raise it for as long as we parse."""
    before = csv.field_size_limit(LONGEST_LINE)
    try:
        yield
    finally:
        csv.field_size_limit(before)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the records of a file look."""

    delimiter: str
    width: int | None = None
    """Fields of every record; None = any (the header)."""
    suspect: int | None = None
    """Position of the URL, if some bytes of the block were not UTF-8."""


def parse(lines: list[str], first_line: int, dialect: Dialect, *, final: bool) -> Records:
    """The records of `lines`; `final` if no more lines follow."""
    with long_fields_allowed():
        quick = None if dialect.suspect is not None else parse_one_liners(lines, dialect)
        if quick is not None:
            return checked(quick, first_line, dialect)
        return parse_carefully(lines, first_line, dialect, final=final)


def parse_one_liners(lines: list[str], dialect: Dialect) -> list[Record] | None:
    """One record for each line, an empty one for a blank line; None if it is not so simple."""
    if any(len(line) > LONGEST_LINE for line in lines):
        return None
    reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
    try:
        records = list(reader)
    except csv.Error:
        return None
    return records if len(records) == len(lines) else None


def checked(lines: list[Record], first_line: int, dialect: Dialect) -> Records:
    """The records of lines that hold one each."""
    if set(map(len, lines)) == {dialect.width}:
        return Records(list(lines))
    records = Records()
    for number, record in enumerate(lines, first_line):
        if not record:
            continue
        wrong = wrong_width(record, dialect)
        if wrong:
            records.problems[len(records.rows)] = f"{number}: {wrong}"
        records.rows.append(None if wrong else record)
    return records


def wrong_width(record: Record, dialect: Dialect) -> str | None:
    if dialect.width is None or len(record) == dialect.width:
        return None
    columns = "1 column" if len(record) == 1 else f"{len(record)} columns"
    return f"{columns} instead of {dialect.width}"


def parse_carefully(lines: list[str], first_line: int, dialect: Dialect, *, final: bool) -> Records:
    """Record by record: after a malformed one, reading goes on at the next line."""
    records = Records()
    position = 0
    while position < len(lines):
        if not lines[position].rstrip("\r\n"):
            position += 1
            continue
        attempt = read_record(lines, position, dialect)
        if attempt.goes_on and not final:
            records.rest = lines[position:]
            break
        if attempt.problem is not None:
            records.problems[len(records.rows)] = f"{first_line + position}: {attempt.problem}"
        records.rows.append(None if attempt.problem is not None else attempt.record)
        position += attempt.lines
    return records


@dataclass(frozen=True, slots=True)
class Attempt:
    """A record, or why there is none."""

    record: Record | None = None
    lines: int = 1
    problem: str | None = None
    goes_on: bool = False
    """A quote was still open at the end of the lines, and it may be a good one."""


def read_record(lines: list[str], position: int, dialect: Dialect) -> Attempt:
    """The record that begins at a line.

    A record of several lines with a wrong number of fields may have been begun by a stray
    quote: only its first line is given up, so that no good line is swallowed.
    """
    if len(lines[position]) > LONGEST_LINE:
        return Attempt(problem=f"longer than {LONGEST_LINE} characters")
    window = Window(lines, position)
    reader = csv.reader(window, delimiter=dialect.delimiter, strict=True)
    try:
        record = next(reader)
    except csv.Error as error:
        if window.at_its_end and QUOTE in lines[position]:
            return Attempt(problem="a quote that never closes", goes_on=not window.limited)
        return Attempt(problem=str(error))
    wrong = wrong_width(record, dialect)
    if wrong:
        return Attempt(problem=wrong)
    if dialect.suspect is not None and REPLACED in record[dialect.suspect]:
        return Attempt(lines=reader.line_num, problem="the URL is not UTF-8")
    return Attempt(record, reader.line_num)


class Window:
    """The lines that one record may take."""

    def __init__(self, lines: list[str], position: int) -> None:
        self._lines = lines
        self._start = self._position = position
        self._characters = 0
        self.at_its_end = False
        self.limited = False

    def __iter__(self) -> Window:
        return self

    def __next__(self) -> str:
        taken = self._position - self._start
        self.limited = taken > 0 and (taken >= RECORD_LINES or self._characters > RECORD_CHARACTERS)
        if self.limited or self._position == len(self._lines):
            self.at_its_end = True
            raise StopIteration
        line = self._lines[self._position]
        self._position += 1
        self._characters += len(line)
        return line
