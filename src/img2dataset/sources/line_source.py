"""Files of a format made of lines -> Shards, streaming: what txt, csv, tsv, json, jsonl share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Protocol, TypeVar

import pyarrow as pa

from img2dataset.errors import OptionError, SourceError
from img2dataset.records import Shard
from img2dataset.sources.config import BadListError, InputFile, SourceConfig
from img2dataset.sources.findings import Findings
from img2dataset.sources.opening import translate_errors
from img2dataset.sources.reading import Reading, unzip_head
from img2dataset.sources.row_tables import copy_table, cut_into_shards

T = TypeVar("T")


Types = Mapping[str, pa.DataType]
"""Types of the additional columns of the list."""


class LineFormat(Protocol):
    """How a format is read."""

    def column_types(self, files: tuple[InputFile, ...], config: SourceConfig) -> Types:
        """The types that fit all of the list; asked only if there are additional columns."""

    def column_names(self, reading: Reading, config: SourceConfig) -> list[str]:
        """The columns of a file that has rows."""

    def tables(self, reading: Reading, config: SourceConfig, types: Types) -> Iterator[pa.Table]:
        """The file as normalised tables of any sizes and one schema.

        Raises:
            BadListError: the file as a whole makes no sense.
        """


class LineSource:
    """A list in files of lines."""

    def __init__(
        self,
        files: tuple[InputFile, ...],
        config: SourceConfig,
        line_format: LineFormat,
        notices: tuple[str, ...] = (),
    ) -> None:
        self.files = files
        self.notices = notices
        self._config = config
        self._format = line_format
        self._read = 0.0  # bytes
        self._findings = Findings()
        self._first_file = self._find_first()

    def shards(self, rows_per_shard: int, first_id: int = 0) -> Iterator[Shard]:
        ids = count(first_id)
        done = 0
        self._read = 0.0
        self._findings = Findings()
        types = self._column_types()
        for number, file in enumerate(self.files):
            with self._noted_reading(file) as reading:
                for table, position in cut_into_shards(
                    self._marked(reading, types), rows_per_shard
                ):
                    self._read = done + position
                    yield Shard(next(ids), table.num_rows, copy_table(table), file=number)
                done += reading.position
        self._read = float(done)

    @contextmanager
    def _noted_reading(self, file: InputFile) -> Iterator[Reading]:
        """A pass over a file of which the findings count."""
        with translate_errors(SourceError, file.url), Reading(file, self._config) as reading:
            try:
                yield reading
            finally:
                self._findings.merge(reading.findings)

    def findings(self) -> tuple[str, ...]:
        return self._findings.lines()

    def first_rows(self, config: SourceConfig) -> pa.Table:
        """Some of the first rows, normalised as `config` says, which keeps no columns."""
        file = self._first_file
        with translate_errors(OptionError, file.url), Reading(file, config) as reading:
            return next(t for t in self._format.tables(reading, config, {}) if t.num_rows)

    def column_names(self) -> list[str]:
        """The columns of the first file that has rows."""
        file = self._first_file
        with translate_errors(OptionError, file.url), Reading(file, self._config) as reading:
            return self._format.column_names(reading, self._config)

    def rows_total(self) -> int | None:
        return None

    def fraction_read(self) -> float:
        sizes = [file.size for file in self.files]
        known = sum(size for size in sizes if size is not None)
        total = known * len(sizes) / max(1, sum(size is not None for size in sizes))
        return min(1.0, self._read / total) if total else 0.0

    def _column_types(self) -> Types:
        """One type for each kept column, over the whole list: all of it is read for that."""
        if not self._config.additional_columns:
            return {}
        return self._format.column_types(self.files, self._config)

    def _marked(self, reading: Reading, types: Types) -> Iterator[tuple[pa.Table, int]]:
        """The tables of a file, each with the position in the file after it."""
        for table in self._format.tables(reading, self._config, types):
            yield table, reading.position

    def _find_first(self) -> InputFile:
        """The first file that has rows."""
        first = next((file for file in self.files if self._has_rows(file)), None)
        if first is None:
            names = ", ".join(file.url for file in self.files[:3])
            raise OptionError(f"url_list has no rows: there is nothing in {names}")
        return first

    def _has_rows(self, file: InputFile) -> bool:
        with translate_errors(OptionError, file.url):
            found, notices = has_rows(self._format, file, self._config)
        self.notices += notices
        return found


def begins_well(
    line_format: LineFormat, file: InputFile, head: bytes, config: SourceConfig
) -> bool:
    """Whether nothing at the head of a file speaks against it, as far as the head alone tells."""
    plain = unzip_head(head) if config.gzipped else head
    is_whole = file.size is not None and len(head) >= file.size
    text = plain if is_whole else plain[: plain.rfind(b"\n") + 1]
    types = dict.fromkeys(config.additional_columns, pa.string())  # not looked at
    try:
        with Reading.of_bytes(file, text, config) as reading:
            next(iter(line_format.tables(reading, config, types)), None)
    except BadListError:
        return False
    return True


def check_head(line_format: LineFormat, file: InputFile, head: bytes, config: SourceConfig) -> None:
    """Refuse a file that does not begin as its format says.

    The head has been read anyway; the file itself is asked only if its head looks wrong: what
    is cut off after 64 KiB may look so.

    Raises:
        BadListError: as when the file is read.
    """
    if not begins_well(line_format, file, head, config):
        has_rows(line_format, file, config)


def has_rows(
    line_format: LineFormat, file: InputFile, config: SourceConfig
) -> tuple[bool, tuple[str, ...]]:
    """Whether a file has rows, and what is to be said of its encoding."""
    types = dict.fromkeys(config.additional_columns, pa.string())  # not looked at
    with Reading(file, config) as reading:
        found = any(table.num_rows for table in line_format.tables(reading, config, types))
        return found, reading.findings.encoding_notices()


def scan_files(
    files: tuple[InputFile, ...],
    config: SourceConfig,
    batches: Callable[[Reading, SourceConfig], Iterator[T]],
) -> Iterator[T]:
    """The batches of all files, before any of them is handed out."""
    for file in files:
        with translate_errors(SourceError, file.url), Reading(file, config) as reading:
            yield from batches(reading, config)
