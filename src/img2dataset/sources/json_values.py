"""JSON objects -> tables: texts for url, caption and hash; one type for each other column."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from img2dataset.sources.config import SourceConfig, wanted_columns
from img2dataset.sources.lines import Types, normalised
from img2dataset.sources.values import text_of

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
    """How the first malformed one begins."""

    def add_problem(self, problem: str, text: str) -> None:
        """Note what is wrong with the next row."""
        self.example = self.example if self.problems else text
        self.problems[len(self.rows)] = problem


def load(text: bytes) -> Any:
    """A JSON value; NaN and numbers of any length too.

    Raises:
        ValueError: it is not JSON.
    """
    if not LONG_NUMBER.search(text):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass  # the standard library takes NaN, and half surrogates
    try:
        return without_surrogates(json.loads(text))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def without_surrogates(value: Any) -> Any:
    """Half a surrogate pair cannot be stored as UTF-8."""
    match value:
        case str():
            return value if value.isascii() else value.encode("utf-8", "replace").decode()
        case list():
            return [without_surrogates(item) for item in value]
        case dict():
            return {without_surrogates(k): without_surrogates(v) for k, v in value.items()}
        case _:
            return value


def keys_of(objects: Objects) -> list[str]:
    return list(dict.fromkeys(key for row in objects.rows for key in row))


def table_of(objects: Objects, config: SourceConfig, types: Types) -> pa.Table:
    """The wanted columns of some objects; a key that is missing is null."""
    columns = {
        column.name: typed(
            [row.get(column.source) for row in objects.rows],
            pa.string() if column.is_text else types[column.source],
        )
        for column in wanted_columns(config)
    }
    return normalised(columns, objects.problems, len(objects.rows))


def typed(values: list[Any], kind: pa.DataType) -> pa.Array:
    """The values as the type of their column."""
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        if pa.types.is_string(kind):
            return pa.array(map(text_of, values), kind)
        # a whole number beyond 2**53 among fractions
        return pa.array([with_floats(value, kind) for value in values], kind)


def with_floats(value: Any, kind: pa.DataType) -> Any:
    """The value with floats wherever its type has them."""
    if value is None:
        return None
    if pa.types.is_floating(kind):
        return float(value)
    if pa.types.is_list(kind):
        return [with_floats(item, kind.value_type) for item in value]
    if pa.types.is_struct(kind):
        return {part.name: with_floats(value.get(part.name), part.type) for part in kind}
    return value


def column_types(batches: Iterable[Objects], config: SourceConfig) -> Types:
    """The types that fit every value of the additional columns; string where none does."""
    found: dict[str, pa.DataType | None] = dict.fromkeys(config.additional_columns, pa.null())
    for objects in batches:
        for name, kind in found.items():
            if kind is not None:
                found[name] = merged(kind, inferred([row.get(name) for row in objects.rows]))
    return {name: settled(kind) for name, kind in found.items()}


def inferred(values: Sequence[Any]) -> pa.DataType | None:
    """The type that Arrow gives to values; None if they have no common one."""
    try:
        return pa.array(values).type
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return None


def merged(one: pa.DataType | None, other: pa.DataType | None) -> pa.DataType | None:
    """The type that both fit in; None if there is none."""
    if one is None or other is None:
        return None
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64()
    return merged_inside(one, other)


def merged_inside(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """As `merged`, of lists or of objects."""
    if pa.types.is_list(one) and pa.types.is_list(other):
        item = merged(one.value_type, other.value_type)
        return None if item is None else pa.list_(item)
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        return merged_structs(fields_of(one), fields_of(other))
    return None


def fields_of(kind: pa.DataType) -> dict[str, pa.DataType]:
    return {part.name: part.type for part in kind}


def merged_structs(
    one: Mapping[str, pa.DataType], other: Mapping[str, pa.DataType]
) -> pa.DataType | None:
    both = {
        name: merged(one.get(name, pa.null()), other.get(name, pa.null()))
        for name in {**one, **other}
    }
    return None if None in both.values() else pa.struct(list(both.items()))


def settled(kind: pa.DataType | None) -> pa.DataType:
    """The type to store: Parquet has none for nulls only, nor for objects without keys."""
    if kind is None or pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(settled(kind.value_type))
    if pa.types.is_struct(kind):
        parts = [(part.name, settled(part.type)) for part in kind]
        return pa.struct(parts) if parts else pa.string()
    return kind
