"""What sources are told and what they promise: SourceConfig -> Source; and the table they make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Protocol

from img2dataset.errors import Img2datasetError
from img2dataset.options import Options, make_config
from img2dataset.records import CAPTION, URL, Shard
from img2dataset.sources.separators import other_separator


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """How the list is to be read; the names are those of the options."""

    input_format: str
    url_col: str
    caption_col: str | None = None
    additional_columns: tuple[str, ...] = ()
    """bbox_col, if any, is among them."""
    bbox_col: str | None = None
    verify_hash: tuple[str, str] | None = None
    """(column, hash type)."""

    @classmethod
    def of(cls, options: Options) -> SourceConfig:
        """The part of the options that says how the list is read."""
        pair = options.verify_hash
        return make_config(
            cls,
            options,
            caption_col=options.caption_col or None,  # NO_COLUMN is no column to read
            verify_hash=None if pair is None else (pair[0], pair[1]),
        )

    @property
    def gzipped(self) -> bool:
        return self.input_format.endswith(".gz")

    @property
    def base_format(self) -> str:
        """The format of the content, without .gz."""
        return self.input_format.removesuffix(".gz")


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of the list.  A list given in Python is one, with a name in angle brackets."""

    url: str
    size: int | None
    fingerprint: str
    """Hex SHA-256 over its first and last 64 KiB: part of a run's identity."""
    rows: int | None = None
    """Where the ends of the file tell."""


class Source(Protocol):
    """The list, ready to be read."""

    @property
    def files(self) -> tuple[InputFile, ...]: ...

    notices: tuple[str, ...]
    """What a user should know of the list before it is read."""

    def shards(self, rows_per_shard: int, first_id: int = 0) -> Iterator[Shard]:
        """The list, file by file, in slices; lazily.

        Raises:
            SourceError: a file cannot be read further.
        """

    def findings(self) -> tuple[str, ...]:
        """What was odd about the lines read by `shards` so far, with examples; for the summary."""
        ...

    def rows_total(self) -> int | None:
        """Rows of the whole list, if that is cheap to know."""

    def fraction_read(self) -> float:
        """How much of the list has been handed out as shards, by bytes: 0 to 1."""


class BadListError(Img2datasetError):
    """A file of the list is not what it should be; told as OptionError or SourceError."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the normalised table."""

    name: str
    """Its name in the metadata."""
    source: str
    """Its name in the list."""
    option: str
    """Who asked for it."""
    is_text: bool
    """Made text whatever it is; else it keeps its type."""


def wanted_columns(config: SourceConfig) -> tuple[Column, ...]:
    """The columns of the normalised table, in their order."""
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


SHOWN_COLUMNS = 50
"""Column names that an error message lists at most."""


def nearest_column(name: str, there: list[str]) -> str:
    """Names the column that was probably meant; empty if none is near."""
    by_folded = {one.strip().casefold(): one for one in there}
    close = get_close_matches(name.strip().casefold(), by_folded, n=1, cutoff=0.66)
    return f"; did you mean {by_folded[close[0]]!r}?" if close else ""


def check_columns(there: list[str], config: SourceConfig, url: str) -> None:
    """Refuse a file that lacks a wanted column, or has it twice."""
    for column in wanted_columns(config):
        count = there.count(column.source)
        if count == 1:
            continue
        shown = ", ".join(repr(name[:100]) for name in there[:SHOWN_COLUMNS])
        more = f" and {len(there) - SHOWN_COLUMNS} more" if len(there) > SHOWN_COLUMNS else ""
        if count == 0:
            more += without_header(there) + (
                other_separator(there, config.input_format) or nearest_column(column.source, there)
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


def without_header(names: list[str]) -> str:
    """What to say if the names of the columns are rather the first row; else nothing."""
    if not any(name.strip().lower().startswith(("http://", "https://")) for name in names):
        return ""
    if len(names) == 1:
        return "; a list of URLs without names of columns is input_format=txt"
    return (
        "; its first line is taken for the names of the columns, but it reads like a row: "
        "put a line with the names before it"
    )
