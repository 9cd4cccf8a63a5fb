"""What the index of an MDS dataset says of a file; the indexes of shards -> the one of the dataset.

The folder of a shard has an index.json of its own, as those of parallel writers of MosaicML Streaming
have: its `merge_index` reads them too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha1
from typing import Any

from img2dataset.errors import DamagedError
from img2dataset.formats.mds_columns import Columns

INDEX = "index.json"
VERSION = 2
SIZE_LIMIT = 1 << 25
"""Bytes of a file, uncompressed, unless one sample is larger: so much is in memory for each open
shard.  MosaicML Streaming's own default is twice that; offsets are uint32, so 4 GiB would do."""
HASH = "sha1"

Entry = Mapping[str, Any]


def make_config(columns: Columns, compression: str | None) -> dict[str, Any]:
    """Return what a file and its entry say alike."""
    return {
        "column_encodings": list(columns.encodings),
        "column_names": list(columns.names),
        "column_sizes": list(columns.sizes),
        "compression": compression,
        "format": "mds",
        "hashes": [HASH],
        "size_limit": SIZE_LIMIT,
        "version": VERSION,
    }


def describe_file(basename: str, data: bytes) -> dict[str, Any]:
    digest = sha1(data, usedforsecurity=False).hexdigest()
    return {"basename": basename, "bytes": len(data), "hashes": {HASH: digest}}


def get_stored(entry: Entry) -> Mapping[str, Any]:
    """Return the file that is stored: the compressed one, if there is one."""
    stored: Mapping[str, Any] = entry["zip_data"] or entry["raw_data"]
    return stored


def dump_index(entries: Sequence[Entry]) -> bytes:
    return json.dumps({"shards": entries, "version": VERSION}, sort_keys=True).encode()


def parse_index(data: bytes) -> list[Entry]:
    """Read an index.

    Raises:
        DamagedError: it is not one.
    """
    try:
        index = json.loads(data)
        entries: list[Entry] = index["shards"]
        for entry in entries:
            file = get_stored(entry)
            str(file["basename"]), int(file["bytes"]), int(entry["samples"]), file["hashes"][HASH]
        if index["version"] != VERSION:
            raise DamagedError(f"{INDEX}: of version {index['version']}")
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{INDEX} is not an index of MDS files") from error
    return entries


def rename_entry(entry: Entry, old: str, new: str) -> dict[str, Any]:
    """Replace the beginning `old` of the names of its files by `new`."""
    renamed = dict(entry)
    for which in ("raw_data", "zip_data"):
        if (file := entry[which]) is not None:
            renamed[which] = {**file, "basename": new + file["basename"].removeprefix(old)}
    return renamed


def merge_shard_indexes(shards: Iterable[tuple[str, bytes]]) -> bytes:
    """Merge the indexes of shards, given by the names of their folders, into that of the dataset.

    Raises:
        DamagedError: one of them is not an index.
    """
    return dump_index([entry for name, data in shards for entry in place_entries(name, data)])


def place_entries(name: str, data: bytes) -> list[Entry]:
    """Return the entries of the index of the shard `name`, as seen from the folder above it."""
    try:
        return [rename_entry(entry, "", f"{name}/") for entry in parse_index(data)]
    except DamagedError as error:
        raise DamagedError(f"{name}: {error}") from error
