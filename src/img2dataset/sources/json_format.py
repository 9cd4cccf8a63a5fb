"""The objects of a file -> tables: what json and jsonl share."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from img2dataset.sources.config import InputFile, SourceConfig
from img2dataset.sources.documents import expand_documents, fill_paths
from img2dataset.sources.json_keys import Batches, KeyCheck
from img2dataset.sources.json_objects import Objects, fill_in, list_keys
from img2dataset.sources.json_tables import make_table
from img2dataset.sources.json_types import infer_column_types
from img2dataset.sources.line_source import Types, scan_files
from img2dataset.sources.reading import Reading


class JsonFormat:
    """A LineFormat."""

    def __init__(self, read_objects: Batches, files: tuple[InputFile, ...]) -> None:
        """`read_objects` reads those of a file."""
        self._read_objects = read_objects
        self._keys = KeyCheck(files, self._read_rows)

    def column_types(self, files: tuple[InputFile, ...], config: SourceConfig) -> Types:
        return infer_column_types(scan_files(files, config, self._read_rows), config)

    def column_names(self, reading: Reading, config: SourceConfig) -> list[str]:
        return list_keys(next(iter(self._read_rows(reading, config))))

    def all_names(
        self,
        files: tuple[InputFile, ...],
        first: InputFile,  # noqa: ARG002
        config: SourceConfig,
    ) -> list[str]:
        """Read the whole list: keys may come late."""
        batches = scan_files(files, config, self._read_filled)
        return list(dict.fromkeys(key for objects in batches for key in list_keys(objects)))

    def tables(self, reading: Reading, config: SourceConfig, types: Types) -> Iterator[pa.Table]:
        for objects in self._keys.checked(reading, config):
            yield make_table(objects, config, types)

    def _read_filled(self, reading: Reading, config: SourceConfig) -> Iterator[Objects]:
        """Read the objects of a file as they are, with the columns that its folders name."""
        return fill_in(self._read_objects(reading, config), reading.file.url)

    def _read_rows(self, reading: Reading, config: SourceConfig) -> Iterator[Objects]:
        """Read the rows of a file: its objects, with the columns that its folders name, or the URLs
        in them."""
        objects = self._read_filled(reading, config)
        if config.expands:
            return expand_documents(objects, config, reading)
        return fill_paths(objects, config)
