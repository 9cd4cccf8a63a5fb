"""Tar shards: what other programs make of them."""

from __future__ import annotations

import gc
import subprocess
import tarfile
import warnings
from pathlib import Path

import pytest
import webdataset

from img2dataset.formats.webdataset import MTIME, build_header
from img2dataset.storage.folder import Folder
from tests.unit.formats.shard import NAME, TIMEOUT, jpeg, mixed, picture, shard_of, store


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    store("webdataset", Folder(str(tmp_path)), mixed())
    return tmp_path / f"{NAME}.tar"


def members(tar: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(tar) as archive:
        return archive.getmembers()


@pytest.mark.parametrize("name", ["000000000.jpg", "a" * 99, "a" * 100, "é.json"])
@pytest.mark.parametrize("size", [0, 1, 511, 512, 8**11 - 1])
def test_a_header_is_what_tarfile_writes(name: str, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o444, MTIME

    assert build_header(name, size) == member.tobuf(tarfile.USTAR_FORMAT, encoding="utf-8")


def test_a_very_long_name_is_kept() -> None:
    shown = tarfile.TarInfo.frombuf(build_header("a" * 101, 0)[-512:], "utf-8", "strict")

    assert shown.name == "a" * 100  # what old programs see; GNU tar and Python see the whole
    assert b"a" * 101 in build_header("a" * 101, 0)


def test_the_members_of_a_sample_are_side_by_side(tar: Path) -> None:
    names = [member.name for member in members(tar)]

    keys = [name.partition(".")[0] for name in names]
    assert keys == [key for key in dict.fromkeys(keys) for _ in range(3)]
    assert [name.partition(".")[2] for name in names[:3]] == ["jpg", "json", "txt"]


def test_gnu_tar_reads_it_without_a_word(tar: Path, tmp_path: Path) -> None:
    out = tmp_path / "unpacked"
    out.mkdir()
    done = subprocess.run(
        ["tar", "-xvf", tar, "-C", out], capture_output=True, text=True, check=True
    )

    assert done.stderr == ""
    assert len(done.stdout.split()) == 9
    assert (out / "000030003.jpg").read_bytes() == jpeg(64)


def test_members_are_read_only_files_of_nobody_with_a_fixed_time(tar: Path) -> None:
    facts = {
        (member.mode, member.uid, member.gid, member.mtime, member.type) for member in members(tar)
    }

    assert facts == {(0o444, 0, 0, 315_532_800, tarfile.REGTYPE)}


@pytest.mark.parametrize("size", [0, 1, 512, 513, 7168, 7169, 8192, 9000])
def test_the_archive_ends_with_empty_blocks_up_to_a_whole_record(tmp_path: Path, size: int) -> None:
    store("webdataset", Folder(str(tmp_path)), shard_of({}, picture(bytes(size))))

    data = (tmp_path / f"{NAME}.tar").read_bytes()
    assert len(data) % 10240 == 0
    assert data.endswith(bytes(1024))
    subprocess.run(["tar", "-tf", tmp_path / f"{NAME}.tar"], check=True, capture_output=True)


def test_a_shard_without_pictures_is_an_empty_tar(tmp_path: Path) -> None:
    store("webdataset", Folder(str(tmp_path)), shard_of({}, TIMEOUT))

    done = subprocess.run(
        ["tar", "-tf", tmp_path / f"{NAME}.tar"], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.slow
def test_the_webdataset_library_reads_samples(tmp_path: Path) -> None:
    shard = shard_of(
        {"n": [3, None, 4], "caption": ["plain", "gone", None]},
        picture(),
        TIMEOUT,
        picture(jpeg(64)),
    )
    store("webdataset", Folder(str(tmp_path)), shard)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the library does not close the file
        dataset = webdataset.WebDataset(str(tmp_path / f"{NAME}.tar"), shardshuffle=False)
        found = {sample["__key__"]: sample for sample in dataset.decode("rgb")}
        del dataset
        gc.collect()

    assert set(found) == {"000030000", "000030002"}
    assert found["000030002"]["jpg"].shape == (64, 64, 3)
    assert found["000030002"]["json"]["n"] == 4
    assert found["000030002"]["txt"] == ""
    assert found["000030000"]["txt"] == "plain"
