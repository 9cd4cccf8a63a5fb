"""Odd lines of a list -> messages: how many there are, where the first is, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from img2dataset.text import plural

SHOWN_CHARACTERS = 80
"""Of an example line."""


class Oddity(Enum):
    """What can be wrong with lines of a list.  The value is the text of the message."""

    MALFORMED = "malformed, and recorded as failed rows"
    READ_AS_WESTERN = (
        "not UTF-8, and read as windows-1252 (if that is wrong, convert the list:"
        " iconv -f ENCODING -t UTF-8)"
    )
    NOT_UTF8 = (
        "not UTF-8: the bytes that cannot be read became U+FFFD"
        " (convert the list: iconv -f ENCODING -t UTF-8)"
    )


@dataclass(slots=True)
class OddLines:
    """Some lines that are odd in one way."""

    count: int
    example: str


@dataclass(slots=True)
class Findings:
    """The odd lines of one file or of a list."""

    found: dict[Oddity, OddLines] = field(default_factory=dict)

    def add(self, oddity: Oddity, count: int, example: str) -> None:
        """Count lines; the first example is kept."""
        if oddity in self.found:
            self.found[oddity].count += count
        else:
            self.found[oddity] = OddLines(count, example)

    def add_malformed(self, url: str, problems: Mapping[int, str], line: str) -> None:
        """Count malformed rows: `problems` by position, each after its line number; `line` is the
        text of the first."""
        if problems:
            number, _, why = problems[min(problems)].partition(": ")
            self.add(Oddity.MALFORMED, len(problems), f"{describe_line(url, number, line)}: {why}")

    def merge(self, other: Findings) -> None:
        for oddity, found in other.found.items():
            self.add(oddity, found.count, found.example)

    def lines(self) -> tuple[str, ...]:
        """Describe all odd lines."""
        return tuple(describe_lines(oddity, found) for oddity, found in self.found.items())

    def encoding_notices(self) -> tuple[str, ...]:
        """Describe lines in other encodings, before work: the user may convert the list first."""
        return tuple(
            f"the list has lines that are {oddity.value}; the first is {found.example}"
            for oddity, found in self.found.items()
            if oddity is not Oddity.MALFORMED
        )


def describe_lines(oddity: Oddity, found: OddLines) -> str:
    lines = plural(found.count, "line")
    are, first = ("is", "it is") if found.count == 1 else ("are", "the first is")
    return f"{lines} of the list {are} {oddity.value}; {first} {found.example}"


def describe_line(url: str, number: int | str, line: str) -> str:
    """Describe a line of a file; a long one is cut off."""
    text = line.rstrip("\r\n")
    cut = f"{text[:SHOWN_CHARACTERS]!r}{'...' if len(text) > SHOWN_CHARACTERS else ''}"
    return f"{url.rpartition('/')[2]}, line {number}, {cut}"
