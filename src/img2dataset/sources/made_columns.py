"""The columns as read -> the table to store: what is made of other columns is made here."""

from __future__ import annotations

import pyarrow as pa

from img2dataset.options import list_template_columns
from img2dataset.options.where import list_names
from img2dataset.records import PROBLEM, URL
from img2dataset.sources.columns import CONDITION_ON, MADE_OF, list_columns, list_read_columns
from img2dataset.sources.config import BadListError, SourceConfig
from img2dataset.sources.templates import fill_template

NOT_READ = ("duplicate_captions",)
"""Options whose columns are made of several rows, later."""


def finish_table(table: pa.Table, config: SourceConfig) -> pa.Table:
    """Make the table of `list_columns` from one of `list_read_columns`.

    A last column of problems stays.
    """
    if config.url_template is None and config.where is None:
        return table
    table = keep_matching(table, config)
    made = sum(column.option in NOT_READ for column in list_columns(config))
    kept = len(list_columns(config)) - made - (config.url_template is not None)
    columns = list(table.columns[:kept])
    names = list(table.column_names[:kept])
    if config.url_template is not None:
        wanted = list_template_columns(config.url_template)
        parts = {name: table.column(MADE_OF + name) for name in wanted}
        columns.append(fill_template(config.url_template, parts))
        names.append(URL)
    if has_problems(table, config):
        columns.append(table.columns[-1])
        names.append(PROBLEM)
    return pa.Table.from_arrays(columns, names=names)


def has_problems(table: pa.Table, config: SourceConfig) -> bool:
    """Whether the table has a last column of problems."""
    return bool(table.num_columns > len(list_read_columns(config)))


def keep_matching(table: pa.Table, config: SourceConfig) -> pa.Table:
    """Leave out the rows that do not match the condition; malformed ones stay, to be recorded.

    Raises:
        BadListError: the condition makes no sense for the type of a column.
    """
    if config.condition is None:
        return table
    import pyarrow.compute as pc  # noqa: PLC0415  (30 ms, for an option of few lists)

    from img2dataset.sources.row_filter import (  # noqa: PLC0415  (as above)
        ConditionTypeError,
        match_rows,
    )

    columns = {name: table.column(CONDITION_ON + name) for name in list_names(config.condition)}
    try:
        matches = match_rows(config.condition, columns, table.num_rows)
    except ConditionTypeError as error:
        raise BadListError(f"where is {config.where!r}: {error}") from error
    if has_problems(table, config):
        matches = pc.or_kleene(matches, pc.is_valid(table.columns[-1]))
    return table.filter(matches)
