"""JSON objects -> tables: texts for url, caption and hash; each other column in its type."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from img2dataset.sources.columns import Column, list_read_columns
from img2dataset.sources.config import SourceConfig
from img2dataset.sources.json_objects import Objects
from img2dataset.sources.line_source import Types
from img2dataset.sources.row_tables import add_problem_column
from img2dataset.sources.values import format_value


def make_table(objects: Objects, config: SourceConfig, types: Types) -> pa.Table:
    """Make a table of the wanted columns of some objects; a missing key is null."""
    columns = {
        column.name: convert_values(
            [row.get(column.source) for row in objects.rows],
            pa.string() if column.is_text else choose_type(column, types),
        )
        for column in list_read_columns(config)
    }
    return add_problem_column(columns, objects.problems, len(objects.rows))


def choose_type(column: Column, types: Types) -> pa.DataType:
    """Choose the type of a column that is no text to store: an additional one, one of a condition,
    which compares texts as what they are compared with, or a number that is made here."""
    if column.option == "where":
        return pa.string()
    return types.get(column.name, pa.int64())


def convert_values(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Convert the values to the type of their column."""
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        if pa.types.is_string(kind):
            return pa.array(map(format_value, values), kind)
        # a whole number beyond 2**53 among fractions
        return pa.array([convert_integers(value, kind) for value in values], kind)


def convert_integers(value: Any, kind: pa.DataType) -> Any:
    """Convert integers to floats where the type has floats."""
    if value is None:
        return None
    if pa.types.is_floating(kind):
        return float(value)
    if pa.types.is_list(kind):
        return [convert_integers(item, kind.value_type) for item in value]
    if pa.types.is_struct(kind):
        return {part.name: convert_integers(value.get(part.name), part.type) for part in kind}
    return value
