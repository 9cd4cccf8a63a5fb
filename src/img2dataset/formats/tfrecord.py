"""Samples -> a TFRecord file with a `tf.train.Example` for each."""

from __future__ import annotations

import pyarrow as pa

from img2dataset.formats import WriterConfig
from img2dataset.formats.document import caption_bytes, describe
from img2dataset.formats.example import BYTES, FLOATS, INTEGERS, example, frame
from img2dataset.formats.metadata import MetadataTable, write_metadata
from img2dataset.formats.outputs import Outputs
from img2dataset.records import Failure, Sample
from img2dataset.storage.folder import Folder
from img2dataset.storage.pending import whole

SUFFIXES = (".tfrecord", ".parquet")


class ShardWriter:
    def __init__(self, folder: Folder, name: str, table: pa.Table, config: WriterConfig) -> None:
        self._name = name
        self._config = config
        self._metadata = MetadataTable(table, config)
        self._outputs = Outputs(folder)
        self._empty = kinds_of_empty_lists(table.schema)
        self._file = self._outputs.file(f"{name}.tfrecord").file

    def write(self, sample: Sample) -> None:
        self._metadata.add(sample)
        picture = sample.outcome
        if isinstance(picture, Failure):
            return
        features = describe(sample, picture, self._config)
        features[self._config.encode_format] = picture.data
        if self._config.captions:
            features["txt"] = caption_bytes(sample.row)
        self._file.write(frame(example(features, self._empty)))

    def commit(self) -> None:
        with whole(self._outputs):
            write_metadata(self._outputs, self._name, self._metadata.finish())

    def abort(self) -> None:
        self._outputs.abort()


def kinds_of_empty_lists(schema: pa.Schema) -> dict[str, int]:
    """An empty list, or a null, has the kind that the other values of its column have."""
    kinds = {}
    for field in schema:
        is_list = hasattr(field.type, "value_field")
        element = getattr(field.type, "value_type", field.type)
        if pa.types.is_floating(element):
            kinds[field.name] = FLOATS
        elif pa.types.is_integer(element) or pa.types.is_boolean(element):
            kinds[field.name] = INTEGERS
        elif is_list:
            kinds[field.name] = BYTES
    return kinds
