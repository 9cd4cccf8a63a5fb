"""Columns in layouts that few functions of Arrow know (views, run ends) -> the plain ones.

Writers that follow the newest Arrow make them; Arrow cannot filter or reorder them yet.
"""

from __future__ import annotations

import pyarrow as pa


def make_plain_columns(table: pa.Table) -> pa.Table:
    """Cast the columns whose type has such a layout in it."""
    for place, field in enumerate(table.schema):
        kind = find_plain_type(field.type)
        if kind != field.type:
            column = make_plain_column(table.column(place), kind)
            table = table.set_column(place, field.name, column)
    return table


def make_plain_column(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Cast a column; what Arrow has no cast for goes through Python.

    So do list views: the cast of Arrow 26 leaves the last list empty.
    """
    if "list_view<" not in str(column.type):
        try:
            return column.cast(kind)
        except pa.ArrowNotImplementedError:
            pass
    return pa.chunked_array([pa.array(column.to_pylist(), kind)])


def find_plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type with plain layouts, also inside; others as they are."""
    name = str(kind)
    if name in ("string_view", "binary_view"):
        return pa.string() if name == "string_view" else pa.binary()
    if pa.types.is_run_end_encoded(kind):
        return find_plain_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        inner = find_plain_type(kind.storage_type)
        return kind if inner == kind.storage_type else inner
    if pa.types.is_dictionary(kind):
        inner = find_plain_type(kind.value_type)
        return kind if inner == kind.value_type else inner
    return find_plain_nested_type(kind)


def find_plain_nested_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of lists, objects or maps with plain layouts; others as they are."""
    if pa.types.is_struct(kind):
        return pa.struct([part.with_type(find_plain_type(part.type)) for part in kind])
    if pa.types.is_map(kind):
        return pa.map_(find_plain_type(kind.key_type), find_plain_type(kind.item_type))
    if not hasattr(kind, "value_field"):
        return kind
    item = kind.value_field.with_type(find_plain_type(kind.value_type))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(item, kind.list_size)
    is_large = str(kind).startswith("large_")
    return pa.large_list(item) if is_large else pa.list_(item)
