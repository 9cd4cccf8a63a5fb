"""The interface of the sources: SourceConfig -> Source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from img2dataset.errors import Img2datasetError
from img2dataset.options import (
    Options,
    list_template_columns,
    make_config,
    parse_renames,
    parse_separator,
)
from img2dataset.options.columns import ALL_CAPTIONS, DOCUMENT_INDEX, URL_POSITION
from img2dataset.options.url_schemes import WEB_SCHEMES
from img2dataset.options.where import Condition, parse_condition
from img2dataset.records import Shard
from img2dataset.sources.compression import Compression
from img2dataset.sources.paths import EVERY, is_path, parse_path

SEPARATORS = {"csv": ",", "tsv": "\t"}
"""Format of a list -> what separates its cells, unless `delimiter` says another."""

NESTED_FORMATS = ("json", "jsonl", "parquet")
"""Formats whose rows can have lists and objects in them."""


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """How to read the list; the names are those of the options."""

    input_format: str
    url_col: str
    caption_col: str | None = None
    additional_columns: tuple[str, ...] = ()
    """bbox_col, if any, is among them."""
    bbox_col: str | None = None
    verify_hash: tuple[str, str] | None = None
    """(column, hash type)."""
    columns: tuple[str, ...] | None = None
    """Of files that have no header."""
    delimiter: str | None = None
    """As given: a character or its name."""
    quoting: str = "auto"
    url_template: str | None = None
    where: str | None = None
    """The condition, as written."""
    deduplicate: str | None = None
    duplicate_captions: str = "first"
    shuffle: int | None = None
    """The seed of the order of the rows."""
    limit: int | None = None
    """How many rows of the list, after all of the above, are taken."""
    url_schemes: tuple[str, ...] = WEB_SCHEMES
    """Of the URLs that may be rows."""
    renames: tuple[tuple[str, str], ...] = ()
    """(name in the files, name for all other options)."""

    @classmethod
    def of(cls, options: Options) -> SourceConfig:
        """The part of the options that says how the list is read."""
        pair = options.verify_hash
        return make_config(
            cls,
            options,
            caption_col=options.caption_col or None,  # NO_COLUMN is no column to read
            verify_hash=None if pair is None else (pair[0], pair[1]),
            columns=None if options.columns is None else tuple(options.columns),
            url_schemes=options.allowed_schemes,
            renames=tuple(parse_renames(options.rename_columns or ()).items()),
        )

    @property
    def compressed(self) -> bool:
        """Whether the format says that all files are compressed; others may be all the same."""
        return "." in self.input_format

    def name_in_files(self, name: str) -> str:
        """The name in the files of the column that options call `name`."""
        return next((old for old, new in self.renames if new == name), name)

    @property
    def expands(self) -> bool:
        """Whether url_col is a path into documents, each with any number of URLs."""
        nested = self.base_format in NESTED_FORMATS
        return nested and self.url_template is None and is_path(self.url_source)

    def reaches(self, path: str) -> bool:
        """Whether each list that a path goes into is one that url_col goes into, so that a row has
        one value there."""
        lists = path.rpartition(EVERY)[0]
        steps = parse_path(lists)
        return not lists or (self.expands and parse_path(self.url_source)[: len(steps)] == steps)

    @property
    def made_columns(self) -> tuple[str, ...]:
        """The columns that rows get here, of which the list says nothing."""
        of_documents = (DOCUMENT_INDEX, URL_POSITION) if self.expands else ()
        return (*of_documents, *([ALL_CAPTIONS] if self.duplicate_captions == "all" else ()))

    @property
    def condition(self) -> Condition | None:
        """What rows of the list must fulfil."""
        return None if self.where is None else parse_condition(self.where)

    @property
    def needs_stream(self) -> bool:
        """Whether the rows of the list are not those of its files, in their order, so that it is
        read here."""
        changes = (self.where, self.deduplicate, self.shuffle)
        return self.expands or any(each is not None for each in changes)

    @property
    def url_sources(self) -> tuple[str, ...]:
        """The names in the files of what the URL is made of."""
        if self.url_template is None:
            return (self.url_source,)
        return tuple(map(self.name_in_files, list_template_columns(self.url_template)))

    @property
    def url_source(self) -> str:
        """The name of url_col in the files."""
        return self.name_in_files(self.url_col)

    @property
    def separator(self) -> str:
        """What is between the cells of csv or tsv."""
        if self.delimiter is not None:
            return parse_separator(self.delimiter)
        return SEPARATORS[self.base_format]

    @property
    def has_quotes(self) -> bool:
        """Whether quotes around a text of csv or tsv are not part of it."""
        return self.quoting != "none"

    @property
    def base_format(self) -> str:
        """The format of the content, without .gz and the like."""
        return self.input_format.partition(".")[0]


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of the list.  A list given in Python is one, with a name in angle brackets."""

    url: str
    size: int | None
    fingerprint: str
    """Hex SHA-256 over its first and last 64 KiB: part of a run's identity."""
    rows: int | None = None
    """If the ends of the file tell."""
    compression: Compression | None = None


class Source(Protocol):
    """The list, ready to be read."""

    @property
    def files(self) -> tuple[InputFile, ...]: ...

    notices: tuple[str, ...]
    """Shown to the user before the list is read."""

    def shards(self, rows_per_shard: int, first_id: int = 0) -> Iterator[Shard]:
        """Yield the list in slices, file by file.

        Raises:
            SourceError: a file cannot be read further.
        """

    def findings(self) -> tuple[str, ...]:
        """Describe odd lines among those that `shards` has read so far, with examples."""
        ...

    def all_names(self) -> list[str]:
        """List the columns of the list, as its files name them."""
        ...

    def rows_total(self) -> int | None:
        """Count the rows of the whole list, if that is cheap."""

    def fraction_read(self) -> float:
        """Say how much of the list has been given out as shards, by bytes: 0 to 1."""


class BadListError(Img2datasetError):
    """A file of the list is malformed; raised to callers as OptionError or SourceError."""
