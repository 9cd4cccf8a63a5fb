"""The place of a row in a shard -> what is stored of it."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow.parquet as pq

from img2dataset.dataset.layout import StoredShard
from img2dataset.failure_samples import find_host
from img2dataset.formats import TABLE
from img2dataset.insight.shard_facts import BATCH_ROWS, list_columns, take_text
from img2dataset.options.choices import HashType
from img2dataset.records import URL
from img2dataset.storage.checked_file import open_checked
from img2dataset.storage.folder import Folder


@dataclass(frozen=True, slots=True)
class StoredRow:
    """What identifies a row; empty where it is not stored."""

    key: str
    url: str
    host: str
    digest: str


def read_row(folder: Folder, shard: StoredShard, row: int) -> StoredRow:
    """Read a row by its position in the shard.

    Raises:
        DamagedError: the table cannot be read.
        IndexError: the table has become shorter.
    """
    with open_checked(folder, shard.name + TABLE) as file:
        parquet = pq.ParquetFile(file, pre_buffer=False)
        there = list_columns(parquet.schema_arrow)
        digest = next((name for name in HashType.names() if name in there), None)
        names = ["key", URL, *([digest] if digest else [])]
        first = 0
        for batch in parquet.iter_batches(BATCH_ROWS, columns=names, use_threads=False):
            if row < first + batch.num_rows:
                key, url, *hashes = (
                    take_text(batch, name)[row - first].as_py() or "" for name in names
                )
                return StoredRow(key, url, find_host(url), hashes[0] if hashes else "")
            first += batch.num_rows
    raise IndexError(f"{shard.name} has no row {row}")
