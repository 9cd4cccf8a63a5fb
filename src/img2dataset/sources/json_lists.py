"""json -> tables: an array of objects, streamed; or an object of columns, as pandas writes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa

from img2dataset.sources.config import (
    BadListError,
    InputFile,
    Source,
    SourceConfig,
    check_columns,
    wanted_columns,
)
from img2dataset.sources.json_array import WHITESPACE, ArrayText, BadElement
from img2dataset.sources.json_keys import KeyCheck, url_alone
from img2dataset.sources.json_values import (
    Objects,
    column_types,
    keys_of,
    load,
    table_of,
    without_surrogates,
)
from img2dataset.sources.lines import LineSource, Types, check_head, scanned
from img2dataset.sources.nesting import describe_elements, describe_nesting
from img2dataset.sources.streams import Reading

BATCH = 4096


def open_files(files: tuple[InputFile, ...], config: SourceConfig) -> Source:
    """A list in json files."""
    return LineSource(files, config, JsonListFormat(files))


def look_at(
    file: InputFile,
    head: bytes,
    tail: bytes | None,  # noqa: ARG001
    config: SourceConfig,
) -> None:
    """Refuse a file that does not begin as it should; keys other than the URL's may be in other
    files alone."""
    check_head(JsonListFormat((file,)), file, head, url_alone(config))


class JsonListFormat:
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
    """The rows of a file, whichever way it is laid out."""
    texts = reading.text()
    start = first_text(texts)
    url = reading.file.url
    if start.startswith("["):
        return objects_in_array(ArrayText(start[1:], texts, url))
    if start.startswith("{"):
        return rows_of_columns(start + "".join(texts), config, url)
    if start:
        raise BadListError(f"{url} is not a JSON list: it begins with {start[:20]!r}")
    return iter(())


def first_text(texts: Iterator[str]) -> str:
    """The text from the first character that is not white space; empty if there is none."""
    return next((text.lstrip(WHITESPACE) for text in texts if text.strip(WHITESPACE)), "")


def objects_in_array(text: ArrayText) -> Iterator[Objects]:
    """The objects of an array."""
    items = text.items()
    number = 1
    while batch := list(islice(items, BATCH)):
        objects = Objects()
        for position, item in enumerate(batch):
            is_object = isinstance(item, dict)
            if not is_object:
                objects.add_problem(f"{number + position}: {problem_of(item)}", str(item))
            objects.rows.append(without_surrogates(item) if is_object else {})
        if number == 1:
            foreign = describe_elements(batch)
            if foreign is not None:
                raise BadListError(f"{text.url} {foreign}")
        number += len(batch)
        yield objects


def problem_of(item: Any) -> str:
    return item.problem if isinstance(item, BadElement) else "not a JSON object"


def rows_of_columns(text: str, config: SourceConfig, url: str) -> Iterator[Objects]:
    """The rows of {"url": {"0": ..., "1": ...}, ...} or {"url": [...], ...}."""
    content = loaded(text, config, url)
    try:
        check_columns(list(content), config, url)
    except BadListError as error:
        nesting = describe_nesting(content, config.url_col)
        if nesting is None:
            raise
        raise BadListError(f"{error}; {nesting}") from error
    wanted = dict.fromkeys(column.source for column in wanted_columns(config))
    columns = columns_of({name: content[name] for name in wanted}, config, url)
    length = len(columns[config.url_col])
    for start in range(0, length, BATCH):
        part = {name: values[start : start + BATCH] for name, values in columns.items()}
        yield Objects(
            [dict(zip(part, row, strict=True)) for row in zip(*part.values(), strict=True)]
        )


def loaded(text: str, config: SourceConfig, url: str) -> dict[str, Any]:
    """The object that the whole text is."""
    try:
        content: dict[str, Any] = load(text.encode())
    except ValueError as error:
        first, _, more = text.partition("\n")
        if more.strip() and is_object(first):
            wanted = config.input_format.replace("json", "jsonl")
            raise BadListError(f"{url} is JSON lines: input_format must be {wanted!r}") from error
        raise BadListError(f"{url} is malformed JSON: {error}") from error
    return content


def is_object(text: str) -> bool:
    try:
        return isinstance(load(text.encode()), dict)
    except ValueError:
        return False


def columns_of(content: dict[str, Any], config: SourceConfig, url: str) -> dict[str, Sequence[Any]]:
    """The values of each column, in the order of the URLs."""
    urls = content[config.url_col]
    if isinstance(urls, dict) and all(isinstance(column, dict) for column in content.values()):
        return {name: [column.get(label) for label in urls] for name, column in content.items()}
    if all(isinstance(column, list) for column in content.values()):
        if len({len(column) for column in content.values()}) > 1:
            raise BadListError(f"{url} is malformed: its columns are not of the same length")
        return content
    if all(isinstance(value, str | None) for value in content.values()):
        wanted = config.input_format.replace("json", "jsonl")
        raise BadListError(
            f"{url} is one object, not a list of them: for JSON lines input_format is {wanted!r}"
        )
    raise BadListError(f"{url} is malformed: its columns must all be objects, or all lists")
