"""A condition of `where` and columns -> which rows match; and which row groups can have such rows.

Null is unknown, as in SQL: only rows of which the condition is known to be true match.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from img2dataset.options.where import (
    And,
    Compare,
    Condition,
    IsNull,
    Like,
    Literal,
    Name,
    Not,
    Operand,
    Or,
)
from img2dataset.sources.comparisons import (
    SIGNS,
    compare_numbers,
    compare_texts,
    is_number,
    keep_numbers,
    make_plain,
    make_scalar,
)
from img2dataset.sources.values import is_bytes

DATE = r"^\d{4}-\d{2}-\d{2}$"
ZONE = r"(Z|:\d{2}[^:]*[+-]\d{2}(:?\d{2})?)$"
BOOLEANS = {"true": True, "false": False}
Columns = Mapping[str, pa.ChunkedArray]


class ConditionTypeError(ValueError):
    """A column has values that cannot be compared as the condition does."""


def match_rows(condition: Condition, columns: Columns, rows: int) -> Any:
    """Compute which rows match: booleans, or null where it is unknown.

    Raises:
        ConditionTypeError: a comparison makes no sense for the type of a column.
    """
    match condition:
        case And(left, right):
            return pc.and_kleene(match_rows(left, columns, rows), match_rows(right, columns, rows))
        case Or(left, right):
            return pc.or_kleene(match_rows(left, columns, rows), match_rows(right, columns, rows))
        case Not(inner):
            return pc.invert(match_rows(inner, columns, rows))
        case IsNull(operand):
            return pc.is_null(take_values(operand, columns, rows))
        case Like(operand, pattern):
            return pc.match_like(take_texts(operand, columns, rows), pattern)
        case Compare(sign, left, right):
            return compare(sign, left, right, (columns, rows))


def take_values(operand: Operand, columns: Columns, rows: int) -> Any:
    """The values of an operand in their plain type."""
    if isinstance(operand, Literal):
        return make_plain(pa.repeat(make_scalar(operand.value), rows))
    return make_plain(columns[operand.name])


def take_texts(operand: Operand, columns: Columns, rows: int) -> Any:
    values = take_values(operand, columns, rows)
    if pa.types.is_null(values.type) or is_bytes(values.type):
        return values.cast(pa.string())
    if not pa.types.is_string(values.type):
        raise ConditionTypeError(f"{describe(operand)} holds no texts, but {values.type}")
    return values


def compare(sign: str, left: Operand, right: Operand, table: tuple[Columns, int]) -> Any:
    one, other = take_values(left, *table), take_values(right, *table)
    try:
        if isinstance(left, Name) and isinstance(right, Name) and are_texts(one, other):
            return compare_texts(sign, one, other)
        one, other = adapt_text(one, other.type), adapt_text(other, one.type)
        check_literal(left, one, (right, other.type))
        check_literal(right, other, (left, one.type))
        if is_number(one.type) or is_number(other.type):
            return compare_numbers(sign, one, other)
        return SIGNS[sign](one, other)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise ConditionTypeError(
            f"{describe(left)}, which holds {one.type}, cannot be compared with {describe(right)}, "
            f"which is {other.type}"
        ) from error


def are_texts(*sides: Any) -> bool:
    return all(pa.types.is_string(values.type) for values in sides)


def check_literal(operand: Operand, values: Any, against: tuple[Operand, pa.DataType]) -> None:
    """Refuse a text of the condition that can be no value of what it is compared with.

    Args:
        operand: one side of a comparison.
        values: its values, read as the type of the other side.
        against: the other side, and its type.
    """
    is_text = isinstance(operand, Literal) and isinstance(operand.value, str)
    if is_text and len(values) and values.null_count == len(values):
        other, kind = against
        raise ConditionTypeError(
            f"{describe(other)} holds {kind}, which {describe(operand)} is not"
        )


def describe(operand: Operand) -> str:
    return repr(operand.name if isinstance(operand, Name) else operand.value)


def adapt_text(values: Any, kind: pa.DataType) -> Any:
    """Read texts as the type that they are compared with; what is none of it becomes null.

    Texts that are numbers stay texts: `compare_numbers` reads them.
    """
    if not pa.types.is_string(values.type):
        return values
    if pa.types.is_boolean(kind):
        lower = pc.utf8_lower(pc.utf8_trim_whitespace(values))
        known = pc.is_in(lower, pa.array(list(BOOLEANS)))
        return pc.if_else(known, pc.equal(lower, "true"), pa.scalar(None, pa.bool_()))
    if is_number(kind):
        return keep_numbers(values)
    if pa.types.is_temporal(kind):
        return add_zone(values, kind).cast(kind)
    return values


def add_zone(times: Any, kind: pa.DataType) -> Any:
    """Add UTC to texts without a zone that are compared with times that have one."""
    if not pa.types.is_timestamp(kind) or kind.tz is None:
        return times
    dated = pc.if_else(
        pc.match_substring_regex(times, DATE),
        pc.binary_join_element_wise(times, "00:00", " "),
        times,
    )
    zoned = pc.match_substring_regex(dated, ZONE)
    return pc.if_else(zoned, dated, pc.binary_join_element_wise(dated, "Z", ""))


@dataclass(frozen=True, slots=True)
class Range:
    """The values of a column in a row group."""

    least: Any
    most: Any


def can_match(condition: Condition, ranges: Mapping[str, Range]) -> bool:
    """False if no row of a row group can match, by the ranges of those columns that have one."""
    match condition:
        case And(left, right):
            return can_match(left, ranges) and can_match(right, ranges)
        case Or(left, right):
            return can_match(left, ranges) or can_match(right, ranges)
        case Compare(sign, Name(name), Literal(value)):
            return can_compare(sign, ranges.get(name), value)
        case Compare(sign, Literal(value), Name(name)):
            return can_compare(turn(sign), ranges.get(name), value)
        case _:
            return True


def turn(sign: str) -> str:
    """The sign that says the same from right to left."""
    return sign.translate(str.maketrans("<>", "><"))


def can_compare(sign: str, known: Range | None, value: Any) -> bool:
    """Whether a value of the range may compare so; True where that is not known."""
    if known is None or not is_same_kind(known.least, value):
        return True
    outermost = {
        "=": known.least <= value <= known.most,
        "<": known.least < value,
        "<=": known.least <= value,
        ">": known.most > value,
        ">=": known.most >= value,
    }
    return bool(outermost.get(sign, True))


def is_same_kind(one: Any, other: Any) -> bool:
    """Whether Python compares the two as Arrow does: numbers with numbers, texts with texts."""
    for kind in (bool, str):
        if isinstance(one, kind) or isinstance(other, kind):
            return isinstance(one, kind) and isinstance(other, kind)
    return isinstance(one, int | float) and isinstance(other, int | float)


def read_ranges(group: Any, names: Mapping[str, str]) -> dict[str, Range]:
    """Read the ranges of columns from the metadata of a row group.

    Args:
        group: a RowGroupMetaData.
        names: path of a column in the file -> its name in the condition.
    """
    found = {}
    for place in range(group.num_columns):
        column = group.column(place)
        name = names.get(column.path_in_schema)
        statistics = column.statistics
        if name is None or statistics is None or not statistics.has_min_max:
            continue
        least, most = statistics.min, statistics.max
        if least == least and most == most:  # noqa: PLR0124  (a NaN says nothing)
            found[name] = Range(least, most)
    return found
