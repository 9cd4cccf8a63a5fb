"""The text of a JSON array -> its elements, one at a time, read as far as needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from img2dataset.sources.config import BadListError
from img2dataset.sources.json_objects import replace_surrogates

MAX_OBJECT_CHARACTERS = 16_000_000
"""Characters."""
WHITESPACE = " \t\r\n"
SHOWN_CHARACTERS = 200
NEXT_MARK = re.compile(r'["\[\]{},]')
STRING_STOP = re.compile(r'["\\]')
NEXT_OBJECT = re.compile(r"\}\s*,\s*\{")
DECODER = json.JSONDecoder()


def decode(text: str, position: int) -> tuple[Any, int]:
    """Decode the value that begins at `position`; return where it ends, too.

    Raises:
        ValueError: it is malformed.
        RecursionError: it is nested too deeply for the decoder, or for what goes through it next:
            the decoder of Python 3.14 goes as deep as the stack of C allows.
    """
    value, end = DECODER.raw_decode(text, position)
    return replace_surrogates(value), end


@dataclass(frozen=True, slots=True)
class BadElement:
    """An element that is malformed, or too long to be kept."""

    problem: str
    text: str
    """How it begins."""


class ElementEnd:
    """Find the end of an element by its brackets and quotes, piece by piece."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._skip = 0  # characters at the start of the next piece: the escaped one

    def find(self, text: str, start: int) -> int | None:
        """Find the "," or "]" after the element; None if it is not in this piece."""
        position: int | None = start + self._skip
        self._skip = 0
        while position is not None:
            if self._in_string:
                position = self._leave_string(text, position)
                continue
            mark = NEXT_MARK.search(text, position)
            if mark is None:
                return None
            if self._depth == 0 and mark.group() in ",]}":
                return mark.start()
            self._count(mark.group())
            position = mark.end()
        return None

    def _count(self, mark: str) -> None:
        if mark == '"':
            self._in_string = True
        elif mark in "[{":
            self._depth += 1
        elif mark in "]}":
            self._depth -= 1

    def _leave_string(self, text: str, position: int) -> int | None:
        stop = STRING_STOP.search(text, position)
        if stop is None:
            return None
        if stop.group() == '"':
            self._in_string = False
            return stop.end()
        if stop.end() == len(text):
            self._skip = 1
            return None
        return stop.end() + 1


class ArrayText:
    """The text of an array, from after its bracket."""

    def __init__(self, text: str, more: Iterator[str], url: str) -> None:
        self._text = text
        self._position = 0
        self._more = more
        self.url = url

    def items(self) -> Iterator[Any]:
        """Yield the elements of the array; a BadElement for each that is malformed.

        Raises:
            BadListError: the text is not that of an array, or cut off.
        """
        row = 0
        if self._next_character() == "]":
            return
        while True:
            yield self._item(row)
            row += 1
            match self._next_character():
                case "]":
                    return
                case ",":
                    self._position += 1
                    self._next_character()
                case _:
                    raise BadListError(f"{self.url} is malformed JSON after element {row}")

    def _next_character(self) -> str:
        """Move to the next character that is not white space and return it; empty at the end."""
        while True:
            text, position = self._text, self._position
            while position < len(text) and text[position] in WHITESPACE:
                position += 1
            self._position = position
            if position < len(text):
                return text[position]
            if not self._read_on():
                return ""

    def _item(self, row: int) -> Any:
        """Read the element that begins here."""
        try:
            item, self._position = decode(self._text, self._position)
        except (ValueError, RecursionError):  # malformed, or not all of it is here
            return self._whole_item(row)
        return item

    def _whole_item(self, row: int) -> Any:
        """Read the element that begins here, which is longer than the text so far, or malformed."""
        begin = self._text[self._position : self._position + SHOWN_CHARACTERS]
        end = self._read_to_end(row)
        if end is None:
            return BadElement(f"longer than {MAX_OBJECT_CHARACTERS} characters", begin)
        text = self._text[self._position : end]
        try:
            item, after = decode(text, 0)
        except (ValueError, RecursionError) as error:
            problem = getattr(error, "msg", "nested too deeply")
        else:
            problem = "" if not text[after:].strip(WHITESPACE) else "text after the element"
        if problem and NEXT_OBJECT.search(text):  # the next one cannot be found
            raise BadListError(f"{self.url} is malformed JSON at element {row + 1}: {problem}")
        self._position = end
        return BadElement(f"not valid JSON ({problem})", begin) if problem else item

    def _read_to_end(self, row: int) -> int | None:
        """Find where the element ends in the text; None if it was too long and was skipped."""
        scan = ElementEnd()
        is_kept = True
        looked_at = self._position
        while True:
            end = scan.find(self._text, looked_at)
            if not is_kept and end is not None:
                self._position = end
            if end is not None:
                return end if is_kept else None
            if is_kept and len(self._text) - self._position > MAX_OBJECT_CHARACTERS:
                is_kept = False
            if not is_kept:
                self._position = len(self._text)
            known = len(self._text) - self._position
            if not self._read_on():
                raise BadListError(f"{self.url} is malformed JSON at element {row + 1}: cut off")
            looked_at = known

    def _read_on(self) -> bool:
        more = next((text for text in self._more if text), "")
        self._text = self._text[self._position :] + more
        self._position = 0
        return bool(more)
