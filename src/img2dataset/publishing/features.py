"""Types of columns -> the features of a dataset, as `datasets` writes them in a card."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
from pyarrow import types

Feature = dict[str, Any]
"""A node of the front matter's list of features, without its name: {"dtype": "int32"}, ..."""

IMAGE: Feature = {"dtype": "image"}
STRING: Feature = {"dtype": "string"}

PLAIN_TYPES: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Any], str]], ...] = (
    (types.is_null, lambda _: "null"),
    (types.is_boolean, lambda _: "bool"),
    (types.is_integer, str),
    (types.is_float16, lambda _: "float16"),
    (types.is_float32, lambda _: "float32"),
    (types.is_float64, lambda _: "float64"),
    (types.is_time, str),
    (types.is_timestamp, str),
    (types.is_date32, lambda _: "date32"),
    (types.is_date64, lambda _: "date64"),
    (types.is_duration, str),
    (types.is_decimal128, str),
    (types.is_decimal256, str),
    (types.is_binary, lambda _: "binary"),
    (types.is_large_binary, lambda _: "large_binary"),
    (types.is_string, lambda _: "string"),
    (types.is_large_string, lambda _: "large_string"),
    (types.is_fixed_size_binary, lambda kind: f"fixed_size_binary[{kind.byte_width}]"),
)
"""What is the type -> its name in `datasets`."""
AS_NUMBERS = (types.is_null, types.is_boolean, types.is_integer, types.is_floating)
"""Types whose values are no texts in the JSON of a sample."""


def make_feature(kind: pa.DataType) -> Feature | None:
    """Return the feature of a column; None if `datasets` has none (a map, ...)."""
    if types.is_dictionary(kind):
        return make_feature(kind.value_type)
    nested = make_nested(kind, make_feature)
    if nested is not NOT_NESTED:
        return nested
    for is_type, name in PLAIN_TYPES:
        if is_type(kind):
            return {"dtype": name(kind)}
    return None


def make_json_feature(kind: pa.DataType) -> Feature | None:
    """Return the feature of a value in the JSON of a sample; None for maps, whose keys are free.

    What JSON has no type for (times, decimals, bytes, ...) is text there.
    """
    if types.is_dictionary(kind):
        return make_json_feature(kind.value_type)
    nested = make_nested(kind, make_json_feature)
    if nested is not NOT_NESTED:
        return nested if nested is None else without_length(nested)
    if any(is_type(kind) for is_type in AS_NUMBERS):
        return make_feature(kind)
    return None if types.is_map(kind) else STRING


NOT_NESTED: Feature = {}


def make_nested(kind: pa.DataType, make: Callable[[pa.DataType], Feature | None]) -> Feature | None:
    """Return the feature of a list or struct; NOT_NESTED for other types, None if a member has
    none."""
    if types.is_struct(kind):
        members = [(field.name, make(field.type)) for field in kind]
        if any(feature is None for _, feature in members):
            return None
        return {"struct": [{"name": name, **(feature or {})} for name, feature in members]}
    if not (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)):
        return NOT_NESTED
    inner = make(kind.value_type)
    if inner is None:
        return None
    name = "large_list" if types.is_large_list(kind) else "list"
    length = {"length": kind.list_size} if types.is_fixed_size_list(kind) else {}
    return {name: simplify(inner), **length}


def simplify(inner: Feature) -> Any:
    """Write the feature inside a list as `datasets` does: a dtype alone, or the struct's members."""
    for name in ("dtype", "struct"):
        if list(inner) == [name]:
            return inner[name]
    return inner


def without_length(feature: Feature) -> Feature:
    """A list of JSON has no fixed length, and there is one kind of it."""
    if "large_list" in feature:
        return {"list": feature["large_list"]}
    return {name: value for name, value in feature.items() if name != "length"}
