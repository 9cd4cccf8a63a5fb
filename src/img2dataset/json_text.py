"""Any values -> JSON in UTF-8; any text -> bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import orjson

JSON_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS


def to_json(document: Mapping[str, Any]) -> bytes:
    """Write any values as indented JSON in UTF-8; what JSON cannot express becomes text or null."""
    try:
        return orjson.dumps(document, default=_plain, option=JSON_OPTIONS)
    except (orjson.JSONEncodeError, UnicodeError):  # lone surrogates, integers beyond 64 bits
        return json.dumps(_plain(document), ensure_ascii=False, indent=2).encode()


def to_compact_json(value: Any) -> bytes:
    """Write any value as `to_json` does, on one line."""
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    except (orjson.JSONEncodeError, UnicodeError):
        return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":")).encode()


def to_utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return replace_surrogates(text).encode()


def replace_surrogates(text: str) -> str:
    """Return `text` without lone surrogates, which no encoding can store."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _plain(value: Any) -> Any:  # noqa: PLR0911  (a table of types)
    """Convert `value` to JSON types: objects, lists, text, numbers, true, false, null."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case str():
            return replace_surrogates(value)
        case bytes() | bytearray() | memoryview():
            return bytes(value).decode(errors="replace")
        case Mapping():
            return {replace_surrogates(str(name)): _plain(inner) for name, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(inner) for inner in value]
        case _ if hasattr(value, "isoformat"):
            return str(value.isoformat())
        case _ if hasattr(value, "tolist"):  # numpy
            return _plain(value.tolist())
        case _:
            return replace_surrogates(str(value))
