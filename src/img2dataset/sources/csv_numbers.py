"""Texts of a csv column -> the type that keeps every one of them exactly: int64, double, string."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import pyarrow as pa


class NumberTest:
    """Infer the type of a column that arrives in pieces.

    A column becomes a number only if text -> number -> text gives back each of its texts, so
    "007", "1.50" and "+1" keep a column of text.  Fractions are written either with Python's
    ".0" or without, but one way all through the column.  Empty texts are nulls.
    """

    def __init__(self) -> None:
        self._seen = False
        self._whole = True
        self._pointed = True
        self._bare = True

    def feed(self, values: Sequence[str | None]) -> None:
        texts = [value for value in values if value]
        if not texts or not (self._whole or self._pointed or self._bare):
            return
        self._seen = True
        self._whole = self._whole and are_integers(texts)
        if not (self._pointed or self._bare):
            return
        numbers = parse_floats(texts)
        if numbers is None:
            self._pointed = self._bare = False
            return
        shown = list(map(repr, numbers))
        self._pointed = self._pointed and shown == texts
        self._bare = self._bare and [text.removesuffix(".0") for text in shown] == texts

    @property
    def type(self) -> pa.DataType:
        if self._seen and self._whole:
            return pa.int64()
        if self._seen and (self._pointed or self._bare):
            return pa.float64()
        return pa.string()


def are_integers(texts: list[str]) -> bool:
    """True if all are 64-bit integers in their usual notation."""
    array = pa.array(texts, pa.string())
    try:
        numbers = array.cast(pa.int64())
    except pa.ArrowInvalid:
        return False
    return bool(numbers.cast(pa.string()).equals(array))


def parse_floats(texts: list[str]) -> list[float] | None:
    try:
        numbers = list(map(float, texts))
    except ValueError:
        return None
    return numbers if all(map(isfinite, numbers)) else None
