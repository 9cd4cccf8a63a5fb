"""The text of JSON -> objects, and what is wrong with those that are malformed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from img2dataset.sources.partitions import parse_partitions

LONG_NUMBER = re.compile(rb"[0-9]{20}")
"""Whole numbers beyond 64 bits, which orjson rounds."""


@dataclass(slots=True)
class Objects:
    """Some objects of a file, in order."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    """An empty object stands for a malformed one."""
    problems: dict[int, str] = field(default_factory=dict)
    """Position in `rows` -> number of the line, and what is wrong with it."""
    example: str = ""
    """The beginning of the first malformed one."""

    def __len__(self) -> int:
        return len(self.rows)

    def add_problem(self, problem: str, text: str) -> None:
        """Note the problem of the next row."""
        self.example = self.example if self.problems else text
        self.problems[len(self.rows)] = problem


def parse_json(text: bytes) -> Any:
    """Parse a JSON value; NaN and numbers of any length too.

    Raises:
        ValueError: it is not JSON.
    """
    if not LONG_NUMBER.search(text):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass  # the standard library takes NaN, and half surrogates
    try:
        return replace_surrogates(json.loads(text))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def replace_surrogates(value: Any) -> Any:
    """Replace lone surrogates, which cannot be stored as UTF-8."""
    match value:
        case str():
            return value if value.isascii() else value.encode("utf-8", "replace").decode()
        case list():
            return [replace_surrogates(item) for item in value]
        case dict():
            return {replace_surrogates(k): replace_surrogates(v) for k, v in value.items()}
        case _:
            return value


def fill_in(batches: Iterable[Objects], url: str) -> Iterator[Objects]:
    """Add the columns that the folders of a file name, where an object has no such key."""
    folders = parse_partitions(url)
    for objects in batches:
        for name, value in folders.items():
            for row in objects.rows:
                row.setdefault(name, value)
        yield objects


def list_keys(objects: Objects) -> list[str]:
    return list(dict.fromkeys(key for row in objects.rows for key in row))
