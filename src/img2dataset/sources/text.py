"""txt -> tables: one line is one URL, nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from img2dataset.errors import OptionError
from img2dataset.records import URL
from img2dataset.sources.config import InputFile, Source, SourceConfig, wanted_columns
from img2dataset.sources.lines import LineSource, Types, normalised
from img2dataset.sources.streams import Block, Reading, line_blocks

LONGEST_LINE = 1_000_000
"""Bytes; what is longer is no URL."""


def open_files(files: tuple[InputFile, ...], config: SourceConfig) -> Source:
    """A list in txt files."""
    refuse_columns(config)
    return LineSource(files, config, TextFormat())


def refuse_columns(config: SourceConfig) -> None:
    """txt has a URL only; whoever asks for more has the wrong input_format."""
    for column in wanted_columns(config)[:-1]:
        raise OptionError(
            f"{column.option} is {column.source!r}, but input_format is "
            f"{config.input_format!r}: such a list has no columns but the URL"
        )


class TextFormat:
    """A LineFormat."""

    def column_types(self, file: InputFile, config: SourceConfig) -> Types:  # noqa: ARG002
        return {}

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
    lines = lines_of(block.data)
    try:
        texts = lines.cast(pa.string())
        problems = {}
    except pa.ArrowInvalid:  # not UTF-8, somewhere
        problems = undecodable(lines)
        texts = pa.array([line.decode("utf-8", "replace") for line in lines.to_pylist()])
    problems |= overlong(lines)
    urls = pc.utf8_trim_whitespace(texts)
    kept = pc.not_equal(urls, "")
    if problems:
        return problem_table(urls, kept, problems, block.first_line)
    return normalised({URL: urls.filter(kept)}, {}, pc.sum(kept).as_py() or 0)


def lines_of(data: bytes) -> pa.Array:
    """The lines, newlines included: an Arrow array around the bytes, which are not copied."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1
    if not data.endswith(b"\n"):
        ends = np.append(ends, len(data))
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.binary(), len(ends), buffers)


def undecodable(lines: pa.Array) -> dict[int, str]:
    """Positions of the lines that are not UTF-8."""
    return {
        position: "not UTF-8"
        for position, line in enumerate(lines.to_pylist())
        if not is_utf8(line)
    }


def is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def overlong(lines: pa.Array) -> dict[int, str]:
    """Positions of the lines that are too long."""
    if lines.nbytes <= LONGEST_LINE:
        return {}
    long = pc.greater(pc.binary_length(lines), LONGEST_LINE).to_numpy(zero_copy_only=False)
    return dict.fromkeys(np.flatnonzero(long).tolist(), f"longer than {LONGEST_LINE} bytes")


def problem_table(
    urls: pa.Array, kept: pa.Array, problems: dict[int, str], first_line: int
) -> pa.Table:
    """As `block_table`, where some lines are malformed: those have no URL, but their number."""
    rows = [
        (None, f"{first_line + position}: {problems[position]}")
        if position in problems
        else (url, None)
        for position, (url, keep) in enumerate(zip(urls.to_pylist(), kept.to_pylist(), strict=True))
        if keep
    ]
    found = {row: problem for row, (_, problem) in enumerate(rows) if problem is not None}
    return normalised({URL: pa.array([url for url, _ in rows], pa.string())}, found, len(rows))
