"""csv, tsv -> tables: a header line, then records; texts stay texts."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from operator import itemgetter

import pyarrow as pa

from img2dataset.sources.config import (
    BadListError,
    InputFile,
    Source,
    SourceConfig,
    check_columns,
    wanted_columns,
)
from img2dataset.sources.csv_records import (
    LONGEST_LINE,
    Dialect,
    Record,
    Records,
    parse,
    read_record,
)
from img2dataset.sources.lines import LineSource, Types, normalised, scanned
from img2dataset.sources.numbers import NumberTest
from img2dataset.sources.streams import Block, Reading, line_blocks

DELIMITERS = {"csv": ",", "tsv": "\t"}


def open_files(files: tuple[InputFile, ...], config: SourceConfig) -> Source:
    """A list in csv or tsv files."""
    return LineSource(files, config, DelimitedFormat())


class DelimitedFormat:
    """A LineFormat."""

    def column_types(self, files: tuple[InputFile, ...], config: SourceConfig) -> Types:
        """A column is one of numbers if all its values in the list are."""
        tests = {name: NumberTest() for name in config.additional_columns}
        for batch in scanned(files, config, batches):
            for name, test in tests.items():
                test.feed(batch.values(name))
        return {name: test.type for name, test in tests.items()}

    def column_names(self, reading: Reading, config: SourceConfig) -> list[str]:
        return next(batches(reading, config)).names

    def tables(self, reading: Reading, config: SourceConfig, types: Types) -> Iterator[pa.Table]:
        for batch in batches(reading, config):
            yield batch_table(batch, config, types)


class Batch:
    """Some records of a file, and where its columns are."""

    def __init__(self, header: Record, records: Records) -> None:
        self._header = header
        self.problems = records.problems
        missing: Record = [None] * len(header)  # type: ignore[list-item]
        self._rows = [missing if row is None else row for row in records.rows]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def names(self) -> list[str]:
        return [str(name) for name in self._header]

    def values(self, column: str) -> list[str | None]:
        """The texts of a column; None in malformed records."""
        return list(map(itemgetter(self._header.index(column)), self._rows))


def batches(reading: Reading, config: SourceConfig) -> Iterator[Batch]:
    """The records of a file.  A file without a header, that is, an empty one, has none."""
    delimiter = DELIMITERS[config.base_format]
    header: Record | None = None
    rest: list[str] = []
    for block, final in with_last(line_blocks(reading, LONGEST_LINE)):
        lines, has_bad_bytes = text_lines(block.data)
        first_line = block.first_line - len(rest)
        lines = rest + lines
        if header is None:
            header, used = read_header(lines, Dialect(delimiter), reading.file.url)
            if header is None:
                continue
            check_columns(header, config, reading.file.url)
            lines, first_line = lines[used:], first_line + used
        suspect = header.index(config.url_col) if has_bad_bytes else None
        records = parse(lines, first_line, Dialect(delimiter, len(header), suspect), final=final)
        rest = records.rest
        yield Batch(header, records)


def with_last(blocks: Iterator[Block]) -> Iterator[tuple[Block, bool]]:
    """Each block, and whether it is the last."""
    held = next(blocks, None)
    for block in blocks:
        if held is not None:
            yield held, False
        held = block
    if held is not None:
        yield held, True


def text_lines(data: bytes) -> tuple[list[str], bool]:
    """The lines with their ends, and whether some bytes had to be replaced."""
    try:
        text, has_bad_bytes = data.decode(), False
    except UnicodeDecodeError:
        text, has_bad_bytes = data.decode("utf-8", "replace"), True
    return list(StringIO(text, newline="\n")), has_bad_bytes  # no other line ends count


def read_header(lines: list[str], dialect: Dialect, url: str) -> tuple[Record | None, int]:
    """The first record that is not blank, and how many lines that took."""
    for position, line in enumerate(lines):
        if line.strip():
            attempt = read_record(lines, position, dialect)
            if attempt.record is None:
                raise BadListError(f"{url}: line {position + 1}, the header, has {attempt.problem}")
            return attempt.record, position + attempt.lines
    return None, 0


def batch_table(batch: Batch, config: SourceConfig, types: Types) -> pa.Table:
    """The wanted columns of a batch, by their final names."""
    columns = {
        column.name: typed(batch.values(column.source), types.get(column.source))
        if not column.is_text
        else pa.array(batch.values(column.source), pa.string())
        for column in wanted_columns(config)
    }
    return normalised(columns, batch.problems, len(batch))


def typed(values: list[str | None], kind: pa.DataType | None) -> pa.Array:
    """Texts as the type of their column, which was found to fit all of them."""
    if kind is None or pa.types.is_string(kind):
        return pa.array(values, pa.string())
    return pa.array([value or None for value in values], pa.string()).cast(kind)
