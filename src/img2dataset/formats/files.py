"""Samples -> a folder with an image, a JSON and a caption file for each."""

from __future__ import annotations

import pyarrow as pa

from img2dataset.formats import WriterConfig
from img2dataset.formats.document import caption_bytes, describe, to_json
from img2dataset.formats.metadata import MetadataTable, write_metadata
from img2dataset.formats.outputs import Outputs
from img2dataset.records import Failure, Sample
from img2dataset.storage.folder import Folder
from img2dataset.storage.pending import whole

SUFFIXES = ("", ".parquet")


class ShardWriter:
    def __init__(self, folder: Folder, name: str, table: pa.Table, config: WriterConfig) -> None:
        self._name = name
        self._config = config
        self._metadata = MetadataTable(table, config)
        self._outputs = Outputs(folder)
        self._folder = self._outputs.folder(name)

    def write(self, sample: Sample) -> None:
        self._metadata.add(sample)
        picture = sample.outcome
        if isinstance(picture, Failure):
            return
        key = sample.row.key
        self._folder.write(f"{key}.{self._config.encode_format}", picture.data)
        self._folder.write(f"{key}.json", to_json(describe(sample, picture, self._config)))
        if self._config.captions:
            self._folder.write(f"{key}.txt", caption_bytes(sample.row))

    def commit(self) -> None:
        with whole(self._outputs):
            write_metadata(self._outputs, self._name, self._metadata.finish())

    def abort(self) -> None:
        self._outputs.abort()
