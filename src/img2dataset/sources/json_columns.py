"""json that is one object of columns, as pandas writes it -> rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from img2dataset.sources.columns import check_columns, list_read_columns
from img2dataset.sources.config import BadListError, SourceConfig
from img2dataset.sources.json_nesting import describe_nesting
from img2dataset.sources.json_objects import Objects, parse_json
from img2dataset.sources.paths import find_root

BATCH_ROWS = 4096


def read_columns(text: str, config: SourceConfig, url: str) -> Iterator[Objects]:
    """Read the rows of {"url": {"0": ..., "1": ...}, ...} or {"url": [...], ...}."""
    content = parse_object(text, config, url)
    if config.expands and find_root(config.url_source) in content:
        yield Objects([content])
        return
    try:
        check_columns(list(content), config, url)
    except BadListError as error:
        nesting = describe_nesting(content, config.url_sources[0])
        if nesting is None:
            raise
        raise BadListError(f"{error}; {nesting}") from error
    wanted = dict.fromkeys(column.source for column in list_read_columns(config))
    columns = align_columns({name: content[name] for name in wanted}, config, url)
    length = len(columns[config.url_sources[0]])
    for start in range(0, length, BATCH_ROWS):
        part = {name: values[start : start + BATCH_ROWS] for name, values in columns.items()}
        yield Objects(
            [dict(zip(part, row, strict=True)) for row in zip(*part.values(), strict=True)]
        )


def parse_object(text: str, config: SourceConfig, url: str) -> dict[str, Any]:
    """Parse the whole text, which must be one object."""
    try:
        content: dict[str, Any] = parse_json(text.encode())
    except ValueError as error:
        first, _, more = text.partition("\n")
        if more.strip() and is_object(first):
            wanted = config.input_format.replace("json", "jsonl")
            raise BadListError(f"{url} is JSON lines: input_format must be {wanted!r}") from error
        raise BadListError(f"{url} is malformed JSON: {error}") from error
    return content


def is_object(text: str) -> bool:
    try:
        return isinstance(parse_json(text.encode()), dict)
    except ValueError:
        return False


def align_columns(
    content: dict[str, Any], config: SourceConfig, url: str
) -> dict[str, Sequence[Any]]:
    """Align the values of each column with the URLs."""
    urls = content[config.url_sources[0]]
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
