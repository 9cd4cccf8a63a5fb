"""TFRecord shards: what another reader makes of them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import crc32c
import pyarrow as pa
import pytest
from tfrecord.reader import tfrecord_loader

from img2dataset.formats.example import BYTES_LIST, FLOAT_LIST, INT64_LIST, encode_feature
from img2dataset.formats.tfrecord import find_feature_lists
from img2dataset.storage.folder import Folder
from tests.unit.formats.shard import (
    BARE,
    CONFIG,
    DIGEST,
    NAME,
    mixed,
    picture,
    shard_of,
    store,
)


def read(folder: Path) -> list[dict[str, Any]]:
    return list(tfrecord_loader(str(folder / f"{NAME}.tfrecord"), None))


def test_an_example_has_the_picture_its_caption_and_the_metadata(tmp_path: Path) -> None:
    shard = shard_of({"n": [-7], "caption": ["zwölf"]}, picture(b"data"))
    store("tfrecord", Folder(str(tmp_path)), shard)

    (example,) = read(tmp_path)
    assert set(example) == {
        "n", "caption", "url", "key", "status", "error_message", "width", "height",
        "original_width", "original_height", "exif", "sha256", "jpg", "txt",
    }  # fmt: skip
    assert example["key"] == b"000030000"
    assert example["jpg"] == b"data"
    assert example["txt"] == example["caption"] == "zwölf".encode()
    assert example["n"].tolist() == [-7]
    assert example["width"].tolist() == [8]
    assert example["error_message"] == b""
    assert example["sha256"] == DIGEST.encode()


def test_without_captions_exif_and_hash_there_are_no_such_features(tmp_path: Path) -> None:
    store("tfrecord", Folder(str(tmp_path)), shard_of({}, picture()), BARE)

    assert not {"txt", "caption", "exif", "sha256"} & set(read(tmp_path)[0])
    assert "png" in read(tmp_path)[0]


def test_failures_have_no_example(tmp_path: Path) -> None:
    store("tfrecord", Folder(str(tmp_path)), mixed(), CONFIG)

    assert sorted(example["key"] for example in read(tmp_path)) == [
        b"000030000",
        b"000030001",
        b"000030003",
    ]


def test_every_frame_has_right_checksums(tmp_path: Path) -> None:
    store("tfrecord", Folder(str(tmp_path)), mixed(), CONFIG)

    data = (tmp_path / f"{NAME}.tfrecord").read_bytes()
    frames = at = 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        record = data[at + 12 : at + 12 + length]
        assert struct.unpack_from("<I", data, at + 8) == (masked(data[at : at + 8]),)
        assert struct.unpack_from("<I", data, at + 12 + length) == (masked(record),)
        at += length + 16
        frames += 1
    assert frames == 3


def masked(data: bytes) -> int:
    """As the TFRecord documentation writes it, over another implementation of CRC-32C."""
    crc: int = crc32c.crc32c(data)
    return (((crc >> 15) | (crc << 17) & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF


@pytest.mark.parametrize("kind", [pa.int64(), pa.bool_(), pa.float32()])
def test_an_empty_list_has_the_kind_of_the_full_ones(tmp_path: Path, kind: pa.DataType) -> None:
    values = pa.array([[1], []], pa.list_(pa.int64())).cast(pa.list_(kind))
    store("tfrecord", Folder(str(tmp_path)), shard_of({"l": values}, picture(), picture()))

    full, empty = sorted(read(tmp_path), key=lambda example: bytes(example["key"]))
    assert full["l"].dtype == empty["l"].dtype
    assert (full["l"].tolist(), empty["l"].tolist()) == ([1], [])


def test_lists_of_anything_else_are_bytes() -> None:
    schema = pa.schema(
        {
            "i": pa.list_(pa.int8()),
            "f": pa.large_list(pa.float64()),
            "s": pa.list_(pa.string()),
            "n": pa.list_(pa.list_(pa.int8())),
            "x": pa.int8(),
        }
    )
    assert find_feature_lists(schema) == {
        "i": INT64_LIST,
        "f": FLOAT_LIST,
        "s": BYTES_LIST,
        "n": BYTES_LIST,
        "x": INT64_LIST,
    }


def test_a_null_among_numbers_is_an_empty_list_of_their_kind() -> None:
    schema = pa.schema({"i": pa.int64(), "f": pa.float32(), "s": pa.string()})
    kinds = find_feature_lists(schema)

    assert encode_feature(None, kinds["i"]) == encode_feature([], INT64_LIST)
    assert encode_feature(None, kinds["f"]) == encode_feature([], FLOAT_LIST)
    assert encode_feature(None) == encode_feature("")
    assert "s" not in kinds
