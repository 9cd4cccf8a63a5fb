"""Two columns of numbers, of texts, or one of each -> how their values compare.

Numbers compare by their values, whatever holds them: whole numbers of any size exactly.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from img2dataset.sources.values import is_string_like

SIGNS = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*$"
"""Longer exponents are more likely hex digits, of which all would be 0 or infinite."""
WHOLE_NUMBER = r"^\s*[+-]?\d{1,38}\s*$"
WHOLE = pa.decimal256(38, 0)
"""Holds every whole number of 64 bits, with a sign or without, and compares with fractions."""
BLANK = r"^\s*$"


def is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def make_scalar(value: Any) -> Any:
    """Make the scalar of a value of a condition."""
    is_long = type(value) is int and not -(2**63) <= value < 2**63
    if not is_long:
        return pa.scalar(value)
    return pa.scalar(Decimal(value)) if abs(value) < 10**38 else pa.scalar(float(str(value)))


def make_plain(values: Any) -> Any:
    """Return the values in a type that Arrow compares with all others of its kind."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return make_plain(values.cast(kind.value_type))
    if is_string_like(kind):
        return values.cast(pa.string())
    if kind == pa.float16():
        return values.cast(pa.float32())
    if kind == pa.uint64():
        return values.cast(WHOLE)
    if pa.types.is_decimal(kind):
        return values.cast(pa.decimal256(kind.precision, kind.scale))
    return values


def compare_numbers(sign: str, one: Any, other: Any) -> Any:
    """Compare numbers, or texts that are numbers."""
    kinds = (one.type, other.type)
    if any(map(pa.types.is_boolean, kinds)):
        return SIGNS[sign](one, other)  # which Arrow refuses
    if not any(map(pa.types.is_floating, kinds)):
        whole = SIGNS[sign](read_whole_numbers(one), read_whole_numbers(other))
        if not any(map(pa.types.is_string, kinds)):
            return whole
        return pc.coalesce(whole, SIGNS[sign](read_fractions(one), read_fractions(other)))
    return SIGNS[sign](read_fractions(one), read_fractions(other))


def compare_texts(sign: str, one: Any, other: Any) -> Any:
    """Compare the texts of two columns: as numbers in the rows in which both are numbers, or one is
    and the other is blank, which is null then; as texts in all other rows.

    No other row has a say in this: it is the same however a list is cut.
    """
    numbers = [pc.match_substring_regex(texts, NUMBER) for texts in (one, other)]
    blanks = [pc.match_substring_regex(texts, BLANK) for texts in (one, other)]
    fit = [pc.or_(*pair) for pair in zip(numbers, blanks, strict=True)]
    are_numbers = pc.and_(pc.and_(*fit), pc.or_(*numbers))
    by_value = compare_numbers(sign, keep_numbers(one), keep_numbers(other))
    return pc.if_else(are_numbers, by_value, SIGNS[sign](one, other))


def keep_numbers(texts: Any, pattern: str = NUMBER) -> Any:
    """Return the texts that are numbers, without white space; null for all others."""
    found = pc.match_substring_regex(texts, pattern)
    kept = pc.if_else(found, pc.utf8_trim_whitespace(texts), pa.scalar(None, pa.string()))
    return pc.utf8_ltrim(kept, "+")


def read_whole_numbers(values: Any) -> Any:
    """Read texts as whole numbers; a text that is none is null."""
    is_text = pa.types.is_string(values.type)
    return keep_numbers(values, WHOLE_NUMBER).cast(WHOLE) if is_text else values


def read_fractions(values: Any) -> Any:
    """Round numbers, or texts that are numbers, to 53 bits."""
    return values.cast(pa.float64(), safe=pa.types.is_string(values.type))
