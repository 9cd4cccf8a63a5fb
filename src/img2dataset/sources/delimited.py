"""csv, tsv -> tables: a header line, then records; texts stay texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import itemgetter

import pyarrow as pa

from img2dataset.sources.columns import check_columns, check_given_columns, list_read_columns
from img2dataset.sources.config import BadListError, InputFile, Source, SourceConfig
from img2dataset.sources.csv_lines import Lines, Records, infer_row_shape, read_header
from img2dataset.sources.csv_numbers import NumberTest
from img2dataset.sources.csv_records import RecordParser
from img2dataset.sources.encodings import decode_lines
from img2dataset.sources.findings import describe_line
from img2dataset.sources.line_blocks import Block, read_line_blocks
from img2dataset.sources.line_source import LineSource, Types, check_head, scan_files
from img2dataset.sources.partitions import add_partitions, parse_partitions
from img2dataset.sources.quotes import MAX_LINE_CHARACTERS, Record
from img2dataset.sources.reading import Reading
from img2dataset.sources.row_tables import add_problem_column


def open_files(files: tuple[InputFile, ...], config: SourceConfig) -> Source:
    """Open a list in csv or tsv files."""
    return LineSource(files, config, DelimitedFormat())


def inspect_file(
    file: InputFile,
    head: bytes,
    tail: bytes | None,  # noqa: ARG001
    config: SourceConfig,
) -> None:
    """Refuse a file whose beginning is malformed."""
    check_head(DelimitedFormat(), file, head, config)


class DelimitedFormat:
    """A LineFormat."""

    def column_types(self, files: tuple[InputFile, ...], config: SourceConfig) -> Types:
        """Infer the types: a column is numeric if all its values in the list are."""
        tests = {name: NumberTest() for name in config.additional_columns}
        for batch in scan_files(files, config, read_batches):
            for name, test in tests.items():
                test.feed(batch.values(config.name_in_files(name)))
        return {name: test.type for name, test in tests.items()}

    def column_names(self, reading: Reading, config: SourceConfig) -> list[str]:
        return next(read_batches(reading, config)).names

    def all_names(
        self,
        files: tuple[InputFile, ...],  # noqa: ARG002
        first: InputFile,
        config: SourceConfig,
    ) -> list[str]:
        with Reading(first) as reading:
            return add_partitions(self.column_names(reading, config), first.url)

    def tables(self, reading: Reading, config: SourceConfig, types: Types) -> Iterator[pa.Table]:
        for batch in read_batches(reading, config):
            yield make_table(batch, config, types)


class Batch:
    """Some records of a file, and where its columns are."""

    def __init__(
        self, header: Record, records: Records, folders: Mapping[str, int | str | None]
    ) -> None:
        self._header = header
        self._folders = folders
        self.problems = records.problems
        missing: Record = [None] * len(header)  # type: ignore[list-item]
        self._rows = [missing if row is None else row for row in records.rows]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def names(self) -> list[str]:
        return [str(name) for name in self._header]

    def values(self, column: str) -> list[str | None]:
        """Return the texts of a column; None in malformed records."""
        if column not in self._header:
            value = self._folders[column]
            return [None if value is None else str(value)] * len(self._rows)
        return list(map(itemgetter(self._header.index(column)), self._rows))


def read_batches(reading: Reading, config: SourceConfig) -> Iterator[Batch]:
    """Read the records of a file; an empty file has none."""
    parser: RecordParser | None = None
    header: Record = []
    rest: Lines | None = None
    folders = parse_partitions(reading.file.url)
    for block, final in flag_last(read_line_blocks(reading, MAX_LINE_CHARACTERS)):
        lines = decode_block(block, reading)
        lines = lines if rest is None else rest.joined(lines)
        if parser is None:
            opened = open_parser(lines, config, reading.file.url)
            if opened is None:
                continue
            header, parser, lines = opened
        records = parser.parse(lines, final=final)
        rest = records.rest
        reading.findings.add_malformed(reading.file.url, records.problems, records.example)
        yield Batch(header, records, folders)


def flag_last(blocks: Iterator[Block]) -> Iterator[tuple[Block, bool]]:
    """Yield each block, and whether it is the last."""
    held = next(blocks, None)
    for block in blocks:
        if held is not None:
            yield held, False
        held = block
    if held is not None:
        yield held, True


def decode_block(block: Block, reading: Reading) -> Lines:
    """Decode the lines of a block; note those that are not UTF-8."""
    texts, odd = decode_lines(block.data)
    for position, oddity in odd.items():
        example = describe_line(reading.file.url, block.first_line + position, texts[position])
        reading.findings.add(oddity, 1, example)
    return Lines(texts, block.first_line, odd)


def open_parser(
    lines: Lines, config: SourceConfig, url: str
) -> tuple[Record, RecordParser, Lines] | None:
    """Return the header, the parser of the records after it, and their lines; None if all are blank.

    Raises:
        BadListError: the header is malformed, or lacks a column.
    """
    delimiter = config.separator
    found, position = read_header(lines, delimiter, has_quotes=config.has_quotes)
    if found is None:
        return None
    if found.record is None:
        number, what = lines.first + position, "the header" if config.columns is None else "a row"
        raise BadListError(f"{url}: line {number}, {what}, has {found.problem}")
    header = found.record if config.columns is None else list(config.columns)
    check_columns(header, config, url)
    if config.columns is not None:
        check_given_columns(found.record, config.columns, url)
    # a key of a folder is in no row
    url_col = config.url_source if config.url_source in header and not config.url_template else None
    shape = infer_row_shape(header, url_col, delimiter, has_quotes=config.has_quotes)
    after = lines.after(position + found.lines) if config.columns is None else lines
    return header, RecordParser(shape), after


def make_table(batch: Batch, config: SourceConfig, types: Types) -> pa.Table:
    """Make a table of the wanted columns of a batch, with their final names."""
    columns = {
        column.name: cast_texts(batch.values(column.source), types.get(column.name))
        if not column.is_text
        else pa.array(batch.values(column.source), pa.string())
        for column in list_read_columns(config)
    }
    return add_problem_column(columns, batch.problems, len(batch))


def cast_texts(values: list[str | None], kind: pa.DataType | None) -> pa.Array:
    """Cast texts to the type of their column, which fits all of them."""
    if kind is None or pa.types.is_string(kind):
        return pa.array(values, pa.string())
    return pa.array([value or None for value in values], pa.string()).cast(kind)
