"""Samples -> a folder of MDS files, as MosaicML Streaming reads them; see `mds_columns`, `mds_index`.

A file is: uint32 number of samples, uint32 offsets of the samples and of their end, JSON that says
what the columns are, the samples; little-endian.  Since the offsets come first, the samples of a file
wait in memory until it is complete.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import pyarrow as pa

from img2dataset.errors import DamagedError, OptionError
from img2dataset.formats.document import describe
from img2dataset.formats.format import (
    TABLE,
    Format,
    SampleFile,
    ShardKeys,
    ShardReader,
    StoredSample,
    WriterConfig,
)
from img2dataset.formats.mds_columns import Columns, choose_encodings
from img2dataset.formats.mds_index import (
    INDEX,
    SIZE_LIMIT,
    Entry,
    describe_file,
    dump_index,
    get_stored,
    make_config,
    rename_entry,
)
from img2dataset.formats.mds_reading import StoredFolder, read_entries, read_file
from img2dataset.formats.metadata import MetadataTable, write_metadata
from img2dataset.formats.outputs import Outputs
from img2dataset.formats.table_merge import merge_tables
from img2dataset.options import Options
from img2dataset.options.choices import MdsCompression
from img2dataset.records import Failure, Sample
from img2dataset.storage.folder import Folder
from img2dataset.storage.pending import whole
from img2dataset.storage.reading import move

ZSTD_LEVEL = 3
"""The usual one: images do not become smaller at any."""
ZIP_SUFFIX = ".zstd"
U32_BYTES = 4


class ShardWriter:
    def __init__(self, folder: Folder, name: str, table: pa.Table, config: WriterConfig) -> None:
        self._name = name
        self._config = config
        self._metadata = MetadataTable(table, config)
        self._outputs = Outputs(folder)
        self._folder = self._outputs.folder(name)
        columns = Columns.of(choose_encodings(table.schema, config))
        self._encode = columns.make_encoder(config.encode_format)
        self._files = FileConfig.of(columns, config)
        self._pieces: list[bytes] = []
        self._sizes: list[int] = []
        """The samples that wait for the end of their file, and the bytes of each."""
        self._bytes = self._files.count_bytes(0)
        """Bytes that the file would have."""
        self._entries: list[Entry] = []

    def write(self, sample: Sample) -> None:
        self._metadata.add(sample)
        image = sample.outcome
        if isinstance(image, Failure):
            return
        document = describe(sample, image, self._config)
        document[self._config.encode_format] = image.data
        pieces = self._encode(document)
        size = sum(map(len, pieces))
        if self._sizes and self._bytes + U32_BYTES + size > SIZE_LIMIT:
            self._end_file()
        self._pieces += pieces
        self._sizes.append(size)
        self._bytes += U32_BYTES + size

    def commit(self) -> None:
        with whole(self._outputs):
            if self._sizes:
                self._end_file()
            self._folder.write(INDEX, dump_index(self._entries))
            write_metadata(self._outputs, self._name, self._metadata.finish())

    def abort(self) -> None:
        self._pieces = []
        self._outputs.abort()

    def _end_file(self) -> None:
        """Make a file of the samples that wait."""
        count = len(self._sizes)
        data = b"".join([self._files.make_head(self._sizes), *self._pieces])
        self._pieces, self._sizes, self._bytes = [], [], self._files.count_bytes(0)
        name = name_file(len(self._entries))
        entry = {
            **self._files.config,
            "raw_data": describe_file(name, data),
            "samples": count,
            "zip_data": None,
        }
        if self._files.compressed:
            data = pa.Codec("zstd", ZSTD_LEVEL).compress(data, asbytes=True)
            name += ZIP_SUFFIX
            entry["zip_data"] = describe_file(name, data)
        self._folder.write(name, data)
        self._entries.append(entry)


class FileConfig:
    """What all files of a shard begin with, but for the number of their samples and their places."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self._json = json.dumps(config, sort_keys=True).encode()

    @classmethod
    def of(cls, columns: Columns, config: WriterConfig) -> FileConfig:
        compressed = config.mds_compression == MdsCompression.ZSTD
        return cls(make_config(columns, "zstd" if compressed else None))

    @property
    def compressed(self) -> bool:
        return self.config["compression"] is not None

    def count_bytes(self, samples: int) -> int:
        """Count the bytes before the samples."""
        return U32_BYTES * (samples + 2) + len(self._json)

    def make_head(self, sizes: list[int]) -> bytes:
        """Make what stands before samples of these sizes."""
        offsets = accumulate(sizes, initial=self.count_bytes(len(sizes)))
        head = struct.pack(f"<{len(sizes) + 2}I", len(sizes), *offsets)
        return head + self._json


def name_file(number: int) -> str:
    return f"shard.{number:05d}.mds"


def find_number(entry: Entry) -> int:
    """Return the number in the name of a file.

    Raises:
        DamagedError: there is none.
    """
    name: str = get_stored(entry)["basename"]
    try:
        return int(name.split(".")[1])
    except (IndexError, ValueError) as error:
        raise DamagedError(f"{INDEX} names a file {name}") from error


def read_samples(shard: ShardReader) -> Iterator[StoredSample]:
    stored = StoredFolder.of(shard.folder, shard.name)
    for entry in read_entries(stored):
        image = shard.image_name(entry["column_names"])
        for values in read_file(stored, entry):
            try:
                key = values["key"].decode()
            except (KeyError, UnicodeDecodeError) as error:
                raise DamagedError("a sample without a key") from error
            yield StoredSample(key, {image: SampleFile.of(values[image])})


def merge_files(folder: Folder, stored: str, new: str, keys: ShardKeys) -> None:
    """Add the new files to the stored ones, which stay as they are, with an index of both."""
    old = read_entries(StoredFolder.of(folder, stored))
    count = sum(entry["samples"] for entry in old)
    if count != len(keys.kept):
        raise DamagedError(f"{count} samples, not {len(keys.kept)}")
    added = read_entries(StoredFolder.of(folder, new))
    # no new name is an old one, of either folder: files may be moved in any order
    first = 1 + max((find_number(entry) for entry in [*old, *added]), default=-1)
    renamed = [
        rename_entry(entry, name_file(find_number(entry)), name_file(first + number))
        for number, entry in enumerate(added)
    ]
    names = [[get_stored(entry)["basename"] for entry in entries] for entries in (added, renamed)]
    pairs = [(f"{new}/{before}", f"{new}/{now}") for before, now in zip(*names, strict=True)]
    move(folder, pairs)
    folder.write(f"{new}/{INDEX}", dump_index([*old, *renamed]))


def check_compression(options: Options) -> None:
    """Refuse Zstandard if this pyarrow was built without it; its wheels have it."""
    if options.mds_compression == MdsCompression.ZSTD and not pa.Codec.is_available("zstd"):
        raise OptionError(
            "mds_compression is 'zstd': the pyarrow that is installed was built without Zstandard; "
            "pip install --force-reinstall --only-binary=:all: pyarrow"
        )


FORMAT = Format(
    files={"": None, TABLE: merge_tables},
    writer=ShardWriter,
    read_samples=read_samples,
    reserved_columns=lambda encode_format: frozenset((encode_format,)),
    merge_folder=merge_files,
    folder_mark=INDEX,
    check_options=check_compression,
)
