"""json -> tables: an array of objects, streamed; or an object of columns, as pandas writes it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from img2dataset.sources.config import BadListError, InputFile, Source, SourceConfig
from img2dataset.sources.json_array import WHITESPACE, ArrayText, BadElement
from img2dataset.sources.json_columns import BATCH_ROWS, read_columns
from img2dataset.sources.json_format import JsonFormat
from img2dataset.sources.json_keys import keep_url_only
from img2dataset.sources.json_nesting import describe_elements
from img2dataset.sources.json_objects import Objects
from img2dataset.sources.line_source import LineSource, check_head
from img2dataset.sources.reading import Reading


def open_files(files: tuple[InputFile, ...], config: SourceConfig) -> Source:
    """Open a list in json files."""
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
    """Read the rows of a file, in either layout."""
    texts = reading.text()
    start = skip_whitespace(texts)
    url = reading.file.url
    if start.startswith("["):
        return read_array(ArrayText(start[1:], texts, url))
    if start.startswith("{"):
        return read_columns(start + "".join(texts), config, url)
    if start:
        raise BadListError(f"{url} is not a JSON list: it begins with {start[:20]!r}")
    return iter(())


def skip_whitespace(texts: Iterator[str]) -> str:
    """Return the text from the first character that is not white space; empty if there is none."""
    return next((text.lstrip(WHITESPACE) for text in texts if text.strip(WHITESPACE)), "")


def read_array(text: ArrayText) -> Iterator[Objects]:
    """Read the objects of an array."""
    items = text.items()
    number = 1
    while batch := list(islice(items, BATCH_ROWS)):
        objects = Objects()
        for position, item in enumerate(batch):
            is_object = isinstance(item, dict)
            if not is_object:
                example = item.text if isinstance(item, BadElement) else str(item)
                objects.add_problem(f"{number + position}: {describe_problem(item)}", example)
            objects.rows.append(item if is_object else {})
        if number == 1:
            foreign = describe_elements(batch)
            if foreign is not None:
                raise BadListError(f"{text.url} {foreign}")
        number += len(batch)
        yield objects


def describe_problem(item: Any) -> str:
    return item.problem if isinstance(item, BadElement) else "not a JSON object"
