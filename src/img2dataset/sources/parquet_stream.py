"""parquet -> Shards of rows, read here: where the number of rows of a shard is not known before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, cast

import pyarrow as pa

from img2dataset.errors import OptionError, SourceError
from img2dataset.options.where import list_names
from img2dataset.sources.columns import list_read_columns
from img2dataset.sources.config import InputFile, SourceConfig
from img2dataset.sources.documents import expand_documents
from img2dataset.sources.findings import Findings
from img2dataset.sources.json_objects import Objects, fill_in
from img2dataset.sources.json_tables import make_table
from img2dataset.sources.line_source import FilePart, LineSource, Types
from img2dataset.sources.nested_columns import list_roots
from img2dataset.sources.opening import translate_errors
from img2dataset.sources.parquet_footers import MAX_FOOTERS_AT_ONCE, read_footer, read_row_groups
from img2dataset.sources.parquet_ranges import BATCH_ROWS, open_parquet
from img2dataset.sources.partitions import add_partitions, parse_partitions
from img2dataset.sources.reading import Reading
from img2dataset.sources.row_filter import can_match, read_ranges
from img2dataset.sources.tables import select_columns
from img2dataset.sources.types import find_common_type
from img2dataset.sources.view_types import make_plain_columns

GroupTest = Callable[[Any], bool]
"""Takes the metadata of a row group; false if none of its rows is wanted."""


def make_group_test(config: SourceConfig) -> GroupTest:
    """Make the test of row groups by the ranges of values that their metadata has."""
    condition = config.condition
    if condition is None or config.expands:
        return lambda _: True
    names = {config.name_in_files(name): name for name in list_names(condition)}
    return lambda group: can_match(condition, read_ranges(group, names))


class ParquetReading:
    """One pass over a Parquet file: what a `Reading` is to a file of lines."""

    def __init__(self, file: InputFile, row_group: int | None = None) -> None:
        self.file = file
        self._row_group = row_group
        self.position = 0
        self.documents = 0
        self.findings = Findings()
        self._parquet = open_parquet(file.url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._parquet.close()

    @property
    def schema(self) -> pa.Schema:
        return self._parquet.schema_arrow

    def tables(self, columns: list[str], can_match: GroupTest) -> Iterator[pa.Table]:
        """Yield the rows of the row groups that can match, and note how far the file is read."""
        metadata = self._parquet.metadata
        groups = metadata.num_row_groups
        size = self.file.size or 0
        done = 0
        for number in range(groups) if self._row_group is None else [self._row_group]:
            group = metadata.row_group(number)
            if not can_match(group):
                done += group.num_rows
                continue
            for batch in self._parquet.iter_batches(
                BATCH_ROWS, row_groups=[number], columns=columns, use_threads=False
            ):
                done += batch.num_rows
                self.position = size * done // metadata.num_rows
                yield make_plain_columns(pa.Table.from_batches([batch]))


class ParquetFormat:
    """A LineFormat."""

    def column_types(self, files: tuple[InputFile, ...], config: SourceConfig) -> Types:
        schemas = [read_footer(file, config).schema for file in files]
        return {
            name: find_common_type(schema.field(name).type for schema in schemas)
            for name in config.additional_columns
        }

    def column_names(self, reading: Reading, config: SourceConfig) -> list[str]:  # noqa: ARG002
        return list(cast("Any", reading).schema.names)

    def all_names(
        self,
        files: tuple[InputFile, ...],  # noqa: ARG002
        first: InputFile,
        config: SourceConfig,  # noqa: ARG002
    ) -> list[str]:
        with ParquetReading(first) as reading:
            return add_partitions(reading.schema.names, first.url)

    def tables(self, reading: Reading, config: SourceConfig, types: Types) -> Iterator[pa.Table]:
        stream = cast("ParquetReading", reading)
        wanted = [column.source for column in list_read_columns(config)]
        rows = stream.tables(list_roots(wanted, stream.schema.names), make_group_test(config))
        if not config.expands:
            folders = parse_partitions(stream.file.url)
            schema = pa.schema(list(types.items()))
            for table in rows:
                yield select_columns(table, config, schema, folders)
            return
        documents = fill_in((Objects(table.to_pylist()) for table in rows), stream.file.url)
        for objects in expand_documents(documents, config, reading):
            yield make_table(objects, config, types)


class ParquetStream(LineSource):
    """A list in Parquet files that is read here."""

    def __init__(self, files: tuple[InputFile, ...], config: SourceConfig) -> None:
        super().__init__(files, config, ParquetFormat())

    def open_reading(self, part: FilePart) -> Reading:
        return cast("Reading", ParquetReading(part.file, part.row_group))

    def list_parts(self) -> list[FilePart]:
        """List the row groups of all files, from the footers; a row is a document."""
        with ThreadPoolExecutor(MAX_FOOTERS_AT_ONCE) as pool:
            sizes = list(pool.map(self._list_row_groups, self.files))
        parts = []
        documents = 0
        for file, groups in zip(self.files, sizes, strict=True):
            for number, rows in enumerate(groups):
                parts.append(FilePart(file, documents, number))
                documents += rows if self._config.expands else 0
        return parts

    def _list_row_groups(self, file: InputFile) -> list[int]:
        with translate_errors(SourceError, file.url):
            return read_row_groups(file)

    def _has_rows(self, file: InputFile) -> bool:
        with translate_errors(OptionError, file.url):
            rows = read_footer(file, self._config).rows if file.rows is None else file.rows
        return rows > 0
