"""MDS: files of bounded size, an index that fits them, and a retry that only adds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from img2dataset.errors import DamagedError, OptionError
from img2dataset.formats import ShardKeys, ShardReader, check_options, mds
from img2dataset.formats.mds import merge_files, read_samples
from img2dataset.formats.mds_index import merge_shard_indexes
from img2dataset.options import Options
from img2dataset.records import EncodedImage
from img2dataset.storage.folder import Folder
from tests.e2e.mds_dataset import read_dataset
from tests.unit.formats.shard import (
    BARE,
    CONFIG,
    NAME,
    TIMEOUT,
    ShardToStore,
    mixed,
    picture,
    shard_of,
    store,
)

ZSTD = replace(CONFIG, mds_compression="zstd")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(str(tmp_path))


def many(*sizes: int) -> ShardToStore:
    return shard_of({}, *[picture(bytes(size)) for size in sizes])


def read_keys(folder: Folder) -> list[str]:
    reader = ShardReader(folder, NAME, frozenset(folder.names()), "jpg", read_content=True)
    return [sample.key for sample in read_samples(reader)]


def encodings_of(tmp_path: Path) -> dict[str, str]:
    (entry,) = json.loads((tmp_path / NAME / "index.json").read_bytes())["shards"]
    return dict(zip(entry["column_names"], entry["column_encodings"], strict=True))


@pytest.mark.parametrize("config", [BARE, replace(BARE, mds_compression="zstd")])
def test_a_file_is_at_most_as_long_as_the_limit_or_has_one_sample(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: Any
) -> None:
    store("mds", folder, many(10, 20), config)
    (two,) = json.loads((tmp_path / NAME / "index.json").read_bytes())["shards"]
    monkeypatch.setattr(mds, "SIZE_LIMIT", two["raw_data"]["bytes"])

    store("mds", folder, many(10, 20, 21, 10, 5000, 1), config)  # the last one is written first

    shards = json.loads((tmp_path / NAME / "index.json").read_bytes())["shards"]
    sizes = [len(sample["png"]) for sample in read_dataset(tmp_path / NAME)]
    assert [shard["samples"] for shard in shards] == [1, 1, 1, 1, 2]
    assert sizes == [1, 5000, 10, 21, 20, 10]
    limit = two["raw_data"]["bytes"]
    assert all(each["raw_data"]["bytes"] <= limit or each["samples"] == 1 for each in shards)


def test_values_have_the_encodings_that_readers_know(folder: Folder, tmp_path: Path) -> None:
    columns = {"n": pa.array([None], pa.int64()), "nested": [{"a": [1, None]}], "x": [float("nan")]}
    store("mds", folder, shard_of(columns, picture()), CONFIG)

    (sample,) = read_dataset(tmp_path / NAME)
    assert (sample["n"], sample["nested"], sample["x"]) == (None, {"a": [1, None]}, None)
    assert (sample["caption"], sample["error_message"], sample["width"]) == ("", "", 8)
    assert encodings_of(tmp_path) == {
        "n": "json", "nested": "json", "x": "json", "exif": "json", "jpg": "jpeg",
        "width": "int", "height": "int", "original_width": "int", "original_height": "int",
        **dict.fromkeys(["key", "status", "error_message", "url", "caption", "sha256"], "str"),
    }  # fmt: skip


def test_untouched_bytes_may_be_of_any_format_and_size(folder: Folder, tmp_path: Path) -> None:
    image = EncodedImage(b"GIF89a", None, None, None, None)
    store("mds", folder, shard_of({}, image), replace(BARE, disable_all_reencoding=True))

    (sample,) = read_dataset(tmp_path / NAME)
    assert (sample["png"], sample["width"], sample["original_height"]) == (b"GIF89a", None, None)
    assert encodings_of(tmp_path)["png"] == "bytes"


def test_compressed_files_have_both_sums_in_the_index(folder: Folder, tmp_path: Path) -> None:
    store("mds", folder, mixed(), ZSTD)

    assert {path.name for path in (tmp_path / NAME).iterdir()} == {
        "index.json", "shard.00000.mds.zstd",
    }  # fmt: skip
    assert sorted(each["key"] for each in read_dataset(tmp_path / NAME)) == sorted(
        read_keys(folder)
    )


def flip(place: float) -> Callable[[bytes], bytes]:
    def damage(data: bytes) -> bytes:
        at = int(len(data) * place)
        return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]

    return damage


@pytest.mark.parametrize(
    ("name", "damage", "problem"),
    [
        ("shard.00000.mds", flip(0.0), "has not the sha1"),
        ("shard.00000.mds", flip(0.5), "has not the sha1"),
        ("shard.00000.mds", lambda data: data[:-1], "bytes, not"),
        ("shard.00000.mds", None, "is missing"),
        ("index.json", None, "index.json is missing"),
        ("index.json", lambda data: data[:-2], "not an index"),
        ("index.json", lambda data: data.replace(b'"int"', b'"str"', 1), "something else"),
        ("index.json", lambda data: data.replace(b'"samples": 3', b'"samples": 2'), "something"),
        ("index.json", lambda data: data.replace(b'"version": 2}', b'"version": 3}'), "version"),
    ],
)
@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_damage_is_found(
    folder: Folder, compression: str, name: str, damage: Any, problem: str
) -> None:
    store("mds", folder, mixed(), replace(CONFIG, mds_compression=compression))
    tmp_path = Path(folder.root)
    (path,) = (tmp_path / NAME).glob(f"{name}*")
    data = path.read_bytes()
    path.unlink()
    if damage is not None:
        path.write_bytes(damage(data))

    with pytest.raises(DamagedError, match=problem):
        read_keys(folder)


def test_a_retry_never_takes_the_name_of_a_file_that_is_there(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mds, "SIZE_LIMIT", 1)
    store("mds", folder, many(1, 2))
    other = Folder(str(tmp_path / "new"))
    store("mds", other, many(3, 4, 5))
    before = {path: path.read_bytes() for path in (tmp_path / NAME).iterdir()}

    merge_files(folder, NAME, f"new/{NAME}", ShardKeys(frozenset("ab"), frozenset()))

    assert {path: path.read_bytes() for path in (tmp_path / NAME).iterdir()} == before
    names = {path.name for path in (tmp_path / "new" / NAME).iterdir()}
    assert names == {"index.json", *(f"shard.0000{number}.mds" for number in (3, 4, 5))}
    with pytest.raises(DamagedError, match="2 samples, not 1"):
        merge_files(folder, NAME, f"new/{NAME}", ShardKeys(frozenset("a"), frozenset()))


def test_the_index_of_a_dataset_leads_into_the_folders_of_its_shards(
    folder: Folder, tmp_path: Path
) -> None:
    store("mds", folder, mixed())
    store("mds", Folder(str(tmp_path / "empty")), shard_of({}, TIMEOUT))
    (tmp_path / "empty" / NAME).rename(tmp_path / "00004")
    indexes = {name: (tmp_path / name / "index.json").read_bytes() for name in (NAME, "00004")}

    (tmp_path / "index.json").write_bytes(merge_shard_indexes(indexes.items()))

    assert [each["key"] for each in read_dataset(tmp_path)] == read_keys(folder)
    with pytest.raises(DamagedError, match=r"00005: index.json is not"):
        merge_shard_indexes([*indexes.items(), ("00005", b"{}")])


def test_options_of_another_format_are_refused() -> None:
    with pytest.raises(OptionError, match="only output_format mds has it"):
        Options("l", mds_compression="zstd")
    check_options(Options("l", output_format="mds", mds_compression="zstd"))


def test_a_pyarrow_without_zstandard_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = SimpleNamespace(is_available=lambda _: False)
    monkeypatch.setattr(mds, "pa", SimpleNamespace(Codec=codec))
    with pytest.raises(OptionError, match="built without Zstandard"):
        check_options(Options("l", output_format="mds", mds_compression="zstd"))
