"""What the options for the shape of a list allow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import Formatter

from img2dataset.options.where import ConditionError, parse_condition

SCHEME = re.compile(r"([a-z][a-z0-9+._-]*)://", re.IGNORECASE)
SEPARATOR_NAMES = {
    "tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " ",
}  # fmt: skip
"""Separators by name: shells make it hard to write some of them."""


def parse_separator(text: str) -> str:
    """Return the character that `text` is or names."""
    return SEPARATOR_NAMES.get(text.lower(), text)


def separator(value: str) -> str | None:
    character = parse_separator(value)
    good = len(character) == 1 and not character.isalnum() and character not in "\"'\\\r\n"
    names = ", ".join(name for name in SEPARATOR_NAMES if name.isalpha())
    return None if good else f"one character that is no letter, digit or quote, or {names}"


def column_names(value: Sequence[str]) -> str | None:
    good = bool(value) and all(value) and len(set(value)) == len(value)
    return None if good else "a list of names, each of them once"


def parse_renames(value: Sequence[str]) -> dict[str, str]:
    """Return the new name of each old one; an old name may have a = in it, a new one has not."""
    pairs = (text.rpartition("=") for text in value)
    return {old: new for old, _, new in pairs}


def renames(value: Sequence[str]) -> str | None:
    pairs = parse_renames(value)
    whole = all("=" in text and not text.endswith("=") for text in value)
    good = whole and len(value) == len(pairs) == len(set(pairs.values()))
    return None if good else "a list of old=new, each name once, such as width=list_width"


def parse_template(value: str) -> list[tuple[str, str | None]]:
    """Split a template into (text, name of the column after it); the last has no name.

    Raises:
        ValueError: its braces are not those of names.
    """
    parts: list[tuple[str, str | None]] = []
    for text, name, spec, conversion in Formatter().parse(value):
        if name == "" or spec or conversion:
            raise ValueError(value)
        parts.append((text, name))
    return parts


def list_template_columns(value: str) -> list[str]:
    """List the columns that a template names, each once."""
    return list(dict.fromkeys(name for _, name in parse_template(value) if name is not None))


def parse_scheme(template: str) -> str | None:
    """The scheme of the URLs that a template makes; None if it is not written there."""
    found = SCHEME.match(template)
    return None if found is None else found[1].lower()


def template(value: str) -> str | None:
    try:
        names = list_template_columns(value)
    except ValueError:
        names = []
    good = names and (value.startswith(("{", "/")) or parse_scheme(value) is not None)
    return None if good else "a URL with names of columns in braces, as https://host/{id}.jpg"


def condition(value: str) -> str | None:
    wanted = "a condition such as similarity > 0.3 AND width >= 512"
    if not value.strip():
        return wanted
    try:
        parse_condition(value)
    except ConditionError as error:
        return f"{wanted}, but {error}"
    return None
