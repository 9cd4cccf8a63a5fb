"""index.json of an MDS dataset: of all shards, gone while they change, and nobody else's file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from img2dataset.publishing.contents import Contents, PublishedShard
from img2dataset.publishing.mds_index import remove_index, write_index
from img2dataset.storage.folder import Folder
from img2dataset.tally import Tally
from tests.e2e.mds_dataset import read_dataset
from tests.unit.formats.shard import NAME, memory_folder, mixed, store


def contents_of(*names: str) -> Contents:
    shards = tuple(PublishedShard(name, Tally(), {}) for name in names)
    return Contents("mds", "jpg", {}, (), shards, Tally(), pa.schema([]))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(str(tmp_path))
    store("mds", folder, mixed())
    return folder


def test_it_is_made_of_those_of_the_shards_and_retracted(folder: Folder, tmp_path: Path) -> None:
    assert write_index(folder, contents_of(NAME)) == []
    assert len(read_dataset(tmp_path)) == 3

    remove_index(folder)
    assert not (tmp_path / "index.json").exists()
    remove_index(folder)


def test_a_dataset_without_an_image_has_an_index(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    write_index(folder, contents_of())
    assert read_dataset(tmp_path) == []
    remove_index(folder)
    assert folder.names() == [".img2dataset"]


@pytest.mark.parametrize(
    "text", [b'{"shards": "mine"}', b'[{"url": "x"}]', b"", b'{"version": 2, "shards": [1]}']
)
def test_another_file_of_its_name_stays(folder: Folder, tmp_path: Path, text: bytes) -> None:
    (tmp_path / "index.json").write_bytes(text)

    (notice,) = write_index(folder, contents_of(NAME))
    remove_index(folder)

    assert "is no index of MDS files" in notice
    assert (tmp_path / "index.json").read_bytes() == text


def test_the_one_of_mosaics_merge_is_retracted_too(folder: Folder, tmp_path: Path) -> None:
    merged = b'{"version": 2, "shards": [{"column_encodings": ["str"]}]}'
    (tmp_path / "index.json").write_bytes(merged)
    remove_index(folder)
    assert not (tmp_path / "index.json").exists()


def test_a_shard_without_an_index_is_told() -> None:
    folder = memory_folder()
    store("mds", folder, mixed())
    (notice,) = write_index(folder, contents_of(NAME, "00004"))
    assert "lacks 1 shard" in notice
    assert "00004" in notice
