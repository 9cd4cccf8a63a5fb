"""The header of csv or tsv -> what its rows look like; whether a quote has swallowed one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from img2dataset.sources.quotes import Record

URL_LIKE = re.compile(
    r"[\"']*(?:[a-z][a-z0-9+.-]*:)?(?://|www\.)\S"
    r"|[^\s/]{1,100}\.[^\s/]{1,100}/\S"
    r"|\S{1,200}\.(?:jpe?g|png|gif|webp|avif|tiff?|bmp)\b",
    re.IGNORECASE,
)
"""The beginning of a cell that is likely a URL, with or without a scheme.  No white space: a text may
have a URL after a comma, but hardly without a space."""


@dataclass(frozen=True, slots=True)
class RowShape:
    """What rows of a file look like."""

    delimiter: str
    width: int
    least: int
    """Minimum of cells in a row: one less than the header, if that ends in a delimiter."""
    url: int | None
    """Position of the URL; None if no column has it."""
    has_quotes: bool = True
    """Whether quotes mean something."""


def hides_row(record: Record, shape: RowShape) -> bool:
    """True if a quoted text of a record has a line that looks like a row, with a URL in its place:
    then a stray quote has swallowed that row."""
    return shape.url is not None and any(
        "\n" in text and text_hides_row(text, field, len(record), shape)
        for field, text in enumerate(record)
    )


def text_hides_row(text: str, field: int, cells: int, shape: RowShape) -> bool:
    """True if this text, a field of a record of so many cells, hides a row."""
    url = shape.url or 0
    first, *inner, last = (line.split(shape.delimiter) for line in text.split("\n"))
    before, after = field, cells - 1 - field
    return (
        (url >= field and is_row(first, before, 0, shape))
        or any(is_row(line, 0, 0, shape) for line in inner)
        or (url <= field and is_row(last, 0, after, shape))
    )


def is_row(line: Record, before: int, after: int, shape: RowShape) -> bool:
    """True if cells of a line look like a row with a URL in its place, counted from the left or
    from the right: the rest may have delimiters in it.  `before` and `after` are the cells of the
    line that are not among them."""
    if before + len(line) + after < shape.least:
        return False
    url = shape.url or 0
    from_left, from_right = url - before, shape.width - url - after
    return (0 <= from_left < len(line) and bool(URL_LIKE.match(line[from_left]))) or (
        0 < from_right <= len(line) and bool(URL_LIKE.match(line[-from_right]))
    )
