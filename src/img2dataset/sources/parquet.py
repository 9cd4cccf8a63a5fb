"""parquet -> Shards that are row ranges, from the footers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pyarrow as pa

from img2dataset.errors import OptionError
from img2dataset.records import ParquetRange, Shard
from img2dataset.sources.config import InputFile, Source, SourceConfig
from img2dataset.sources.opening import translate_errors
from img2dataset.sources.parquet_footers import (
    MAX_FOOTERS_AT_ONCE,
    Footer,
    find_schemas_to_cast,
    inspect_file,
    read_footer,
)
from img2dataset.sources.parquet_ranges import BATCH_ROWS, open_parquet, read_once
from img2dataset.sources.partitions import add_partitions
from img2dataset.sources.values import is_string_like

__all__ = ["inspect_file", "open_files"]


def open_files(files: tuple[InputFile, ...], config: SourceConfig) -> Source:
    """Open a list in Parquet files."""
    if config.needs_stream:
        from img2dataset.sources.parquet_stream import ParquetStream  # noqa: PLC0415  (few lists)

        return ParquetStream(files, config)
    return ParquetSource(files, config)


class ParquetSource:
    """A list of row ranges; the rows themselves are never read here."""

    notices: tuple[str, ...] = ()

    def __init__(self, files: tuple[InputFile, ...], config: SourceConfig) -> None:
        self.files = files
        self._config = config
        self._rows, self._schemas = self._look_at_footers()
        self._read = 0.0  # in files
        if self.rows_total() == 0:
            raise OptionError(f"url_list has no rows: there is nothing in {files[0].url}")

    def shards(self, rows_per_shard: int, first_id: int = 0) -> Iterator[Shard]:
        ids = count(first_id)
        for number, file in enumerate(self.files):
            rows = self._rows[number]
            for start in range(0, rows, rows_per_shard):
                length = min(rows_per_shard, rows - start)
                self._read = number + (start + length) / rows
                part = ParquetRange(file.url, start, length, self._schemas.get(file))
                yield Shard(next(ids), length, part, file=number)

    def first_rows(self, config: SourceConfig) -> pa.Table:
        """Read some of the first rows, normalised as `config` says."""
        number = self._first_number
        file = self.files[number]
        rows = ParquetRange(file.url, 0, min(self._rows[number], BATCH_ROWS))
        with translate_errors(OptionError, file.url):
            return read_once(rows, config)

    def all_names(self) -> list[str]:
        url = self.files[self._first_number].url
        with translate_errors(OptionError, url), open_parquet(url) as file:
            return add_partitions(file.schema_arrow.names, url)

    def column_names(self) -> list[str]:
        """List the columns of the first file that can hold URLs."""
        url = self.files[self._first_number].url
        with translate_errors(OptionError, url), open_parquet(url) as file:
            return [field.name for field in file.schema_arrow if can_be_text(field.type)]

    @property
    def _first_number(self) -> int:
        return next(number for number, rows in enumerate(self._rows) if rows)

    def findings(self) -> tuple[str, ...]:
        return ()

    def rows_total(self) -> int:
        return sum(self._rows)

    def fraction_read(self) -> float:
        whole = int(self._read)
        sizes = [file.size or 1 for file in self.files]
        read = sum(sizes[:whole])
        if whole < len(sizes):
            read += int(sizes[whole] * (self._read - whole))
        return read / sum(sizes)

    def _look_at_footers(self) -> tuple[list[int], dict[InputFile, pa.Schema]]:
        """Read the footers: rows of each file, and the types to cast its columns to.

        Additional columns need one type in the whole list.  Without them only those footers are
        read that were longer than the tails.
        """
        with ThreadPoolExecutor(MAX_FOOTERS_AT_ONCE) as pool:
            if self._config.additional_columns:
                footers = list(pool.map(self._footer, self.files))
                schemas = [footer.schema for footer in footers]
                rows = [footer.rows for footer in footers]
                return rows, find_schemas_to_cast(self.files, schemas, self._config)
            return list(pool.map(self._row_count, self.files)), {}

    def _row_count(self, file: InputFile) -> int:
        return self._footer(file).rows if file.rows is None else file.rows

    def _footer(self, file: InputFile) -> Footer:
        with translate_errors(OptionError, file.url):
            return read_footer(file, self._config)


def can_be_text(kind: pa.DataType) -> bool:
    return is_string_like(kind) or pa.types.is_dictionary(kind)
