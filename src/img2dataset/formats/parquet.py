"""Samples -> a Parquet file with the metadata and, in the last column, the images."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from img2dataset.errors import OptionError, Status
from img2dataset.formats.format import (
    TABLE,
    Format,
    SampleFile,
    ShardKeys,
    ShardReader,
    StoredSample,
    WriterConfig,
)
from img2dataset.formats.image_column import (
    HF_ROWS,
    add_image_field,
    describe_features,
    is_hub_layout,
    make_image_column,
    make_loadable,
    open_table_writer,
)
from img2dataset.formats.metadata import MetadataTable
from img2dataset.formats.outputs import Outputs
from img2dataset.formats.table_merge import cast_rows, merge_schemas, replace_rows
from img2dataset.options import QUALITY, Options
from img2dataset.options.choices import ParquetLayout
from img2dataset.records import Failure, Sample
from img2dataset.storage.checked_file import open_checked
from img2dataset.storage.folder import Folder
from img2dataset.storage.pending import whole

ROW_GROUP_BYTES = 32_000_000
"""Images in a row group (at least one): this much, and a few MB, is in memory at a time."""
MERGED_BYTES = ROW_GROUP_BYTES // 2
"""Images that are merged at a time, in memory in a few copies."""
COLUMN_BUFFER_BYTES = 1 << 20
"""Read at once from a column of images; without it, and with pre_buffer, pyarrow keeps all that it
has read."""
ROWS_READ = 64
"""Rows whose images are read together."""


class ShardWriter:
    """Sorts rows by key: they come in any order, and their images wait in a local scratch file."""

    def __init__(self, folder: Folder, name: str, table: pa.Table, config: WriterConfig) -> None:
        self._config = config
        self._metadata = MetadataTable(table, config)
        self._outputs = Outputs(folder)
        self._pending = self._outputs.file(name + TABLE)
        self._scratch = folder.scratch()
        self._starts = array("q", [0]) * table.num_rows
        self._sizes = array("q", [-1]) * table.num_rows
        """-1 = no image."""
        self._end = 0

    def write(self, sample: Sample) -> None:
        self._metadata.add(sample)
        image = sample.outcome
        if isinstance(image, Failure):
            return
        self._scratch.write(image.data)
        self._starts[sample.row.index] = self._end
        self._sizes[sample.row.index] = len(image.data)
        self._end += len(image.data)

    def commit(self) -> None:
        with self._scratch, whole(self._outputs):
            self._write_table(self._metadata.finish())

    def abort(self) -> None:
        self._scratch.close()
        self._outputs.abort()

    def _write_table(self, table: pa.Table) -> None:
        name = self._config.encode_format
        if name in table.column_names:  # an input column of that name gives way to the images
            table = table.drop_columns([name])
        if self._config.parquet_layout == ParquetLayout.HF:
            table = make_loadable(table)
        schema = add_image_field(table.schema, name, self._config.parquet_layout)
        max_rows = HF_ROWS if is_hub_layout(schema) else None
        with open_table_writer(self._pending.file, schema) as file:
            for start, stop in cut_row_groups(self._sizes, ROW_GROUP_BYTES, max_rows):
                group = table.slice(start, stop - start)
                keys = group["key"].to_pylist()
                images = make_image_column(self._read_images(start, stop), keys, schema[-1])
                columns = [*group.columns, images]
                file.write_table(pa.Table.from_arrays(columns, schema=schema))

    def _read_images(self, start: int, stop: int) -> pa.Array:
        """Read the images of rows [start, stop) as a column."""
        sizes = self._sizes[start:stop]
        offsets = array("i", accumulate((max(size, 0) for size in sizes), initial=0))
        data = pa.allocate_buffer(offsets[-1])
        view = memoryview(data)
        self._scratch.flush()
        raw = self._scratch.raw  # type: ignore[attr-defined]  # each byte is read once: no buffer
        for begin, size, offset in zip(self._starts[start:stop], sizes, offsets, strict=False):
            if size > 0:
                raw.seek(begin)
                raw.readinto(view[offset : offset + size])
        present = pa.array([size >= 0 for size in sizes], pa.bool_()).buffers()[1]
        return pa.Array.from_buffers(
            pa.binary(), len(sizes), [present, pa.py_buffer(offsets), data]
        )


def cut_row_groups(
    sizes: Sequence[int], limit: int, max_rows: int | None = None
) -> Iterator[tuple[int, int]]:
    """Cut rows into [start, stop) with images of at most `limit` bytes, or with one image."""
    start = total = 0
    for row, size in enumerate(max(size, 0) for size in sizes):
        if (total and size and total + size > limit) or row - start == max_rows:
            yield start, row
            start, total = row, 0
        total += size
    yield start, len(sizes)


def open_images(file: Any) -> pq.ParquetFile:
    """Open a Parquet file with a column of images; little of it is kept in memory."""
    return pq.ParquetFile(file, buffer_size=COLUMN_BUFFER_BYTES, pre_buffer=False)


def read_samples(shard: ShardReader) -> Iterator[StoredSample]:
    with open_checked(shard.folder, shard.name + TABLE) as file:
        parquet = open_images(file)
        names = parquet.schema_arrow.names
        if shard.encode_format is None and not set(names) & set(QUALITY):
            return  # it may be the table of a shard of files, all of which failed
        image = shard.image_name(names)
        batches = parquet.iter_batches(ROWS_READ, columns=["key", image], use_threads=False)
        for batch in batches:
            images = batch.column(batch.schema.get_field_index(image))
            keys = batch.column(batch.schema.get_field_index("key"))
            for key, data in zip(keys.to_pylist(), images, strict=True):
                if data.is_valid:
                    yield StoredSample(key, {image: SampleFile.of(get_bytes(data))})


def get_bytes(image: pa.Scalar) -> bytes:
    """Return the bytes of an image, in either layout."""
    value = image["bytes"] if isinstance(image, pa.StructScalar) else image
    data: bytes = value.as_py() or b""
    return data


def merge_image_tables(stored: IO[bytes], new: IO[bytes], out: IO[bytes], keys: ShardKeys) -> None:
    """Merge as `merge_tables` does, with images in the last column: a part at a time."""
    file = open_images(stored)
    rows = RowsByKey(open_images(new))
    schema = merge_schemas(file.schema_arrow, rows.file.schema_arrow)
    size = max(estimate_row_bytes(file), estimate_row_bytes(rows.file))
    count = max(1, MERGED_BYTES // size)
    if is_hub_layout(schema):
        schema, count = describe_features(schema), min(count, HF_ROWS)
    with open_table_writer(out, schema) as writer:
        for batch in file.iter_batches(count, use_threads=False):
            part = pa.Table.from_batches([batch])
            again = [key for key in part["key"].to_pylist() if key in keys.refetched]
            new_rows = cast_rows(schema, rows.take(again))
            writer.write_table(replace_rows(part, new_rows, schema, keys))


def estimate_row_bytes(file: pq.ParquetFile) -> int:
    """Estimate the bytes of a row that has an image."""
    groups = range(file.metadata.num_row_groups)
    size: int = sum(file.metadata.row_group(group).total_byte_size for group in groups)
    statuses = file.read(columns=["status"])["status"].to_pylist()
    kept: int = statuses.count(Status.SUCCESS.value)
    return 1 + size // max(1, kept)


class RowsByKey:
    """The rows of a Parquet file, read on demand."""

    def __init__(self, file: pq.ParquetFile) -> None:
        self.file = file
        self._place: dict[str, tuple[int, int]] = {}
        for group in range(file.metadata.num_row_groups):
            found = file.read_row_group(group, columns=["key"])["key"].to_pylist()
            self._place.update({key: (group, row) for row, key in enumerate(found)})

    def take(self, keys: Sequence[str]) -> pa.Table:
        wanted: dict[int, list[int]] = {}
        for key in keys:
            group, row = self._place[key]
            wanted.setdefault(group, []).append(row)
        parts = [self.file.read_row_group(group).take(rows) for group, rows in wanted.items()]
        return pa.concat_tables(parts) if parts else self.file.schema_arrow.empty_table()


FIRST_WITH_CHUNKING = 21
"""Major version of pyarrow that first cut pages by their content."""


def check_layout(options: Options) -> None:
    """Refuse the layout of the Hub if this pyarrow cannot write it."""
    if (
        options.parquet_layout == ParquetLayout.HF
        and int(pa.__version__.split(".")[0]) < FIRST_WITH_CHUNKING
    ):
        raise OptionError(
            f"parquet_layout is 'hf': it needs pyarrow {FIRST_WITH_CHUNKING} or newer, and "
            f"{pa.__version__} is installed: pip install 'pyarrow>={FIRST_WITH_CHUNKING}'"
        )


FORMAT = Format(
    files={TABLE: merge_image_tables},
    writer=ShardWriter,
    read_samples=read_samples,
    reserved_columns=lambda encode_format: frozenset((encode_format,)),
    check_options=check_layout,
)
