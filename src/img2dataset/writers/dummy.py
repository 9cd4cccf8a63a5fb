"""Samples -> nothing: for measuring everything else."""

from __future__ import annotations

import pyarrow as pa

from img2dataset.records import Sample
from img2dataset.storage import Folder
from img2dataset.writers import WriterConfig
from img2dataset.writers.metadata import MetadataTable

SUFFIXES = ()


class ShardWriter:
    def __init__(self, folder: Folder, name: str, table: pa.Table, config: WriterConfig) -> None:
        del folder, name
        self._metadata = MetadataTable(table, config)  # for its checks

    def write(self, sample: Sample) -> None:
        self._metadata.add(sample)

    def commit(self) -> None:
        self._metadata.finish()

    def abort(self) -> None:
        pass
