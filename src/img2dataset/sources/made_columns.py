"""The columns as read -> the table to store: what is made of other columns is made here."""

from __future__ import annotations

import pyarrow as pa

from img2dataset.options import list_template_columns
from img2dataset.records import PROBLEM, URL
from img2dataset.sources.columns import MADE_OF, list_columns, list_read_columns
from img2dataset.sources.config import SourceConfig
from img2dataset.sources.templates import fill_template


def finish_table(table: pa.Table, config: SourceConfig) -> pa.Table:
    """Make the table of `list_columns` from one of `list_read_columns`.

    A last column of problems stays.
    """
    if config.url_template is None:
        return table
    kept = len(list_columns(config)) - 1
    parts = {
        name: table.column(MADE_OF + name) for name in list_template_columns(config.url_template)
    }
    columns = [*table.columns[:kept], fill_template(config.url_template, parts)]
    names = [*table.column_names[:kept], URL]
    if table.num_columns > len(list_read_columns(config)):
        columns.append(table.columns[-1])
        names.append(PROBLEM)
    return pa.Table.from_arrays(columns, names=names)
