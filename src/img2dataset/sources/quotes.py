"""One record of csv or tsv, in each of the ways that quotes are written; pure functions.

RFC 4180 (a quote inside a quoted field is doubled), backslashes before quotes (Spark, MySQL), and
no quoting at all (the quotes of a line are part of its texts).
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import lru_cache

MAX_LINE_CHARACTERS = 16_000_000
"""Characters; also the longest field."""


MAX_RECORD_LINES = 1000


MAX_RECORD_CHARACTERS = 1_000_000
"""A quote that is not closed within so many lines or characters is a stray one."""


QUOTE = '"'


ESCAPED_QUOTE = '\\"'


ESCAPED = re.compile(r'\\(["\\])')


Record = list[str]


@dataclass(frozen=True, slots=True)
class ReadResult:
    """The result of reading a record by one rule for quotes."""

    record: Record | None = None
    lines: int = 1
    problem: str = ""
    needs_more: bool = False
    """A quote is still open at the end of the lines; it may close in the next ones."""
    is_mended: bool = False
    """An empty cell at the end was removed or added."""


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
        self.limited = is_full(self.taken, self._characters)
        if self.limited or self._position == len(self._lines):
            self.at_its_end = True
            raise StopIteration
        line = self._lines[self._position]
        self._position += 1
        self._characters += len(line)
        return line

    @property
    def taken(self) -> int:
        return self._position - self._start


def is_full(lines: int, characters: int) -> bool:
    """True if a record of so many lines and characters must end."""
    return lines > 0 and (lines >= MAX_RECORD_LINES or characters > MAX_RECORD_CHARACTERS)


def read_doubled(lines: list[str], position: int, delimiter: str) -> ReadResult:
    """Read the record that begins at a line, by RFC 4180; it may take several lines."""
    window = Window(lines, position)
    reader = csv.reader(window, delimiter=delimiter, strict=True)
    try:
        return ReadResult(next(reader), reader.line_num)
    except csv.Error as error:
        if window.at_its_end and QUOTE in lines[position]:
            problem = "a quote that never closes"
            return ReadResult(None, window.taken, problem, needs_more=not window.limited)
        return ReadResult(None, window.taken, describe_csv_error(error))


def describe_csv_error(error: csv.Error) -> str:
    """Describe an error of the csv module."""
    text = str(error)
    if "expected after" in text:
        return "text between a closing quote and the next delimiter"
    if "new-line character" in text:
        return "a carriage return outside of quotes"
    return text


@lru_cache
def compile_escaped_field(delimiter: str) -> re.Pattern[str]:
    """Compile a pattern for a field whose quotes are escaped by backslashes."""
    delimiter = re.escape(delimiter)
    end = rf"(?=[{delimiter}\r\n]|\Z)"
    return re.compile(
        rf'"([^"\\]*(?:\\.[^"\\]*)*)"{end}|([^{delimiter}"\r\n][^{delimiter}\r\n]*|){end}',
        re.DOTALL,
    )


OPEN_QUOTE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*\\?\Z', re.DOTALL)


def read_escaped(lines: list[str], position: int, delimiter: str) -> ReadResult:
    """Read the record that begins at a line, where backslashes escape quotes and backslashes."""
    attempt = parse_escaped(lines[position], delimiter)
    if attempt.record is not None or not attempt.needs_more:
        return attempt
    window = Window(lines, position)
    attempt = parse_escaped("".join(window), delimiter)
    if window.limited and attempt.needs_more:
        return ReadResult(problem=attempt.problem)
    return attempt


def parse_escaped(text: str, delimiter: str) -> ReadResult:
    """Parse the record that `text` begins with."""
    field = compile_escaped_field(delimiter)
    record: Record = []
    position = 0
    while True:
        match = field.match(text, position)
        if match is None:
            is_open = OPEN_QUOTE.match(text, position) is not None
            return ReadResult(problem="a quote that never closes", needs_more=is_open)
        quoted, plain = match.groups()
        record.append(plain if quoted is None else ESCAPED.sub(r"\1", quoted))
        position = match.end()
        if not text.startswith(delimiter, position):
            return ReadResult(record, text.count("\n", 0, position) + 1)
        position += len(delimiter)


def read_literal(line: str, delimiter: str) -> Record | None:
    """Split a line at its delimiters alone; None if a comma may be part of a quoted text.

    A cell that is quoted as a whole loses its quotes, as in lines that are quoted throughout.
    A tab is a delimiter in any case: texts hardly have any.
    """
    cells = line.rstrip("\r\n").split(delimiter)
    if delimiter != "\t" and any(map(is_cut_text, cells)):
        return None
    return list(map(unquote, cells))


def is_cut_text(cell: str) -> bool:
    """True if a cell may be the beginning of a quoted text with a delimiter in it."""
    return cell.startswith(QUOTE) and (cell.count(QUOTE) % 2 == 1 or ESCAPED_QUOTE in cell)


def unquote(cell: str) -> str:
    """Remove the quotes of a cell that is quoted as a whole."""
    if len(cell) > 1 and cell[0] == cell[-1] == QUOTE:
        text = cell[1:-1]
        if QUOTE not in text.replace('""', ""):
            return text.replace('""', QUOTE)
    return cell
