"""JSON with rows in an unexpected place -> where they are, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SPLIT = {"columns", "data"}
"""Keys of what pandas writes with orient='split'."""


def describe_nesting(content: Mapping[str, Any], url_col: str) -> str | None:
    """Describe where the rows of an object without a column `url_col` are; None if unknown."""
    if set(content) >= SPLIT and is_list_of(content["data"], list):
        return "it is what pandas writes with orient='split': write it with orient='records'"
    if (
        content
        and all(isinstance(value, dict) for value in content.values())
        and any(url_col in value for value in content.values())
    ):
        return "it is what pandas writes with orient='index': write it with orient='records'"
    names = [name for name, value in content.items() if is_list_of(value, dict)]
    if not names:
        return None
    name = next((name for name in names if url_col in content[name][0]), names[0])
    key = url_col if url_col in content[name][0] else "KEY"
    keys = ", ".join(map(repr, list(content[name][0])[:20]))
    lists = ", ".join(map(repr, names))
    return (
        f"it is one object with lists of rows inside ({lists}); name their columns by paths, as by  "
        f"url_col={name}[*].{key}  (keys of {name!r}: {keys})"
    )


def is_list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], kind)


def describe_elements(items: Sequence[Any]) -> str | None:
    """Describe an array without objects; None if it has some."""
    if not items or any(isinstance(item, dict) for item in items):
        return None
    if all(isinstance(item, str) for item in items):
        return (
            "is an array of strings, not of objects: write one URL a line, as by  "
            "jq -r '.[]' FILE > urls.txt  and use input_format=txt"
        )
    if all(isinstance(item, list) for item in items):
        return (
            "is an array of arrays, not of objects: write it as an array of objects "
            "(pandas: orient='records')"
        )
    return f"is an array without objects: its first element is {items[0]!r:.60}"
