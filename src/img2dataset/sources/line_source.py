"""Files of a format made of lines -> Shards, streaming: what txt, csv, tsv, json, jsonl share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sized
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from math import inf
from typing import Protocol, TypeVar

import pyarrow as pa

from img2dataset.errors import OptionError, SourceError
from img2dataset.options.columns import DOCUMENT_INDEX
from img2dataset.records import Shard
from img2dataset.sources.compression import unpack_head
from img2dataset.sources.config import BadListError, InputFile, SourceConfig
from img2dataset.sources.duplicates import Duplicates
from img2dataset.sources.findings import Findings
from img2dataset.sources.made_columns import finish_table
from img2dataset.sources.opening import translate_errors
from img2dataset.sources.reading import Reading
from img2dataset.sources.row_tables import copy_table, cut_into_shards
from img2dataset.sources.shuffling import shuffle_rows

T = TypeVar("T", bound=Sized)


Types = Mapping[str, pa.DataType]
"""Types of the additional columns of the list."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """What is read from its start to its end: a file, or a row group of one."""

    file: InputFile
    documents: int = 0
    """In the list before it, of a list of documents."""
    row_group: int | None = None


class LineFormat(Protocol):
    """Reads one format."""

    def column_types(self, files: tuple[InputFile, ...], config: SourceConfig) -> Types:
        """Infer types that fit the whole list; called only if there are additional columns."""

    def column_names(self, reading: Reading, config: SourceConfig) -> list[str]:
        """List the columns of a file that has rows."""

    def all_names(
        self, files: tuple[InputFile, ...], first: InputFile, config: SourceConfig
    ) -> list[str]:
        """List the columns of the list, whose first file with rows is `first`."""

    def tables(self, reading: Reading, config: SourceConfig, types: Types) -> Iterator[pa.Table]:
        """Read the file as normalised tables of any sizes and one schema.

        Raises:
            BadListError: the file as a whole is malformed.
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
        self._read = 0.0
        types = self._column_types()
        with self._duplicates(types) as duplicates:
            self._findings = Findings()
            for number, tables in self._ordered_tables(types):
                kept = (
                    (table if duplicates is None else duplicates.keep_first(table), position)
                    for table, position in tables
                )
                for table, position in cut_into_shards(kept, rows_per_shard):
                    self._read = position
                    yield Shard(next(ids), table.num_rows, copy_table(table), file=number)
        self._read = float("inf")  # to the end
        if next(ids) == first_id and self._config.where is not None:
            raise OptionError(f"where is {self._config.where!r}: no row of the list matches")

    @contextmanager
    def _duplicates(self, types: Types) -> Iterator[Duplicates | None]:
        """What is needed to leave out rows with the same URL, if that is asked for."""
        if self._config.deduplicate is None:
            yield None
            return
        with closing(Duplicates()) as duplicates:
            if self._config.duplicate_captions == "all":
                duplicates.note_captions(
                    table for _, tables in self._file_tables(types) for table, _ in tables
                )
            yield duplicates

    def _ordered_tables(
        self, types: Types
    ) -> Iterator[tuple[int, Iterator[tuple[pa.Table, float]]]]:
        """Yield the tables of each file; of a shuffled list, all of them at once."""
        if self._config.shuffle is None:
            yield from self._file_tables(types)
            return

        def read(part: FilePart) -> Iterator[tuple[pa.Table, float]]:
            with self._noted_reading(part) as reading:
                yield from self._marked(reading, types, 0, part.documents)

        yield 0, shuffle_rows(self.list_parts(), read, self._config.shuffle)

    def list_parts(self) -> list[FilePart]:
        """List what a shuffled list is read in."""
        parts = []
        documents = 0
        for file in self.files:
            parts.append(FilePart(file, documents))
            if self._config.expands and len(self.files) > 1:
                documents += self._count_documents(file)
        return parts

    def _count_documents(self, file: InputFile) -> int:
        """Count the documents of a file; this reads it."""
        bare = replace(self._config, additional_columns=(), bbox_col=None, where=None)
        with translate_errors(SourceError, file.url), self.open_reading(FilePart(file)) as reading:
            for _ in self._format.tables(reading, bare, {}):
                pass
            return reading.documents

    def _file_tables(self, types: Types) -> Iterator[tuple[int, Iterator[tuple[pa.Table, float]]]]:
        """Yield each file with its tables, and with each of them how many bytes of the list are read."""
        done = documents = 0
        for number, file in enumerate(self.files):
            with self._noted_reading(FilePart(file)) as reading:
                yield number, self._marked(reading, types, done, documents)
                done += reading.position
                documents += reading.documents

    @contextmanager
    def _noted_reading(self, part: FilePart) -> Iterator[Reading]:
        """Read a part, and merge its findings into those of the list."""
        with translate_errors(SourceError, part.file.url), self.open_reading(part) as reading:
            try:
                yield reading
            finally:
                self._findings.merge(reading.findings)

    def open_reading(self, part: FilePart) -> Reading:
        """Begin one pass over a part."""
        return Reading(part.file)

    def findings(self) -> tuple[str, ...]:
        return self._findings.lines()

    def first_rows(self, config: SourceConfig) -> pa.Table:
        """Read some of the first rows, normalised as `config` says, which has no additional columns."""
        file = self._first_file
        with translate_errors(OptionError, file.url), self.open_reading(FilePart(file)) as reading:
            tables = (t for t in self._format.tables(reading, config, {}) if t.num_rows)
            found = next(tables, None)  # none: no row group can match a condition
            return pa.table({}) if found is None else finish_table(found, config)

    def column_names(self) -> list[str]:
        """List the columns of the first file that has rows."""
        file = self._first_file
        with translate_errors(OptionError, file.url), self.open_reading(FilePart(file)) as reading:
            return self._format.column_names(reading, self._config)

    def all_names(self) -> list[str]:
        file = self._first_file
        with translate_errors(OptionError, file.url):
            return self._format.all_names(self.files, file, self._config)

    def rows_total(self) -> int | None:
        return None

    def fraction_read(self) -> float:
        sizes = [file.size for file in self.files]
        known = sum(size for size in sizes if size is not None)
        total = known * len(sizes) / max(1, sum(size is not None for size in sizes))
        return min(1.0, self._read / total) if total else 0.0

    def _column_types(self) -> Types:
        """Infer one type for each additional column; this reads the whole list."""
        if not self._config.additional_columns:
            return {}
        return self._format.column_types(self.files, self._config)

    def _marked(
        self, reading: Reading, types: Types, done: int, documents: int
    ) -> Iterator[tuple[pa.Table, float]]:
        """Yield the tables of a file, each with the position after it.

        `done` is the number of bytes in the files before, `documents` that of documents.
        """
        with translate_errors(SourceError, reading.file.url):
            for table in self._format.tables(reading, self._config, types):
                finished = finish_table(table, self._config)
                yield count_documents(finished, documents), float(done + reading.position)

    def _find_first(self) -> InputFile:
        """Find the first file that has rows."""
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


def count_documents(table: pa.Table, before: int) -> pa.Table:
    """Number documents over the whole list, not only in their file."""
    if not before:
        return table
    import pyarrow.compute as pc  # noqa: PLC0415  (30 ms, for lists of documents)

    place = table.column_names.index(DOCUMENT_INDEX)
    return table.set_column(place, DOCUMENT_INDEX, pc.add(table.column(place), before))


def begins_well(
    line_format: LineFormat, file: InputFile, head: bytes, config: SourceConfig
) -> bool:
    """True if the head of a file is well-formed, as far as the head alone can tell."""
    plain = unpack_head(head, file.compression)
    if head and not plain:  # the first block is longer than the head
        return False
    is_whole = file.size is not None and len(head) >= file.size
    text = plain if is_whole else plain[: plain.rfind(b"\n") + 1]
    types = dict.fromkeys(config.additional_columns, pa.string())  # not looked at
    try:
        with Reading.of_bytes(file, text) as reading:
            next(iter(line_format.tables(reading, config, types)), None)
    except BadListError:
        return False
    return True


def check_head(line_format: LineFormat, file: InputFile, head: bytes, config: SourceConfig) -> None:
    """Refuse a file whose beginning does not fit its format.

    The head has been read already; the file is opened only if its head looks wrong, which may be
    because it is cut off after 64 KiB.

    Raises:
        BadListError: as when the file is read.
    """
    if not begins_well(line_format, file, head, config):
        has_rows(line_format, file, config)


def has_rows(
    line_format: LineFormat, file: InputFile, config: SourceConfig
) -> tuple[bool, tuple[str, ...]]:
    """Tell whether a file has rows; return that and notices about its encoding."""
    types = dict.fromkeys(config.additional_columns, pa.string())  # not looked at
    with Reading(file) as reading:
        found = any(table.num_rows for table in line_format.tables(reading, config, types))
        return found, reading.findings.encoding_notices()


def scan_files(
    files: tuple[InputFile, ...],
    config: SourceConfig,
    batches: Callable[[Reading, SourceConfig], Iterator[T]],
) -> Iterator[T]:
    """Read the batches of all files, before shards are made; with a limit, those that the rows are
    from."""
    left = inf if config.limit is None or config.needs_stream else config.limit
    for file in files:
        with translate_errors(SourceError, file.url), Reading(file) as reading:
            for batch in batches(reading, config):
                yield batch
                left -= len(batch)
                if left <= 0:
                    return
