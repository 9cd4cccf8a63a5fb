"""Arrow column -> Python values that JSON knows, or a column of text.  No value makes it fail."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa

Values = list[Any]
types = pa.types


def to_plain_values(column: pa.Array | pa.ChunkedArray) -> Values:
    """Convert a column to values of JSON: dates in ISO 8601, Decimal and bytes as text."""
    if isinstance(column, pa.ChunkedArray):
        return [value for chunk in column.chunks for value in to_plain_values(chunk)]
    for fits, convert in CONVERSIONS:
        if fits(column.type):
            return convert(column)
    return [None if value is None else str(value) for value in column.to_pylist()]


def to_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert a column of any type to strings."""
    if types.is_string(column.type):
        return column
    if types.is_dictionary(column.type):
        return to_text(column.cast(column.type.value_type))
    if is_string_like(column.type) or is_castable_to_text(column.type):
        return column.cast(pa.string())
    texts = [format_value(value) for value in to_plain_values(column)]
    return pa.chunked_array([pa.array(texts, pa.string())])


def format_value(value: Any) -> str | None:
    """Format a JSON value as text: strings unchanged, all others as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # of any length
    return format_json(value)


def format_json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # whole numbers beyond 64 bits, somewhere inside
        return json.dumps(value, ensure_ascii=False)


def is_string_like(kind: pa.DataType) -> bool:
    # string_view has a test of its own only in newer versions of pyarrow
    return types.is_string(kind) or types.is_large_string(kind) or str(kind) == "string_view"


def is_castable_to_text(kind: pa.DataType) -> bool:
    return bool(
        types.is_integer(kind)
        or types.is_float32(kind)
        or types.is_float64(kind)
        or types.is_boolean(kind)
        or types.is_decimal(kind)
        or types.is_null(kind)
    )


def is_plain(kind: pa.DataType) -> bool:
    return (
        is_string_like(kind)
        or types.is_integer(kind)
        or types.is_float32(kind)
        or types.is_float64(kind)
        or types.is_boolean(kind)
        or types.is_null(kind)
    )


def is_bytes(kind: pa.DataType) -> bool:
    return (
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
        or str(kind) == "binary_view"
    )


def is_list(kind: pa.DataType) -> bool:
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def is_list_view(kind: pa.DataType) -> bool:
    return str(kind).startswith(("list_view<", "large_list_view<"))


def is_extension(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.BaseExtensionType)


def format_texts(array: pa.Array) -> Values:
    values: Values = array.cast(pa.string()).to_pylist()
    return values


def convert_halves(array: pa.Array) -> Values:
    values: Values = array.cast(pa.float32()).to_pylist()
    return values


def format_bytes_column(array: pa.Array) -> Values:
    return [None if value is None else format_bytes(value) for value in array.to_pylist()]


def format_bytes(value: bytes) -> str:
    """Format bytes as text if they are UTF-8, else as base64."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def format_timestamps(array: pa.Array) -> Values:
    """Format in ISO 8601; with a time zone in UTC, which needs no zone database."""
    if array.type.tz is not None:
        array = array.cast(pa.timestamp(array.type.unit, "UTC"))
    return [None if text is None else format_timestamp(text) for text in format_texts(array)]


def format_timestamp(text: str) -> str:
    """Arrow's "2020-01-31 12:00:00.500000Z" -> "2020-01-31T12:00:00.5Z"."""
    if text.startswith("<"):  # out of range: Arrow says so, with the number
        return text
    zone = "Z" if text.endswith("Z") else ""
    seconds, point, fraction = text.removesuffix("Z").replace(" ", "T", 1).partition(".")
    fraction = fraction.rstrip("0")
    return f"{seconds}{point if fraction else ''}{fraction}{zone}"


TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def format_durations(array: pa.Array) -> Values:
    """Format in ISO 8601, in seconds: PT90.5S."""
    ticks = TICKS[array.type.unit]
    return [
        None if value is None else f"PT{format_fraction(value, ticks)}S"
        for value in array.cast(pa.int64()).to_pylist()
    ]


def format_fraction(value: int, ticks: int) -> str:
    """Format value / ticks in exact decimals, without zeros at the end."""
    whole, rest = divmod(abs(value), ticks)
    fraction = f".{rest:0{len(str(ticks)) - 1}d}".rstrip("0") if rest else ""
    return f"{'-' if value < 0 else ''}{whole}{fraction}"


def convert_lists(array: pa.Array) -> Values:
    import pyarrow.compute as pc  # noqa: PLC0415  (30 ms, for columns that few lists have)

    lengths = pc.list_value_length(array).to_pylist()
    flat = iter(to_plain_values(array.flatten()))  # leaves out what null lists may hide
    return [None if length is None else list(islice(flat, length)) for length in lengths]


def convert_run_ends(array: pa.Array) -> Values:
    import pyarrow.compute as pc  # noqa: PLC0415  (as above)

    return to_plain_values(pc.run_end_decode(array))


def convert_structs(array: pa.Array) -> Values:
    names = [field.name for field in array.type]
    if not names:
        return [None if missing else {} for missing in array.is_null().to_pylist()]
    columns = [to_plain_values(column) for column in array.flatten()]
    return [
        None if missing else dict(zip(names, values, strict=True))
        for missing, *values in zip(array.is_null().to_pylist(), *columns, strict=True)
    ]


def convert_maps(array: pa.Array) -> Values:
    """Convert maps to objects if the keys are texts, else to lists of [key, value]."""
    pairs = pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])
    entries = convert_lists(array.cast(pa.list_(pairs)))
    by_name = is_string_like(array.type.key_type)
    return [None if entry is None else convert_map(entry, by_name=by_name) for entry in entries]


def convert_map(entries: list[dict[str, Any]], *, by_name: bool) -> Any:
    pairs = [(entry["key"], entry["value"]) for entry in entries]
    return dict(pairs) if by_name else [list(pair) for pair in pairs]


CONVERSIONS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], Values]], ...] = (
    (is_extension, lambda array: to_plain_values(array.storage)),
    (is_plain, lambda array: array.to_pylist()),
    (types.is_float16, convert_halves),
    (types.is_dictionary, lambda array: to_plain_values(array.dictionary_decode())),
    (types.is_timestamp, format_timestamps),
    (types.is_date, format_texts),
    (types.is_time, format_texts),
    (types.is_duration, format_durations),
    (types.is_decimal, format_texts),
    (is_bytes, format_bytes_column),
    (is_list, convert_lists),
    (is_list_view, convert_lists),
    (types.is_map, convert_maps),
    (types.is_struct, convert_structs),
    (types.is_run_end_encoded, convert_run_ends),
)
"""Kind of type -> how its values are converted; the first that fits."""
