"""Plain values -> YAML that every parser reads alike, without a library."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from img2dataset.json_text import replace_surrogates

UNSAFE = re.compile(
    "[^\t\n\r -~\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""Characters that YAML 1.2 does not allow as they are, or that it takes for line breaks."""


def quote(text: str) -> str:
    """Write a text as a double-quoted scalar: no parser takes it for a number, a date or `true`."""
    quoted = json.dumps(replace_surrogates(text), ensure_ascii=False)
    return UNSAFE.sub(lambda match: f"\\U{ord(match[0]):08x}", quoted)


def format_yaml(value: Any, indent: int = 0) -> Iterator[str]:
    """Yield the lines of a mapping or of a list, of mappings, lists, texts, numbers and booleans.

    Keys are written as they are: they are ours, plain words.
    """
    space = " " * indent
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from format_entry(f"{space}{key}:", inner, indent)
        return
    for inner in value:
        if is_nested(inner):
            first, *others = format_yaml(inner, indent + 2)
            yield f"{space}- {first.lstrip()}"
            yield from others
        else:
            yield f"{space}- {format_scalar(inner)}"


def format_entry(head: str, value: Any, indent: int) -> Iterator[str]:
    """Yield the lines of a key and its value; lists stand at the indent of their key."""
    if not is_nested(value):
        yield f"{head} {format_scalar(value)}"
    elif not value:
        yield f"{head} []"
    else:
        yield head
        yield from format_yaml(value, indent + 2 if isinstance(value, Mapping) else indent)


def is_nested(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, Sequence) and not isinstance(value, str)
    )


def format_scalar(value: str | float) -> str:
    return quote(value) if isinstance(value, str) else json.dumps(value)
