"""Samples -> a TFRecord file with a `tf.train.Example` for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import pyarrow as pa

from img2dataset.errors import DamagedError
from img2dataset.formats.document import describe, encode_caption
from img2dataset.formats.example import (
    BYTES_LIST,
    FLOAT_LIST,
    INT64_LIST,
    encode_example,
    frame_record,
)
from img2dataset.formats.format import (
    TABLE,
    Format,
    SampleFile,
    ShardKeys,
    ShardReader,
    StoredSample,
    WriterConfig,
)
from img2dataset.formats.metadata import MetadataTable, write_metadata
from img2dataset.formats.outputs import Outputs
from img2dataset.formats.table_merge import merge_tables
from img2dataset.formats.tfrecord_reading import parse_bytes_features, read_records
from img2dataset.records import Failure, Sample
from img2dataset.storage.checked_file import open_checked
from img2dataset.storage.folder import Folder
from img2dataset.storage.pending import whole

TFRECORD = ".tfrecord"
CAPTION_FEATURE = "txt"


class ShardWriter:
    def __init__(self, folder: Folder, name: str, table: pa.Table, config: WriterConfig) -> None:
        self._name = name
        self._config = config
        self._metadata = MetadataTable(table, config)
        self._outputs = Outputs(folder)
        self._empty = find_feature_lists(table.schema)
        self._file = self._outputs.file(name + TFRECORD).file

    def write(self, sample: Sample) -> None:
        self._metadata.add(sample)
        image = sample.outcome
        if isinstance(image, Failure):
            return
        features = describe(sample, image, self._config)
        features[self._config.encode_format] = image.data
        if self._config.captions:
            features[CAPTION_FEATURE] = encode_caption(sample.row)
        self._file.write(frame_record(encode_example(features, self._empty)))

    def commit(self) -> None:
        with whole(self._outputs):
            write_metadata(self._outputs, self._name, self._metadata.finish())

    def abort(self) -> None:
        self._outputs.abort()


def find_feature_lists(schema: pa.Schema) -> dict[str, int]:
    """Find the list type of each column: that of its nulls and empty lists, too."""
    kinds = {}
    for field in schema:
        is_list = hasattr(field.type, "value_field")
        element = getattr(field.type, "value_type", field.type)
        if pa.types.is_floating(element):
            kinds[field.name] = FLOAT_LIST
        elif pa.types.is_integer(element) or pa.types.is_boolean(element):
            kinds[field.name] = INT64_LIST
        elif is_list:
            kinds[field.name] = BYTES_LIST
    return kinds


def read_samples(shard: ShardReader) -> Iterator[StoredSample]:
    with open_checked(shard.folder, shard.name + TFRECORD) as file:
        for record in read_records(file):
            features = parse_bytes_features(record.data)
            try:
                key = features["key"].decode()
            except (KeyError, UnicodeDecodeError) as error:
                raise DamagedError("tfrecord: a record without a key") from error
            image = shard.image_name(features)
            yield StoredSample(key, {image: SampleFile.of(features[image])})


def merge_records(stored: IO[bytes], new: IO[bytes], out: IO[bytes], keys: ShardKeys) -> None:
    """Write the stored records as they are, then the new ones."""
    count = 0
    for record in read_records(stored):
        count += 1
        out.write(record.frame)
    if count != len(keys.kept):
        raise DamagedError(f"{count} records, not {len(keys.kept)}")
    for record in read_records(new):
        out.write(record.frame)


FORMAT = Format(
    files={TFRECORD: merge_records, TABLE: merge_tables},
    writer=ShardWriter,
    read_samples=read_samples,
    reserved_columns=lambda encode_format: frozenset((encode_format, CAPTION_FEATURE)),
)
