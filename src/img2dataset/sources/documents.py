"""Documents with lists of URLs -> a row for each URL, which knows its document and its position.

So documents can be put together again: rows of one `document_index`, by their `url_position`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from img2dataset.options.columns import DOCUMENT_INDEX, URL_POSITION
from img2dataset.sources.columns import PLACE, list_read_columns, suggest_column
from img2dataset.sources.config import BadListError, SourceConfig
from img2dataset.sources.json_objects import Objects
from img2dataset.sources.paths import (
    Found,
    explain_missing,
    is_path,
    look_up,
    parse_path,
    walk,
)
from img2dataset.sources.reading import Reading


def expand_documents(
    batches: Iterable[Objects], config: SourceConfig, reading: Reading
) -> Iterator[Objects]:
    """Yield the rows of documents; a malformed document is one row.

    Raises:
        BadListError: the path of the URL leads nowhere in the first documents.
    """
    sources = [column.source for column in list_read_columns(config)]
    for objects in batches:
        expanded = Objects(example=objects.example)
        for number, document in enumerate(objects.rows):
            if number in objects.problems:
                expanded.problems[len(expanded.rows)] = objects.problems[number]
                expanded.rows.append({PLACE + DOCUMENT_INDEX: reading.documents})
            else:
                expanded.rows += expand_document(
                    document, config.url_source, sources, reading.documents
                )
            reading.documents += 1
        if not expanded.rows and objects.rows:
            refuse_dead_path(objects.rows, config, reading.file.url)
        yield expanded


def expand_document(
    document: Mapping[str, Any], url_path: str, sources: Sequence[str], index: int
) -> list[dict[str, Any]]:
    """Make a row for each URL of a document; nulls among them keep their positions, and have none."""
    if url_path in document and not isinstance(document[url_path], list):
        found: Iterable[Found] = [Found(document[url_path], ())]
    elif url_path in document:
        found = walk(document[url_path], ())
    else:
        found = walk(document, parse_path(url_path))
    shared = {
        source: value
        for source in sources
        if source != url_path
        for there, value in [look_up(document, source)]
        if there
    }
    return [
        {
            **document,
            **shared,
            **find_in_elements(each, url_path, sources),
            url_path: each.value,
            PLACE + DOCUMENT_INDEX: index,
            PLACE + URL_POSITION: position,
        }
        for position, each in enumerate(found)
        if each.value is not None
    ]


def find_in_elements(found: Found, url_path: str, sources: Sequence[str]) -> dict[str, Any]:
    """Find the values of columns that are in the same element of a list as the URL."""
    steps = parse_path(url_path)
    values = {}
    for source in sources:
        if source == url_path or not is_path(source):
            continue
        wanted = parse_path(source)
        for left, element in reversed(found.passed):
            gone = len(steps) - left
            if wanted[:gone] != steps[:gone] or not isinstance(element, Mapping):
                continue
            rest = ".".join(wanted[gone:])
            there, value = look_up(element, rest)
            if there:
                values[source] = value
            break
    return values


def refuse_dead_path(
    documents: Sequence[Mapping[str, Any]], config: SourceConfig, url: str
) -> None:
    """Refuse a list whose first documents have nothing at the path of the URL."""
    path = config.url_source
    where = {explain_missing(document, path) for document in documents}
    if "its lists are empty" in where:
        return
    keys = [part.strip(" '") for part in min(where).partition(" has ")[2].split(",")]
    near = (suggest_column(step, keys) for step in parse_path(path) if step not in keys)
    raise BadListError(
        f"url_col is {config.url_col!r}: {url} has nothing there: {min(where)}"
        f"{next(filter(None, near), '')}"
    )


def fill_paths(batches: Iterable[Objects], config: SourceConfig) -> Iterator[Objects]:
    """Add to each object the values of the wanted columns that are paths into it."""
    paths = [each.source for each in list_read_columns(config) if is_path(each.source)]
    for objects in batches:
        for path in paths:
            for row in objects.rows:
                there, value = look_up(row, path)
                if there:
                    row[path] = value
        yield objects
