"""A declared option -> its type and its paragraph, as Python's tools show them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import MISSING, Field
from typing import Any

from img2dataset.options.checks import OneOf

WIDTH = 92
INDENT = "    "
URL_LIST = "url_list"


def make_annotation(declared: Field[Any]) -> str:
    """The type of an option, as `download` annotates it; of a closed set, each value."""
    if declared.name == URL_LIST:
        return "UrlList"
    kind, _, optional = str(declared.type).partition(" | ")
    if kind == "SwitchOrNumber":
        return "bool | int"
    check = declared.metadata["check"]
    if isinstance(check, OneOf):
        literal = f"Literal[{', '.join(map(repr, check.choices.names()))}]"
        kind = f"{literal} | str" if check.any_case else literal  # editors still complete it
    return f"{kind} | None" if optional else kind


def describe_option(declared: Field[Any]) -> str:
    """Its name, what it does, and its default."""
    is_required = declared.default is MISSING
    default = "required" if is_required else f"default: {format_default(declared.default)}"
    return f"{declared.name}: {declared.metadata['help']} ({default})"


def format_default(value: Any) -> str:
    return "no limit" if value == math.inf else repr(value)


def fill_text(text: str) -> str:
    """The text in lines of at most WIDTH letters, with a hanging indent.

    As textwrap does, which takes a hundred times as long; each start of the program needs it.
    """
    return f"\n{INDENT}{INDENT}".join(split_lines(text)).join((INDENT, ""))


def split_lines(text: str) -> Iterator[str]:
    line = ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > WIDTH - 2 * len(INDENT):
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line
