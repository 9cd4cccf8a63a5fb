"""Paths into the columns of a table (see `paths`), by their types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from img2dataset.sources.config import SourceConfig
from img2dataset.sources.paths import EVERY, find_root, is_path, parse_path
from img2dataset.sources.values import is_list, is_list_view


def list_paths(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    """Yield each column and each path inside it, as a user writes it, with its type."""
    for field in schema:
        yield from list_paths_in(field.name, field.type)


def list_paths_in(path: str, kind: pa.DataType) -> Iterator[tuple[str, pa.DataType]]:
    yield path, kind
    while is_list(kind) or is_list_view(kind):
        path, kind = path + EVERY, kind.value_type
        yield path, kind
    if pa.types.is_struct(kind):
        for part in kind:
            yield from list_paths_in(f"{path}.{part.name}", part.type)


def find_type(schema: pa.Schema, name: str, config: SourceConfig) -> pa.DataType | None:
    """Find the type of a column, or of what is at the end of a path that a row has one value of; None
    if there is nothing.

    A list at the end of a path is that list: only a path that ends in [*] goes into it.
    """
    if name in schema.names:
        return None if schema.names.count(name) > 1 else schema.field(name).type
    steps = parse_path(name) if is_path(name) else ()
    ends_inside = name.endswith(EVERY)
    found = [
        kind
        for path, kind in list_paths(schema)
        if steps
        and parse_path(path) == steps
        and path.endswith(EVERY) <= ends_inside
        and config.reaches(path)
    ]
    return found[-1] if found else None


def add_paths(schema: pa.Schema, wanted: Iterable[str], config: SourceConfig) -> list[str]:
    """Return the names of the columns, with the wanted paths that lead somewhere; or, if one does not,
    with all paths that could be meant."""
    names = list(schema.names)
    for name in dict.fromkeys(wanted):
        if name in names or not is_path(name):
            continue
        if find_type(schema, name, config) is None:
            is_url = name == config.url_source
            paths = [path for path, _ in list_paths(schema) if is_url or config.reaches(path)]
            names += [path for path in paths if path not in names]
        else:
            names.append(name)
    return names


def list_roots(names: Sequence[str], there: Sequence[str]) -> list[str]:
    """List the columns to read for these columns and paths, each once."""
    roots = [name if name in there else find_root(name) for name in names]
    return [root for root in dict.fromkeys(roots) if root in there]


def find_column(table: pa.Table, name: str) -> pa.ChunkedArray | None:
    """Find a column, or the values at the end of a path without lists; None if there is no such."""
    if name in table.column_names:
        return table.column(name)
    if not is_path(name) or find_root(name) not in table.column_names:
        return None
    import pyarrow.compute as pc  # noqa: PLC0415  (30 ms, for columns that few lists have)

    root, *steps = parse_path(name)
    return pc.struct_field(table.column(root), steps)
