"""jsonl -> tables: one object a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow as pa

from img2dataset.sources.config import BadListError, InputFile, Source, SourceConfig
from img2dataset.sources.documents import expand_documents, fill_paths
from img2dataset.sources.json_keys import KeyCheck, keep_url_only
from img2dataset.sources.json_objects import LONG_NUMBER, Objects, fill_in, list_keys, parse_json
from img2dataset.sources.json_tables import make_table
from img2dataset.sources.json_types import infer_column_types
from img2dataset.sources.line_blocks import Block, read_line_blocks
from img2dataset.sources.line_source import LineSource, Types, check_head, scan_files
from img2dataset.sources.reading import Reading

MAX_LINE_BYTES = 16_000_000
"""A longer line is a failed row."""
SHOWN_BYTES = 400
"""Of a malformed line."""


def open_files(files: tuple[InputFile, ...], config: SourceConfig) -> Source:
    """Open a list in jsonl files."""
    return LineSource(files, config, JsonLinesFormat(files))


def inspect_file(
    file: InputFile,
    head: bytes,
    tail: bytes | None,  # noqa: ARG001
    config: SourceConfig,
) -> None:
    """Refuse a file whose beginning is malformed; only the key of the URL must be in each file."""
    check_head(JsonLinesFormat((file,)), file, head, keep_url_only(config))


class JsonLinesFormat:
    """A LineFormat."""

    def __init__(self, files: tuple[InputFile, ...]) -> None:
        self._keys = KeyCheck(files, read_batches)

    def column_types(self, files: tuple[InputFile, ...], config: SourceConfig) -> Types:
        return infer_column_types(scan_files(files, config, read_batches), config)

    def column_names(self, reading: Reading, config: SourceConfig) -> list[str]:
        return list_keys(next(iter(read_batches(reading, config))))

    def all_names(
        self,
        files: tuple[InputFile, ...],
        first: InputFile,  # noqa: ARG002
        config: SourceConfig,
    ) -> list[str]:
        """Read the whole list: keys may come late."""
        batches = scan_files(files, config, read_filled)
        return list(dict.fromkeys(key for objects in batches for key in list_keys(objects)))

    def tables(self, reading: Reading, config: SourceConfig, types: Types) -> Iterator[pa.Table]:
        for objects in self._keys.checked(reading, config):
            yield make_table(objects, config, types)


def read_filled(reading: Reading, config: SourceConfig) -> Iterator[Objects]:
    """Read the objects of a file as they are, with the columns that its folders name."""
    return fill_in(read_objects(reading, config), reading.file.url)


def read_batches(reading: Reading, config: SourceConfig) -> Iterator[Objects]:
    """Read the rows of a file: its objects, with the columns that its folders name, or the URLs in
    them."""
    objects = read_filled(reading, config)
    if config.expands:
        return expand_documents(objects, config, reading)
    return fill_paths(objects, config)


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
