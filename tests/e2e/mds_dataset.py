"""A dataset of MDS files, read by what the format's documentation says of the bytes, not by our code.

https://docs.mosaicml.com/projects/streaming: uint32 count, uint32 offsets, JSON, samples; a sample has
a uint32 length for each column without a fixed size, then the values.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

DECODERS: dict[str, Callable[[bytes], Any]] = {
    "str": lambda data: data.decode(),
    "int": lambda data: struct.unpack("<q", data)[0],
    "json": json.loads,
}


def read_dataset(folder: Path) -> list[dict[str, Any]]:
    """The samples that the index of a dataset (or of a shard) leads to; images are bytes."""
    index = json.loads((folder / "index.json").read_bytes())
    assert index["version"] == 2
    return [sample for shard in index["shards"] for sample in read_shard(folder, shard)]


def read_shard(folder: Path, shard: dict[str, Any]) -> list[dict[str, Any]]:
    data = read_file(folder, shard["zip_data"] or shard["raw_data"])
    if shard["zip_data"]:
        raw = shard["raw_data"]
        data = bytes(pa.decompress(data, raw["bytes"], codec="zstd", asbytes=True))
        assert hashlib.sha1(data).hexdigest() == raw["hashes"]["sha1"]
    (count,) = struct.unpack_from("<I", data)
    ends = struct.unpack_from(f"<{count + 1}I", data, 4)
    config = json.loads(data[8 + 4 * count : ends[0]])
    own = {"raw_data", "zip_data", "samples"}
    assert {name: shard[name] for name in shard if name not in own} == config
    assert (count, ends[-1]) == (shard["samples"], len(data))
    assert config["column_names"] == sorted(config["column_names"])
    return [read_sample(data[ends[i] : ends[i + 1]], config) for i in range(count)]


def read_file(folder: Path, file: dict[str, Any]) -> bytes:
    data: bytes = (folder / file["basename"]).read_bytes()
    assert len(data) == file["bytes"]
    assert hashlib.sha1(data).hexdigest() == file["hashes"]["sha1"]
    return data


def read_sample(data: bytes, config: dict[str, Any]) -> dict[str, Any]:
    sizes = list(config["column_sizes"])
    at = 0
    for place, size in enumerate(sizes):
        if size is None:
            (sizes[place],) = struct.unpack_from("<I", data, at)
            at += 4
    values = {}
    named = zip(config["column_names"], config["column_encodings"], sizes, strict=True)
    for name, encoding, size in named:
        values[name] = DECODERS.get(encoding, bytes)(data[at : at + size])
        at += size
    assert at == len(data)
    return values
