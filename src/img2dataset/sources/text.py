"""txt -> tables: one line is one URL, nothing else."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import accumulate

import pyarrow as pa

from img2dataset.errors import OptionError
from img2dataset.records import URL
from img2dataset.sources.bare_hosts import describe_missing_schemes
from img2dataset.sources.columns import list_columns
from img2dataset.sources.config import InputFile, Source, SourceConfig
from img2dataset.sources.file_ends import SAMPLE_BYTES
from img2dataset.sources.format_check import (
    FormatMismatch,
    check_format,
    guess_format_by_name,
    split_lines,
)
from img2dataset.sources.line_blocks import Block, read_line_blocks
from img2dataset.sources.line_source import LineSource, Types
from img2dataset.sources.opening import translate_errors
from img2dataset.sources.reading import Reading
from img2dataset.sources.row_tables import add_problem_column

MAX_LINE_BYTES = 1_000_000
"""A longer line is not a URL."""


def open_files(files: tuple[InputFile, ...], config: SourceConfig) -> Source:
    """Open a list in txt files."""
    refuse_columns(config)
    # a path may look like anything
    notices = () if "file" in config.url_schemes else check_formats(files)
    return LineSource(files, config, TextFormat(), notices)


def check_formats(files: tuple[InputFile, ...]) -> tuple[str, ...]:
    """Check the first file, and those that are named like another format; return notices.

    Raises:
        OptionError: not one line at the start of such a file can be a URL.
    """
    texts = []
    for file in files:
        if file is not files[0] and guess_format_by_name(file.url) is None:
            continue
        doubt = check_file(file)
        if doubt is not None and doubt.certain:
            raise OptionError(doubt.about(file.url))
        if doubt is not None:
            texts.append(doubt.about(file.url))
    return tuple(texts[:1])


def check_file(file: InputFile) -> FormatMismatch | None:
    with translate_errors(OptionError, file.url), Reading(file) as reading:
        head = reading.content(SAMPLE_BYTES)
    problem = describe_missing_schemes(split_lines(head))
    if problem is not None:
        raise OptionError(f"{file.url}: {problem}")
    return check_format(file.url, head, compression=file.compression)


def refuse_columns(config: SourceConfig) -> None:
    """Refuse options that ask for columns: txt has only URLs."""
    for column in list_columns(config)[:-1]:
        raise OptionError(
            f"{column.option} is {column.source!r}, but input_format is "
            f"{config.input_format!r}: such a list has no columns but the URL"
        )


class TextFormat:
    """A LineFormat."""

    def column_types(self, files: tuple[InputFile, ...], config: SourceConfig) -> Types:  # noqa: ARG002
        return {}

    def column_names(self, reading: Reading, config: SourceConfig) -> list[str]:  # noqa: ARG002
        return [config.url_col]

    def all_names(
        self,
        files: tuple[InputFile, ...],  # noqa: ARG002
        first: InputFile,  # noqa: ARG002
        config: SourceConfig,
    ) -> list[str]:
        return [config.url_col]

    def tables(
        self,
        reading: Reading,
        config: SourceConfig,  # noqa: ARG002
        types: Types,  # noqa: ARG002
    ) -> Iterator[pa.Table]:
        for block in read_line_blocks(reading, MAX_LINE_BYTES):
            yield make_table(block)


def make_table(block: Block) -> pa.Table:
    """Make a table of the URLs of a block, trimmed, without blank lines."""
    try:
        lines = block.data.decode().split("\n")
        problems = {}
    except UnicodeDecodeError:
        lines = block.data.decode(errors="replace").split("\n")
        problems = find_undecodable(block.data)
    problems |= find_overlong(block.data) | find_tabbed(block.data)
    if problems:
        return make_problem_table(lines, problems, block.first_line)
    urls = [url.encode() for url in map(str.strip, lines) if url]
    return add_problem_column({URL: make_string_array(urls)}, {}, len(urls))


def make_string_array(texts: list[bytes]) -> pa.Array:
    """Make an array of `texts`, which are UTF-8.

    pa.array would import pandas, if it is installed, to find their type: that takes as long as
    all other imports of a run.
    """
    offsets = array("i", accumulate(map(len, texts), initial=0))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(texts))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def find_undecodable(data: bytes) -> dict[int, str]:
    """Find the positions of lines that are not UTF-8."""
    return {
        position: "not UTF-8"
        for position, line in enumerate(data.split(b"\n"))
        if not is_utf8(line)
    }


def is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def find_overlong(data: bytes) -> dict[int, str]:
    """Find the positions of lines that are too long."""
    if len(data) <= MAX_LINE_BYTES:
        return {}
    return {
        position: f"longer than {MAX_LINE_BYTES} bytes"
        for position, line in enumerate(data.split(b"\n"))
        if len(line) > MAX_LINE_BYTES
    }


def find_tabbed(data: bytes) -> dict[int, str]:
    """Find the positions of lines with a tab inside, which are a URL and something else."""
    if b"\t" not in data:
        return {}
    return {
        position: "a URL and more, with a tab between"
        for position, line in enumerate(data.split(b"\n"))
        if b"\t" in line.strip()
    }


def make_problem_table(lines: list[str], problems: dict[int, str], first_line: int) -> pa.Table:
    """Make a table of lines some of which are malformed: those have no URL, but their number."""
    rows = [
        (None, f"{first_line + position}: {problems[position]}")
        if position in problems
        else (url, None)
        for position, url in enumerate(map(str.strip, lines))
        if url
    ]
    found = {row: problem for row, (_, problem) in enumerate(rows) if problem is not None}
    return add_problem_column(
        {URL: pa.array([url for url, _ in rows], pa.string())}, found, len(rows)
    )
