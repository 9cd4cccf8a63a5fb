"""Index files of tars, against implementations of their formats over what tarfile sees."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from img2dataset.errors import DamagedError
from img2dataset.formats import ShardFiles, WriterConfig, list_index_names
from img2dataset.formats.tar_indexes import SUFFIXES, fits_tar
from img2dataset.formats.tar_reading import scan_places
from img2dataset.formats.tar_scan import build_stored
from img2dataset.options.choices import IndexKind
from img2dataset.records import EncodedImage
from img2dataset.storage.folder import Folder
from tests.chaos.indexes import dali, energon, members
from tests.unit.formats.shard import (
    CONFIG,
    NAME,
    TIMEOUT,
    begin,
    jpeg,
    memory_folder,
    mixed,
    picture,
    shard_of,
    store,
    visible,
)

KINDS = tuple(SUFFIXES)
every_kind = pytest.mark.parametrize("kind", KINDS)


def config(*, captions: bool = True, encode_format: str = "jpg") -> WriterConfig:
    return replace(CONFIG, index_kinds=KINDS, captions=captions, encode_format=encode_format)


def webshart(tar: Path, sizes: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """As webshart's own extractor writes it, without captions and copies of documents."""
    there = {each.name: each for each in members(tar)}
    files: dict[str, Any] = {}
    for name, each in there.items():
        key, _, extension = name.partition(".")
        entry: dict[str, Any] = {"offset": each.offset_data, "length": each.size}
        if extension not in ("json", "txt"):
            if key in sizes:
                width, height = sizes[key]
                entry |= {"width": width, "height": height, "aspect": round(width / height, 6)}
            document = there[f"{key}.json"]
            entry |= {
                "json_path": document.name, "json_offset": document.offset_data,
                "json_length": document.size,
            }  # fmt: skip
        files[name] = entry
    geometry = all(name.partition(".")[0] in sizes for name in files) and bool(files)
    return {
        "path": tar.name, "filesize": tar.stat().st_size,
        "includes_image_geometry": geometry, "files": files,
    }  # fmt: skip


@pytest.mark.parametrize("captions", [True, False])
@pytest.mark.parametrize("encode_format", ["jpg", "png", "webp"])
def test_they_say_where_members_are(tmp_path: Path, *, captions: bool, encode_format: str) -> None:
    folder = Folder(str(tmp_path))
    store("webdataset", folder, mixed(), config(captions=captions, encode_format=encode_format))
    tar = tmp_path / f"{NAME}.tar"

    assert (tmp_path / f"{NAME}.idx").read_bytes() == dali(tar)
    assert (tmp_path / f"{NAME}.tar.idx").read_bytes() == energon(tar)
    keys = {each.name.partition(".")[0] for each in members(tar)}
    found = json.loads((tmp_path / f"{NAME}.json").read_bytes())
    assert found == webshart(tar, dict.fromkeys(keys, (8, 8)))


def test_without_indexes_there_is_no_other_file_than_before() -> None:
    folder = memory_folder()
    store("webdataset", folder, mixed())

    assert visible(folder) == [f"{NAME}.parquet", f"{NAME}.tar"]


def test_the_writer_and_the_stored_tar_give_the_same() -> None:
    folder = memory_folder()
    store("webdataset", folder, mixed(), config())
    written = {suffix: folder.read(NAME + suffix) for suffix in SUFFIXES.values()}

    assert build_stored(ShardFiles(folder, NAME), KINDS) == written


def test_an_empty_tar_has_an_index_of_webshart_only() -> None:
    folder = memory_folder()
    store("webdataset", folder, shard_of({}, TIMEOUT), config())

    assert visible(folder) == [f"{NAME}.json", f"{NAME}.parquet", f"{NAME}.tar"]
    assert json.loads(folder.read(f"{NAME}.json")) == {
        "path": f"{NAME}.tar", "filesize": 10_240, "includes_image_geometry": False, "files": {},
    }  # fmt: skip


def test_images_that_were_not_decoded_have_no_geometry() -> None:
    folder = memory_folder()
    raw = EncodedImage(jpeg(), None, None, None, None)
    store("webdataset", folder, shard_of({}, raw, picture()), config())

    found = json.loads(folder.read(f"{NAME}.json"))
    assert found["includes_image_geometry"] is False
    assert "width" in found["files"]["000030001.jpg"]
    assert "width" not in found["files"]["000030000.jpg"]
    assert build_stored(ShardFiles(folder, NAME), ["webshart"]) == {
        ".json": folder.read(f"{NAME}.json")
    }


def test_a_shard_that_is_aborted_after_its_commit_leaves_none() -> None:
    folder = memory_folder()
    shard = shard_of({}, picture())
    writer = begin("webdataset", folder, shard, config())
    for sample in shard.samples():
        writer.write(sample)
    writer.commit()
    assert set(list_index_names("webdataset", NAME)) < set(visible(folder))

    writer.abort()

    assert visible(folder) == []


def long_names(kind: int) -> bytes:
    """A tar of another program: names beyond 100 bytes, in that program's way."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=kind) as tar:
        for name in ("a" * 120 + ".jpg", "b.jpg", "é" * 60 + ".json"):
            info = tarfile.TarInfo(name)
            info.size = 700
            tar.addfile(info, io.BytesIO(bytes(700)))
    return file.getvalue()


@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tars_of_other_programs_are_scanned(kind: int) -> None:
    data = long_names(kind)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        expected = [(each.name, each.offset, each.offset_data, each.size) for each in tar]

    assert list(scan_places(io.BytesIO(data))) == expected


@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_beyond_8_gib_are_scanned(tmp_path: Path, kind: Any) -> None:
    size = 9 << 30
    info = tarfile.TarInfo("0.jpg")
    info.size = size
    head = info.tobuf(kind)
    info.name, info.size = "1.jpg", 3
    path = tmp_path / "big.tar"
    with path.open("wb") as file:  # sparse: no disk is used
        file.write(head)
        file.seek(size, io.SEEK_CUR)
        file.write(info.tobuf(kind) + bytes(512) + bytes(10_240))

    with path.open("rb") as file:
        found = list(scan_places(file))

    assert [(each.name, each.size) for each in found] == [("0.jpg", size), ("1.jpg", 3)]
    assert found[1].start == len(head) + size


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda data: data[:1300], "cut short"),
        (lambda data: data[:-10_000], "cut short"),
        (lambda data: data[:148] + b"999999" + data[154:], "no member where one should be"),
        (lambda data: data[:156] + b"5" + data[157:], "no member where one should be"),
        (lambda data: data[:-1] + b"x", "something follows its end"),
    ],
)
def test_a_damaged_tar_is_not_taken_for_a_short_one(harm: Any, said: str) -> None:
    folder = memory_folder()
    store("webdataset", folder, mixed())
    data = harm(folder.read(f"{NAME}.tar"))

    with pytest.raises(DamagedError, match=said):
        list(scan_places(io.BytesIO(data)))


@every_kind
def test_an_index_fits_its_own_tar_and_no_other(kind: str) -> None:
    folder = memory_folder()
    store("webdataset", folder, mixed(), config())
    index, size = folder.read(NAME + SUFFIXES[kind]), len(folder.read(f"{NAME}.tar"))

    assert fits_tar(kind, index, 3, size)
    assert not fits_tar(kind, index, 2, size)
    assert not fits_tar(kind, index, 3, size + 10_240)
    for other in (b"", b"v1.2 3\n", b"{}", b"[]", index[:-1], b"\xff" * 7):
        assert not fits_tar(kind, other, 3, size)


def test_every_kind_has_a_suffix_or_a_file_of_the_folder() -> None:
    assert set(IndexKind.names()) == {*SUFFIXES, "wids"}
