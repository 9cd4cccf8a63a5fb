"""Samples -> a folder with an image, a JSON and a caption file for each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, islice

import pyarrow as pa

from img2dataset.formats.document import describe, encode_caption
from img2dataset.formats.format import (
    TABLE,
    Format,
    SampleFile,
    ShardReader,
    StoredSample,
    WriterConfig,
)
from img2dataset.formats.metadata import MetadataTable, write_metadata
from img2dataset.formats.outputs import Outputs
from img2dataset.formats.table_merge import merge_tables
from img2dataset.json_text import to_json
from img2dataset.records import Failure, Sample
from img2dataset.storage.folder import Folder
from img2dataset.storage.pending import whole
from img2dataset.storage.reading import list_sizes, read_many

READ_TOGETHER = 64
"""Files of a folder that are read at the same time."""


class ShardWriter:
    def __init__(self, folder: Folder, name: str, table: pa.Table, config: WriterConfig) -> None:
        self._name = name
        self._config = config
        self._metadata = MetadataTable(table, config)
        self._outputs = Outputs(folder)
        self._folder = self._outputs.folder(name)

    def write(self, sample: Sample) -> None:
        self._metadata.add(sample)
        image = sample.outcome
        if isinstance(image, Failure):
            return
        key = sample.row.key
        self._folder.write(f"{key}.{self._config.encode_format}", image.data)
        self._folder.write(f"{key}.json", to_json(describe(sample, image, self._config)))
        if self._config.captions:
            self._folder.write(f"{key}.txt", encode_caption(sample.row))

    def commit(self) -> None:
        with whole(self._outputs):
            write_metadata(self._outputs, self._name, self._metadata.finish())

    def abort(self) -> None:
        self._outputs.abort()


def read_samples(shard: ShardReader) -> Iterator[StoredSample]:
    """The files of a sample follow each other."""
    for key, group in groupby(list_files(shard), key=lambda each: each.key):
        files: dict[str, SampleFile] = {}
        for each in group:
            files.update(each.files)
        yield StoredSample(key, files)


def list_files(shard: ShardReader) -> Iterator[StoredSample]:
    """Each file as a sample of its own.

    A folder has thousands of files: without `read_content` only names and sizes are read.
    """
    found = list_sizes(shard.folder, shard.name) if shard.name in shard.names else {}
    names = iter(sorted(found))
    while batch := list(islice(names, READ_TOGETHER)):
        wanted = [f"{shard.name}/{name}" for name in batch] if shard.read_content else []
        contents = read_many(shard.folder, wanted)
        for name in batch:
            key, _, extension = name.partition(".")
            file = SampleFile(found[name], contents.get(f"{shard.name}/{name}"))
            yield StoredSample(key, {extension: file})


FORMAT = Format(
    files={"": None, TABLE: merge_tables},
    writer=ShardWriter,
    read_samples=read_samples,
    has_member_files=True,
)
