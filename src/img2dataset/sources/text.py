"""txt -> tables: one line is one URL, nothing else."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import accumulate

import pyarrow as pa

from img2dataset.errors import OptionError
from img2dataset.records import URL
from img2dataset.sources.bare_hosts import lacks_schemes
from img2dataset.sources.columns import wanted_columns
from img2dataset.sources.config import InputFile, Source, SourceConfig
from img2dataset.sources.file_ends import SAMPLE_BYTES, read_fully
from img2dataset.sources.format_check import Doubt, doubt_about, format_of_name, lines_of
from img2dataset.sources.line_blocks import Block, line_blocks
from img2dataset.sources.line_source import LineSource, Types
from img2dataset.sources.opening import open_bytes, told_as
from img2dataset.sources.reading import Reading, unzip_head
from img2dataset.sources.row_tables import normalised

LONGEST_LINE = 1_000_000
"""Bytes; what is longer is no URL."""


def open_files(files: tuple[InputFile, ...], config: SourceConfig) -> Source:
    """A list in txt files."""
    refuse_columns(config)
    return LineSource(files, config, TextFormat(), doubts(files, config))


def doubts(files: tuple[InputFile, ...], config: SourceConfig) -> tuple[str, ...]:
    """What to say of files that are hardly txt; the first is looked at, and those whose names
    promise something else.

    Raises:
        OptionError: not one line at the start of such a file can be a URL.
    """
    texts = []
    for file in files:
        if file is not files[0] and format_of_name(file.url) is None:
            continue
        doubt = doubt_in(file, config)
        if doubt is not None and doubt.certain:
            raise OptionError(doubt.about(file.url))
        if doubt is not None:
            texts.append(doubt.about(file.url))
    return tuple(texts[:1])


def doubt_in(file: InputFile, config: SourceConfig) -> Doubt | None:
    with told_as(OptionError, file.url), open_bytes(file.url) as stream:
        head = read_fully(stream, SAMPLE_BYTES)
    problem = lacks_schemes(lines_of(unzip_head(head) if config.gzipped else head))
    if problem is not None:
        raise OptionError(f"{file.url}: {problem}")
    return doubt_about(file.url, head, gzipped=config.gzipped)


def refuse_columns(config: SourceConfig) -> None:
    """txt has a URL only; whoever asks for more has the wrong input_format."""
    for column in wanted_columns(config)[:-1]:
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

    def tables(
        self,
        reading: Reading,
        config: SourceConfig,  # noqa: ARG002
        types: Types,  # noqa: ARG002
    ) -> Iterator[pa.Table]:
        for block in line_blocks(reading, LONGEST_LINE):
            yield block_table(block)


def block_table(block: Block) -> pa.Table:
    """The URLs of a block, trimmed; blank lines are left out."""
    try:
        lines = block.data.decode().split("\n")
        problems = {}
    except UnicodeDecodeError:
        lines = block.data.decode(errors="replace").split("\n")
        problems = undecodable(block.data)
    problems |= overlong(block.data) | tabbed(block.data)
    if problems:
        return problem_table(lines, problems, block.first_line)
    urls = [url.encode() for url in map(str.strip, lines) if url]
    return normalised({URL: string_array(urls)}, {}, len(urls))


def string_array(texts: list[bytes]) -> pa.Array:
    """`texts`, which are UTF-8.  pa.array would import pandas, if there is one, to ask what they
    are: that takes as long as everything else that a run imports."""
    offsets = array("i", accumulate(map(len, texts), initial=0))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(texts))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def undecodable(data: bytes) -> dict[int, str]:
    """Positions of the lines that are not UTF-8."""
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


def overlong(data: bytes) -> dict[int, str]:
    """Positions of the lines that are too long."""
    if len(data) <= LONGEST_LINE:
        return {}
    return {
        position: f"longer than {LONGEST_LINE} bytes"
        for position, line in enumerate(data.split(b"\n"))
        if len(line) > LONGEST_LINE
    }


def tabbed(data: bytes) -> dict[int, str]:
    """Positions of the lines with a tab inside, which are a URL and something else."""
    if b"\t" not in data:
        return {}
    return {
        position: "a URL and more, with a tab between"
        for position, line in enumerate(data.split(b"\n"))
        if b"\t" in line.strip()
    }


def problem_table(lines: list[str], problems: dict[int, str], first_line: int) -> pa.Table:
    """As `block_table`, where some lines are malformed: those have no URL, but their number."""
    rows = [
        (None, f"{first_line + position}: {problems[position]}")
        if position in problems
        else (url, None)
        for position, url in enumerate(map(str.strip, lines))
        if url
    ]
    found = {row: problem for row, (_, problem) in enumerate(rows) if problem is not None}
    return normalised({URL: pa.array([url for url, _ in rows], pa.string())}, found, len(rows))
