"""What sources are told and what they promise: SourceConfig -> Source; and the table they make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from img2dataset.errors import Img2datasetError
from img2dataset.records import Shard


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
