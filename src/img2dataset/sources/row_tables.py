"""Tables of rows -> tables of a shard each; malformed rows have a problem in the last column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from img2dataset.records import PROBLEM


def cut_into_shards(
    tables: Iterator[tuple[pa.Table, float]], rows_per_shard: int
) -> Iterator[tuple[pa.Table, float]]:
    """Cut tables into ones of `rows_per_shard` rows, the last may be shorter; yield each with its end."""
    held: list[pa.Table] = []
    missing = rows_per_shard
    before = 0.0
    for table, after in tables:
        start = 0
        while table.num_rows - start >= missing:
            held.append(table.slice(start, missing))
            start += missing
            yield pa.concat_tables(held), before + (after - before) * start / table.num_rows
            held, missing = [], rows_per_shard
        if start < table.num_rows:
            held.append(table.slice(start))
            missing -= table.num_rows - start
        before = after
    if held:
        yield pa.concat_tables(held), before


def copy_table(table: pa.Table) -> pa.Table:
    """Copy a slice, which would otherwise be pickled with the whole table."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return pa.ipc.open_stream(sink.getvalue()).read_all()


def make_problem_column(problems: Mapping[int, str], rows: int) -> pa.Array:
    """Make the last column of a format in which lines can be malformed; `problems` by row."""
    if not problems:
        return pa.nulls(rows, pa.string())
    return pa.array([problems.get(row) for row in range(rows)], pa.string())


def add_problem_column(
    columns: Mapping[str, pa.Array], problems: Mapping[int, str], rows: int
) -> pa.Table:
    """Make the table of a format in which lines can be malformed."""
    names = [*columns, PROBLEM]
    return pa.Table.from_arrays(
        [*columns.values(), make_problem_column(problems, rows)], names=names
    )
