"""JSON objects -> one type for each additional column, over the whole list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from img2dataset.sources.config import SourceConfig
from img2dataset.sources.json_objects import Objects
from img2dataset.sources.line_source import Types


def infer_column_types(batches: Iterable[Objects], config: SourceConfig) -> Types:
    """Infer the types that fit every value of the additional columns; string where none does."""
    found: dict[str, pa.DataType | None] = dict.fromkeys(config.additional_columns, pa.null())
    for objects in batches:
        for name, kind in found.items():
            if kind is not None:
                key = config.name_in_files(name)
                found[name] = merge_types(kind, infer_type([row.get(key) for row in objects.rows]))
    return {name: choose_stored_type(kind) for name, kind in found.items()}


def infer_type(values: Sequence[Any]) -> pa.DataType | None:
    """Infer the Arrow type of values; None if they have no common one."""
    try:
        return pa.array(values).type
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return None


def merge_types(one: pa.DataType | None, other: pa.DataType | None) -> pa.DataType | None:
    """Merge two types into one that fits both; None if there is none."""
    if one is None or other is None:
        return None
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64()
    return merge_nested_types(one, other)


def merge_nested_types(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Merge the types of two lists or of two objects."""
    if pa.types.is_list(one) and pa.types.is_list(other):
        item = merge_types(one.value_type, other.value_type)
        return None if item is None else pa.list_(item)
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        return merge_structs(list_fields(one), list_fields(other))
    return None


def list_fields(kind: pa.DataType) -> dict[str, pa.DataType]:
    return {part.name: part.type for part in kind}


def merge_structs(
    one: Mapping[str, pa.DataType], other: Mapping[str, pa.DataType]
) -> pa.DataType | None:
    both = {
        name: merge_types(one.get(name, pa.null()), other.get(name, pa.null()))
        for name in {**one, **other}
    }
    return None if None in both.values() else pa.struct(list(both.items()))


def choose_stored_type(kind: pa.DataType | None) -> pa.DataType:
    """Choose the type to store: Parquet has none for nulls only or objects without keys."""
    if kind is None or pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(choose_stored_type(kind.value_type))
    if pa.types.is_struct(kind):
        parts = [(part.name, choose_stored_type(part.type)) for part in kind]
        return pa.struct(parts) if parts else pa.string()
    return kind
