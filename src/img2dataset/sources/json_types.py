"""JSON objects -> one type for each additional column, over the whole list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from img2dataset.sources.config import SourceConfig
from img2dataset.sources.json_objects import Objects
from img2dataset.sources.line_source import Types


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
