"""A path into nested values (`annotations.url`, `images[*].raw_url`) -> the values there.

`[*]` is every element of a list; a list without it is gone through all the same.  A key that is the
whole path comes before the path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

STEP = re.compile(r"[^.\[\]]+|\[\*\]")
EVERY = "[*]"
MAX_SHOWN_KEYS = 20


def is_path(name: str) -> bool:
    """True if a name leads into nested values, unless there is a column of exactly that name."""
    return "." in name or EVERY in name


def parse_path(path: str) -> tuple[str, ...]:
    """Split a path into names; a list is gone through wherever it is, so [*] adds nothing."""
    return tuple(step for step in STEP.findall(path) if step != EVERY)


def find_root(path: str) -> str:
    """The column that a path begins in."""
    return parse_path(path)[0]


@dataclass(frozen=True, slots=True)
class Found:
    """A value at the end of a path."""

    value: Any
    passed: tuple[Any, ...]
    """The lists that were gone through: each as (number of the step, element)."""


def walk(value: Any, steps: tuple[str, ...], passed: tuple[Any, ...] = ()) -> Iterator[Found]:
    """Yield every value that the steps lead to, through lists in their order; none if there is none."""
    if isinstance(value, list):
        for item in value:
            yield from walk(item, steps, (*passed, (len(steps), item)))
    elif not steps:
        yield Found(value, passed)
    elif isinstance(value, Mapping) and steps[0] in value:
        yield from walk(value[steps[0]], steps[1:], passed)


def list_inner_paths(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of each plain value inside; of a list, those in its first element."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from list_inner_paths(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        yield from list_inner_paths(value[0], path + EVERY)
    else:
        yield path


def look_up(document: Mapping[str, Any], path: str) -> tuple[bool, Any]:
    """Return whether a path without lists leads anywhere, and the value there."""
    if path in document:
        return True, document[path]
    value: Any = document
    for step in parse_path(path):
        if not isinstance(value, Mapping) or step not in value:
            return False, None
        value = value[step]
    return True, value


def explain_missing(document: Mapping[str, Any], path: str) -> str:
    """Say where a path ends in a document, and what is there."""
    value: Any = document
    gone = ""
    for step in parse_path(path):
        while isinstance(value, list):
            value, gone = (value[0] if value else None), f"{gone}{EVERY}"
        if not isinstance(value, Mapping):
            return f"{gone or 'it'!r} is no object"
        if step not in value:
            keys = ", ".join(repr(str(key)) for key in list(value)[:MAX_SHOWN_KEYS]) or "nothing"
            return f"{gone!r} has {keys}" if gone else f"it has {keys}"
        value = value[step]
        gone = f"{gone}.{step}" if gone else step
    return "its lists are empty"
