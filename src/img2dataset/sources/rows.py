"""Normalised table -> Rows, column by column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pyarrow as pa

from img2dataset.records import PROBLEM, URL, Row
from img2dataset.sources.config import SourceConfig
from img2dataset.sources.values import to_plain_values


def make_rows(
    table: pa.Table, shard_id: int, config: SourceConfig, key_of: Callable[[int], str]
) -> list[Row]:
    """Make the rows of a shard from its normalised table; `key_of` gives the key of a position."""
    names = list(table.column_names)
    columns = [to_plain_values(column) for column in table.columns]
    nothing: list[Any] = [None] * table.num_rows
    # an input column may have the name, but is never the last one: that is the URL
    problems = columns.pop() if names[-1] == PROBLEM else nothing
    names = names[: len(columns)]
    boxes = (
        nothing
        if config.bbox_col is None
        else parse_box_column(columns[names.index(config.bbox_col)])
    )
    hashes = nothing if config.verify_hash is None else columns[names.index(config.verify_hash[1])]
    return [
        Row(
            shard=shard_id,
            index=index,
            key=key_of(index),
            url=url or None,
            fields=dict(zip(names, values, strict=True)),
            boxes=row_boxes,
            expected_hash=expected,
            problem=problem,
        )
        for index, (values, url, row_boxes, expected, problem) in enumerate(
            zip(
                zip(*columns, strict=True),
                columns[names.index(URL)],
                boxes,
                hashes,
                problems,
                strict=True,
            )
        )
    ]


def parse_box_column(values: list[Any]) -> list[Any]:
    """Parse the boxes of each row; malformed ones are passed on, for `images` to refuse."""
    return [parse_boxes(value) if isinstance(value, str) else value for value in values]


def parse_boxes(text: str) -> Any:
    """Parse a csv cell with boxes as JSON; an empty one has no boxes."""
    if not text.strip():
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
