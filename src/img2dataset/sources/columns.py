"""The options -> the columns of the normalised table; a file without one of them is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from img2dataset.records import CAPTION, URL
from img2dataset.sources.config import BadListError, SourceConfig
from img2dataset.sources.missing_header import suggest_header
from img2dataset.sources.separators import suggest_separator
from img2dataset.text import plural


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the normalised table."""

    name: str
    """Its name in the metadata."""
    source: str
    """Its name in the list."""
    option: str
    """The option that asks for it."""
    is_text: bool
    """Whether it is converted to text; else it keeps its type."""


def list_columns(config: SourceConfig) -> tuple[Column, ...]:
    """List the columns of the normalised table, in their order."""
    columns = [
        Column(name, name, "bbox_col" if name == config.bbox_col else "save_additional_columns",
               is_text=False)
        for name in config.additional_columns
    ]  # fmt: skip
    if config.caption_col is not None:
        columns.append(Column(CAPTION, config.caption_col, "caption_col", is_text=True))
    if config.verify_hash is not None:
        source, hash_type = config.verify_hash
        columns.append(Column(hash_type, source, "verify_hash", is_text=True))
    columns.append(Column(URL, config.url_col, "url_col", is_text=True))
    return tuple(columns)


MAX_SHOWN_COLUMNS = 50
"""In an error message."""


def suggest_column(name: str, there: list[str]) -> str:
    """Name the column that was probably meant; empty if none is similar."""
    by_folded = {one.strip().casefold(): one for one in there}
    close = get_close_matches(name.strip().casefold(), by_folded, n=1, cutoff=0.66)
    return f"; did you mean {by_folded[close[0]]!r}?" if close else ""


def check_columns(there: list[str], config: SourceConfig, url: str) -> None:
    """Refuse a file that lacks a wanted column, or has it twice."""
    for column in list_columns(config):
        count = there.count(column.source)
        if count == 1:
            continue
        shown = ", ".join(repr(name[:100]) for name in there[:MAX_SHOWN_COLUMNS])
        more = (
            f" and {len(there) - MAX_SHOWN_COLUMNS} more" if len(there) > MAX_SHOWN_COLUMNS else ""
        )
        if count == 0:
            more += (
                config.columns is None and suggest_header(there, config.url_col, config.caption_col)
            ) or (
                suggest_separator(there, config.input_format)
                or suggest_column(column.source, there)
            )
        what = "has no such column" if count == 0 else f"has {count} columns of that name"
        if count == 0 and f"/{column.source}=" in url:
            more += (
                f"; {column.source!r} is in the names of its folders, not in the files: it cannot "
                "be read from there"
            )
        raise BadListError(
            f"{column.option} is {column.source!r}: {url} {what}; "
            f"its columns are {shown or 'none'}{more}"
        )


def check_given_columns(first: Sequence[str], columns: Sequence[str], url: str) -> None:
    """Refuse a file whose first row does not fit the names that `columns` gives, or has them."""
    named = f"columns is {','.join(columns)[:200]!r}"
    if len(first) != len(columns):
        row = ", ".join(repr(cell[:50]) for cell in first[:MAX_SHOWN_COLUMNS])
        raise BadListError(
            f"{named}, {plural(len(columns), 'name')}, but the first row of {url} has "
            f"{plural(len(first), 'cell')}: {row}"
        )
    if [cell.strip().casefold() for cell in first] == [name.casefold() for name in columns]:
        raise BadListError(
            f"{named}, but {url} has a header with these names: leave columns out, which is for "
            "files without one"
        )
