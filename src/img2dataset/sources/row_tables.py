"""Tables of rows -> tables of a shard each; malformed rows have a problem in the last column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from img2dataset.records import PROBLEM


def cut_into_shards(
    tables: Iterator[tuple[pa.Table, int]], rows_per_shard: int
) -> Iterator[tuple[pa.Table, float]]:
    """Tables of exactly `rows_per_shard` rows, the last may be short; with where each ends."""
    held: list[pa.Table] = []
    missing = rows_per_shard
    before = 0
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
    """The table with memory of its own: a slice would be pickled with all it was cut from."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return pa.ipc.open_stream(sink.getvalue()).read_all()


def make_problem_column(problems: Mapping[int, str], rows: int) -> pa.Array:
    """The last column of a format in which lines can be malformed; by position of the row."""
    if not problems:
        return pa.nulls(rows, pa.string())
    return pa.array([problems.get(row) for row in range(rows)], pa.string())


def add_problem_column(
    columns: Mapping[str, pa.Array], problems: Mapping[int, str], rows: int
) -> pa.Table:
    """The table of a format in which lines can be malformed."""
    names = [*columns, PROBLEM]
    return pa.Table.from_arrays(
        [*columns.values(), make_problem_column(problems, rows)], names=names
    )
