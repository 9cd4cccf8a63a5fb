"""jsonl -> tables: one object a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow as pa

from img2dataset.sources.config import BadListError, InputFile, Source, SourceConfig
from img2dataset.sources.json_keys import KeyCheck, url_alone
from img2dataset.sources.json_objects import LONG_NUMBER, Objects, keys_of, load
from img2dataset.sources.json_tables import table_of
from img2dataset.sources.json_types import column_types
from img2dataset.sources.line_blocks import Block, line_blocks
from img2dataset.sources.line_source import LineSource, Types, check_head, scanned
from img2dataset.sources.reading import Reading

LONGEST_LINE = 16_000_000
"""Bytes."""
SHOWN_BYTES = 400
"""Of a malformed line, at most."""


def open_files(files: tuple[InputFile, ...], config: SourceConfig) -> Source:
    """A list in jsonl files."""
    return LineSource(files, config, JsonLinesFormat(files))


def look_at(
    file: InputFile,
    head: bytes,
    tail: bytes | None,  # noqa: ARG001
    config: SourceConfig,
) -> None:
    """Refuse a file that does not begin as it should; keys other than the URL's may be in other
    files alone."""
    check_head(JsonLinesFormat((file,)), file, head, url_alone(config))


class JsonLinesFormat:
    """A LineFormat."""

    def __init__(self, files: tuple[InputFile, ...]) -> None:
        self._keys = KeyCheck(files, batches)

    def column_types(self, files: tuple[InputFile, ...], config: SourceConfig) -> Types:
        return column_types(scanned(files, config, batches), config)

    def column_names(self, reading: Reading, config: SourceConfig) -> list[str]:
        return keys_of(next(iter(batches(reading, config))))

    def tables(self, reading: Reading, config: SourceConfig, types: Types) -> Iterator[pa.Table]:
        for objects in self._keys.checked(reading, config):
            yield table_of(objects, config, types)


def batches(reading: Reading, config: SourceConfig) -> Iterator[Objects]:
    """The objects of a file.

    Raises:
        BadListError: not one of its first lines is an object.
    """
    is_first = True
    for block in line_blocks(reading, LONGEST_LINE):
        objects = objects_of(block)
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


def objects_of(block: Block) -> Objects:
    """The objects of a block; blank lines are left out."""
    lines = block.data.split(b"\n")
    filled = [line for line in lines if line and not line.isspace()]
    if len(block.data) <= LONGEST_LINE and not LONG_NUMBER.search(block.data):
        try:
            rows = list(map(orjson.loads, filled))
        except orjson.JSONDecodeError:
            pass
        else:
            if all(type(row) is dict for row in rows):
                return Objects(rows)
    return carefully(lines, block.first_line)


def carefully(lines: list[bytes], first_line: int) -> Objects:
    """The objects, line by line; a malformed line is an empty object with a problem."""
    objects = Objects()
    for number, line in enumerate(lines, first_line):
        if not line or line.isspace():
            continue
        row, problem = object_of(line)
        if problem:
            text = line[:SHOWN_BYTES].decode(errors="replace")
            objects.add_problem(f"{number}: {problem}", text)
        objects.rows.append(row)
    return objects


def object_of(line: bytes) -> tuple[dict[str, Any], str | None]:
    """The object of a line, or an empty one and what is wrong."""
    if len(line) > LONGEST_LINE:
        return {}, f"longer than {LONGEST_LINE} bytes"
    try:
        row = load(line)
    except UnicodeDecodeError:
        return {}, "not UTF-8"
    except ValueError as error:
        return {}, f"not valid JSON ({error})"
    return (row, None) if isinstance(row, dict) else ({}, "not a JSON object")
