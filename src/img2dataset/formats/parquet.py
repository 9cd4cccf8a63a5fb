"""Samples -> a Parquet file with the metadata and, in the last column, the pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from img2dataset.formats import WriterConfig
from img2dataset.formats.metadata import MetadataTable
from img2dataset.formats.outputs import Outputs
from img2dataset.records import Failure, Sample
from img2dataset.storage.folder import Folder
from img2dataset.storage.pending import whole

SUFFIXES = (".parquet",)
ROW_GROUP_BYTES = 32_000_000
"""Pictures in a row group (at least one): this much, and a few MB, is in memory at a time."""


class ShardWriter:
    """Rows are sorted by key but come in any order: pictures wait in a file on the disk."""

    def __init__(self, folder: Folder, name: str, table: pa.Table, config: WriterConfig) -> None:
        self._config = config
        self._metadata = MetadataTable(table, config)
        self._outputs = Outputs(folder)
        self._pending = self._outputs.file(f"{name}.parquet")
        self._scratch = folder.scratch()
        self._starts = np.zeros(table.num_rows, np.int64)
        self._sizes = np.full(table.num_rows, -1, np.int64)
        """-1 = no picture."""
        self._end = 0

    def write(self, sample: Sample) -> None:
        self._metadata.add(sample)
        picture = sample.outcome
        if isinstance(picture, Failure):
            return
        self._scratch.write(picture.data)
        self._starts[sample.row.index] = self._end
        self._sizes[sample.row.index] = len(picture.data)
        self._end += len(picture.data)

    def commit(self) -> None:
        with self._scratch, whole(self._outputs):
            self._write_table(self._metadata.finish())

    def abort(self) -> None:
        self._scratch.close()
        self._outputs.abort()

    def _write_table(self, table: pa.Table) -> None:
        name = self._config.encode_format
        if name in table.column_names:  # an input column of that name: the picture comes first
            table = table.drop_columns([name])
        schema = table.schema.append(pa.field(name, pa.binary()))
        with pq.ParquetWriter(self._pending.file, schema, **column_settings(schema)) as file:
            for start, stop in row_groups(self._sizes, ROW_GROUP_BYTES):
                group = table.slice(start, stop - start)
                pictures = self._pictures(start, stop)
                file.write_table(group.append_column(schema.field(name), pictures))

    def _pictures(self, start: int, stop: int) -> pa.Array:
        """The pictures of rows [start, stop), as a column."""
        sizes = self._sizes[start:stop]
        ends = np.cumsum(np.maximum(sizes, 0), dtype=np.int64)
        data = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
        view = memoryview(data)  # type: ignore[arg-type]
        self._scratch.flush()
        raw = self._scratch.raw  # type: ignore[attr-defined]  # nothing is read twice: no buffer
        for begin, size, end in zip(self._starts[start:stop], sizes, ends, strict=True):
            if size > 0:
                raw.seek(begin)
                raw.readinto(view[end - size : end])
        offsets = np.concatenate([[0], ends]).astype(np.int32)
        present = np.packbits(sizes >= 0, bitorder="little")
        buffers = [pa.py_buffer(part) for part in (present, offsets, data)]
        return pa.Array.from_buffers(pa.binary(), stop - start, buffers)


def row_groups(sizes: np.ndarray[Any, Any], limit: int) -> Iterator[tuple[int, int]]:
    """Cut rows into [start, stop) with pictures of at most `limit` bytes, or with one picture."""
    start = total = 0
    for row, size in enumerate(np.maximum(sizes, 0).tolist()):
        if total and size and total + size > limit:
            yield start, row
            start, total = row, 0
        total += size
    yield start, len(sizes)


def column_settings(schema: pa.Schema) -> dict[str, Any]:
    """Pictures do not compress, do not repeat, and have no smallest and largest."""
    probe = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), probe)
    stored = pq.ParquetFile(pa.BufferReader(probe.getvalue())).schema
    *others, pictures = [stored.column(i).path for i in range(len(stored))]
    return {
        "compression": {**dict.fromkeys(others, "SNAPPY"), pictures: "NONE"},
        "write_batch_size": 16,  # rows: then a page is flushed at 1 MB, not at the end of the group
        "use_dictionary": others,
        "write_statistics": others,
    }
