"""An output folder -> the rows of its metadata tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from img2dataset.dataset.plan import STATS
from img2dataset.errors import RunError, Status
from img2dataset.formats.image_column import find_image_column
from img2dataset.storage.checked_file import open_checked
from img2dataset.storage.folder import Folder

BATCH_ROWS = 1000


def stored_rows(output_folder: str, *, failures_only: bool = False) -> Iterator[dict[str, Any]]:
    """The rows of all shards that are done, in their order, without images.

    A format that keeps no rows (dummy) has none.

    Raises:
        RunError: a table, or the folder, cannot be read.
        DamagedError: a table is damaged.
    """
    folder = Folder(output_folder)
    try:
        there = set(folder.names())
    except OSError as error:
        raise RunError(f"{folder.url} cannot be read: {error}") from error
    names = [match[1] for match in map(STATS.fullmatch, there) if match is not None]
    for name in sorted(names, key=int):
        if f"{name}.parquet" in there:
            yield from rows_of_shard(folder, name, failures_only=failures_only)


def rows_of_shard(folder: Folder, name: str, *, failures_only: bool) -> Iterator[dict[str, Any]]:
    with open_checked(folder, f"{name}.parquet") as file:
        parquet = pq.ParquetFile(file)
        schema = parquet.schema_arrow
        columns = [name for name in schema.names if name != find_image_column(schema)]
        for batch in parquet.iter_batches(BATCH_ROWS, columns=columns, use_threads=False):
            yield from (only_failures(batch) if failures_only else batch).to_pylist()


def only_failures(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.filter(pc.not_equal(batch["status"], Status.SUCCESS.value))
