"""The text of an option -> its value, by the type that `Options` declares.

A text in the wrong form is returned as it is: `Options` refuses it and says what is allowed, in the
same words as in Python.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from typing import Any

BOOLEANS = {
    "true": True,
    "false": False,
    "yes": True,
    "no": False,
    "on": True,
    "off": False,
    "1": True,
    "0": False,
}
BRACKETS = {"[": "]", "(": ")"}


def parse_value(declared: str, text: str) -> Any:
    """The value of an option of type `declared` ("int", "str | None", ...)."""
    kind, _, optional = declared.partition(" | ")
    if optional and text in ("None", "none"):
        return None
    return READERS[kind](text)


def _parse_boolean(text: str) -> bool | str:
    return BOOLEANS.get(text.lower(), text)


def _parse_whole(text: str) -> int | str:
    """Parse a whole number; other programs write 256 as 256.0."""
    number = _parse_number(text)
    if isinstance(number, float):
        return int(number) if number.is_integer() else text
    return number


def _parse_switch_or_whole(text: str) -> bool | int | str:
    return BOOLEANS[text.lower()] if text.lower() in BOOLEANS else _parse_whole(text)


def _parse_number(text: str) -> float | str:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _parse_texts(text: str) -> Any:
    """A JSON or Python list, `[a,b]`, `a,b`, or one text alone."""
    stripped = text.strip()
    literal = _parse_literal(stripped)
    if literal is not None:
        return literal
    if len(stripped) >= 2 and BRACKETS.get(stripped[0]) == stripped[-1]:
        return _split(stripped[1:-1])
    return _split(stripped) if stripped else text  # an empty list is written []


def _split(text: str) -> list[str]:
    items = (item.strip().strip("'\"") for item in text.split(","))
    return [item for item in items if item]


def _parse_literal(text: str) -> list[str] | None:
    """The list of texts that `text` is in JSON or Python, if it is one."""
    if text[:1] not in BRACKETS:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue  # what the two raise on hostile text
        if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
            return list(value)
    return None


def _parse_list_or_text(text: str) -> list[str] | str:
    """Parse url_list, which may be a list; `[ab]*.txt` is a glob pattern, and stays a text."""
    literal = _parse_literal(text.strip())
    if literal is not None:
        return literal
    inner = text.strip()[1:-1]
    listed = text.strip() == f"[{inner}]" and "," in inner and not set("[]") & set(inner)
    return _split(inner) if listed else text


READERS: dict[str, Callable[[str], Any]] = {
    "bool": _parse_boolean,
    "SwitchOrNumber": _parse_switch_or_whole,
    "int": _parse_whole,
    "float": _parse_number,
    "str": str,
    "Sequence[str]": _parse_texts,
    "Any": _parse_list_or_text,  # url_list
}
"""Type of an option -> how its text is read."""
