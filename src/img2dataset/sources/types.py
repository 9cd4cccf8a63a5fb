"""The types of a column in the files of a list -> one type for the whole list."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from img2dataset.sources.values import is_bytes, is_list, is_string_like, to_text
from img2dataset.sources.view_types import find_plain_type


def find_common_type(kinds: Iterable[pa.DataType]) -> pa.DataType:
    """Find the type that holds the values of all of `kinds`; string if there is no other.

    One type stays what it is, but for nulls, which no loader can add to anything: those are
    nulls of a string; and for layouts that are made plain as the list is read.
    """
    different = list({str(kind): kind for kind in map(find_plain_type, kinds)}.values())
    found = different[0]
    for other in different[1:]:
        found = widen_type(found, other)
    return replace_null_types(found)


def widen_type(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Find the type that holds the values of both; string if only text does."""
    if one == other:
        return one
    one, other = simplify_type(one), simplify_type(other)
    if one == other:
        return one
    if mixes_signs(one, other):
        return pa.string()  # no whole number of 64 bits holds both
    schemas = [pa.schema([("column", kind)]) for kind in (one, other)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return pa.string()


def simplify_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of the same values in the most usual layout."""
    if isinstance(kind, pa.BaseExtensionType):
        return simplify_type(kind.storage_type)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return simplify_type(kind.value_type)
    if is_string_like(kind) or is_bytes(kind):
        return pa.string() if is_string_like(kind) else pa.binary()
    if is_list(kind) or str(kind).startswith(("list_view<", "large_list_view<")):
        return pa.list_(simplify_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(part.name, simplify_type(part.type)) for part in kind])
    return kind


def mixes_signs(one: pa.DataType, other: pa.DataType) -> bool:
    """True if one is uint64 and the other a signed integer."""
    pair = {one, other}
    return pa.uint64() in pair and any(map(pa.types.is_signed_integer, pair))


def replace_null_types(kind: pa.DataType) -> pa.DataType:
    """Replace null types by string, also inside: the type to store."""
    if pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_list(kind):
        inner = replace_null_types(kind.value_type)
        return kind if inner == kind.value_type else pa.list_(inner)
    if pa.types.is_struct(kind):
        parts = [(part.name, replace_null_types(part.type)) for part in kind]
        same = all(part.type == inner for part, (_, inner) in zip(kind, parts, strict=True))
        return kind if same else pa.struct(parts)
    return kind


def cast_column(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Cast the column to `kind`, which holds its values."""
    if str(column.type) == str(kind):
        return column
    if pa.types.is_string(kind):
        return to_text(column)
    try:
        return column.cast(kind, safe=False)  # whole numbers beyond 2**53 may become fractions
    except pa.ArrowException:  # Arrow has no such cast; Python has
        return pa.chunked_array([pa.array(column.to_pylist(), kind)])
