"""JSON objects -> tables: texts for url, caption and hash; each other column in its type."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from img2dataset.sources.columns import wanted_columns
from img2dataset.sources.config import SourceConfig
from img2dataset.sources.json_objects import Objects
from img2dataset.sources.line_source import Types
from img2dataset.sources.row_tables import normalised
from img2dataset.sources.values import text_of


def table_of(objects: Objects, config: SourceConfig, types: Types) -> pa.Table:
    """The wanted columns of some objects; a key that is missing is null."""
    columns = {
        column.name: typed(
            [row.get(column.source) for row in objects.rows],
            pa.string() if column.is_text else types[column.source],
        )
        for column in wanted_columns(config)
    }
    return normalised(columns, objects.problems, len(objects.rows))


def typed(values: list[Any], kind: pa.DataType) -> pa.Array:
    """The values as the type of their column."""
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        if pa.types.is_string(kind):
            return pa.array(map(text_of, values), kind)
        # a whole number beyond 2**53 among fractions
        return pa.array([with_floats(value, kind) for value in values], kind)


def with_floats(value: Any, kind: pa.DataType) -> Any:
    """The value with floats wherever its type has them."""
    if value is None:
        return None
    if pa.types.is_floating(kind):
        return float(value)
    if pa.types.is_list(kind):
        return [with_floats(item, kind.value_type) for item in value]
    if pa.types.is_struct(kind):
        return {part.name: with_floats(value.get(part.name), part.type) for part in kind}
    return value
