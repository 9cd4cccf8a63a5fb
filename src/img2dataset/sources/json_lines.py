"""jsonl -> tables: one object a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from img2dataset.sources.config import BadListError, InputFile, Source, SourceConfig
from img2dataset.sources.json_format import JsonFormat
from img2dataset.sources.json_keys import keep_url_only
from img2dataset.sources.json_objects import LONG_NUMBER, Objects, parse_json
from img2dataset.sources.line_blocks import Block, read_line_blocks
from img2dataset.sources.line_source import LineSource, check_head
from img2dataset.sources.reading import Reading

MAX_LINE_BYTES = 16_000_000
"""A longer line is a failed row."""
SHOWN_BYTES = 400
"""Of a malformed line."""


def open_files(files: tuple[InputFile, ...], config: SourceConfig) -> Source:
    """Open a list in jsonl files."""
    return LineSource(files, config, JsonFormat(read_objects, files))


def inspect_file(
    file: InputFile,
    head: bytes,
    tail: bytes | None,  # noqa: ARG001
    config: SourceConfig,
) -> None:
    """Refuse a file whose beginning is malformed; only the key of the URL must be in each file."""
    check_head(JsonFormat(read_objects, (file,)), file, head, keep_url_only(config))


def read_objects(reading: Reading, config: SourceConfig) -> Iterator[Objects]:
    """Read the objects of a file.

    Raises:
        BadListError: not one of its first lines is an object.
    """
    is_first = True
    for block in read_line_blocks(reading, MAX_LINE_BYTES):
        objects = parse_block(block)
        if is_first and objects.rows:
            refuse_no_objects(objects, config, reading.file.url)
            is_first = False
        yield objects


def refuse_no_objects(objects: Objects, config: SourceConfig, url: str) -> None:
    if len(objects.problems) == len(objects.rows):
        wanted = config.input_format.replace("jsonl", "json")
        raise BadListError(
            f"{url} is not JSON lines: none of its first {len(objects.rows)} lines is an object; "
            f"if it is one array, or one object over several lines, use input_format={wanted}"
        )


def parse_block(block: Block) -> Objects:
    """Parse the objects of a block; skip blank lines."""
    lines = block.data.split(b"\n")
    filled = [line for line in lines if line and not line.isspace()]
    if len(block.data) <= MAX_LINE_BYTES and not LONG_NUMBER.search(block.data):
        try:
            rows = list(map(orjson.loads, filled))
        except orjson.JSONDecodeError:
            pass
        else:
            if all(type(row) is dict for row in rows):
                return Objects(rows)
    return parse_lines(lines, block.first_line)


def parse_lines(lines: list[bytes], first_line: int) -> Objects:
    """Parse the objects line by line; a malformed line is an empty object with a problem."""
    objects = Objects()
    for number, line in enumerate(lines, first_line):
        if not line or line.isspace():
            continue
        row, problem = parse_line(line)
        if problem:
            text = line[:SHOWN_BYTES].decode(errors="replace")
            objects.add_problem(f"{number}: {problem}", text)
        objects.rows.append(row)
    return objects


def parse_line(line: bytes) -> tuple[dict[str, Any], str | None]:
    """Parse the object of a line; return it, or an empty one and the problem."""
    if len(line) > MAX_LINE_BYTES:
        return {}, f"longer than {MAX_LINE_BYTES} bytes"
    try:
        row = parse_json(line)
    except UnicodeDecodeError:
        return {}, "not UTF-8"
    except ValueError as error:
        return {}, f"not valid JSON ({error})"
    return (row, None) if isinstance(row, dict) else ({}, "not a JSON object")
