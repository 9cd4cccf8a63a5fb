"""json -> tables: an array of objects, streamed; or an object of columns, as pandas writes it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pyarrow as pa

from img2dataset.sources.config import BadListError, InputFile, Source, SourceConfig
from img2dataset.sources.documents import expand_documents, fill_paths
from img2dataset.sources.json_array import WHITESPACE, ArrayText, BadElement
from img2dataset.sources.json_columns import BATCH_ROWS, read_columns
from img2dataset.sources.json_keys import KeyCheck, keep_url_only
from img2dataset.sources.json_nesting import describe_elements
from img2dataset.sources.json_objects import Objects, fill_in, list_keys
from img2dataset.sources.json_tables import make_table
from img2dataset.sources.json_types import infer_column_types
from img2dataset.sources.line_source import LineSource, Types, check_head, scan_files
from img2dataset.sources.reading import Reading


def open_files(files: tuple[InputFile, ...], config: SourceConfig) -> Source:
    """Open a list in json files."""
    return LineSource(files, config, JsonListFormat(files))


def inspect_file(
    file: InputFile,
    head: bytes,
    tail: bytes | None,  # noqa: ARG001
    config: SourceConfig,
) -> None:
    """Refuse a file whose beginning is malformed; only the key of the URL must be in each file."""
    check_head(JsonListFormat((file,)), file, head, keep_url_only(config))


class JsonListFormat:
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
