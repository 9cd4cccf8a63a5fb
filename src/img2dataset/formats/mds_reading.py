"""The folder of an MDS shard -> its index, and the samples of its files."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha1
from itertools import pairwise

import pyarrow as pa

from img2dataset.errors import DamagedError
from img2dataset.formats.mds_columns import Columns
from img2dataset.formats.mds_index import HASH, INDEX, Entry, get_stored, parse_index
from img2dataset.storage.checked_file import open_checked
from img2dataset.storage.folder import Folder
from img2dataset.storage.reading import list_sizes

OWN_KEYS = ("raw_data", "samples", "zip_data")
"""Of an entry: what is not in the file itself."""


@dataclass(frozen=True, slots=True)
class StoredFolder:
    """The folder of a shard."""

    folder: Folder
    name: str
    sizes: Mapping[str, int]
    """Its files, in bytes."""

    @classmethod
    def of(cls, folder: Folder, name: str) -> StoredFolder:
        return cls(folder, name, list_sizes(folder, name))

    def read(self, name: str) -> bytes:
        """Read a file.

        Raises:
            DamagedError: it is missing.
            RunError: it cannot be read.
        """
        if name not in self.sizes:
            raise DamagedError(f"{name} is missing")
        with open_checked(self.folder, f"{self.name}/{name}") as file:
            return file.read()


def read_entries(shard: StoredFolder) -> list[Entry]:
    """Read the index of a shard; its files are there, and as long as it says.

    Raises:
        DamagedError: they are not.
    """
    entries = parse_index(shard.read(INDEX))
    for entry in entries:
        file = get_stored(entry)
        found = shard.sizes.get(file["basename"])
        if found is None:
            raise DamagedError(f"{file['basename']} is missing")
        if found != file["bytes"]:
            raise DamagedError(f"{file['basename']} has {found} bytes, not {file['bytes']}")
    return entries


def read_file(shard: StoredFolder, entry: Entry) -> Iterator[dict[str, bytes]]:
    """Yield the samples of a file: column -> bytes of the value.

    Raises:
        DamagedError: it is not what the index says.
    """
    stored = get_stored(entry)
    data = shard.read(stored["basename"])
    if sha1(data, usedforsecurity=False).hexdigest() != stored["hashes"][HASH]:
        raise DamagedError(f"{stored['basename']} has not the sha1 that {INDEX} says")
    try:
        if entry["zip_data"] is not None:
            data = pa.decompress(data, entry["raw_data"]["bytes"], codec="zstd", asbytes=True)
        columns = Columns(tuple(entry["column_names"]), tuple(entry["column_encodings"]))
        for sample in split_samples(data, entry):
            yield columns.split(sample)
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise DamagedError(f"{stored['basename']}: {error}") from error


def split_samples(data: bytes, entry: Entry) -> Iterator[bytes]:
    """Split a file: the number of samples, where each begins and the last one ends, the columns, the
    samples."""
    (count,) = struct.unpack_from("<I", data)
    offsets = struct.unpack_from(f"<{count + 1}I", data, 4)
    config = json.loads(data[4 * (count + 2) : offsets[0]])
    if config != {name: value for name, value in entry.items() if name not in OWN_KEYS}:
        raise ValueError(f"{INDEX} says something else of its columns")
    if count != entry["samples"] or offsets[-1] != len(data):
        raise ValueError(f"{count} samples that end at {offsets[-1]}: {INDEX} says something else")
    for start, end in pairwise(offsets):
        yield data[start:end]
