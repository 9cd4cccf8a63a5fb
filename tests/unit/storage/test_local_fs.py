"""Files of this machine: as fsspec has them, without fsspec."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from img2dataset.storage.file_systems import open_url
from img2dataset.storage.local_fs import Disk, absolute

FSSPEC = LocalFileSystem()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.txt", ".hidden", "sub/b.txt", "sub/sub/c.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "link").symlink_to(tmp_path / "a.txt")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    return tmp_path


@pytest.mark.parametrize(
    "path", ["/", "/a", "/a/", "/a/../b//c", "~", "~/x", ".", "./x", "x/", "../x", "x[1]?*,y", "é"]
)
def test_paths_are_written_as_fsspec_writes_them(path: str) -> None:
    assert absolute(path) == FSSPEC._strip_protocol(path)


@pytest.mark.parametrize("url", ["{}", "file://{}", "file:{}", "local://{}"])
def test_all_spellings_of_a_local_path_are_on_the_disk(url: str, tmp_path: Path) -> None:
    fs, path = open_url(url.format(tmp_path))

    assert isinstance(fs, Disk)
    assert path == str(tmp_path)


def test_a_colon_in_a_name_is_no_protocol(tmp_path: Path) -> None:
    fs, path = open_url(f"{tmp_path}/a:b")

    assert isinstance(fs, Disk)
    assert path == f"{tmp_path}/a:b"


@pytest.mark.parametrize("name", ["", "a.txt", "link", "sub"])
def test_what_is_there_is_described_as_by_fsspec(name: str, folder: Path) -> None:
    path = absolute(f"{folder}/{name}")
    theirs = FSSPEC.info(path)

    assert {**theirs, **Disk().info(path)} == theirs
    assert Disk().exists(path)


def test_a_folder_has_the_names_that_fsspec_lists(folder: Path) -> None:
    assert sorted(Disk().ls(str(folder), detail=False)) == sorted(FSSPEC.ls(str(folder)))


def test_a_link_is_what_it_leads_to_and_one_to_nowhere_is_listed(folder: Path) -> None:
    kinds = {
        info["name"].rpartition("/")[2]: info["type"]
        for info in Disk().ls(str(folder), detail=True)
    }

    assert kinds == {
        "a.txt": "file", ".hidden": "file", "sub": "directory", "link": "file", "nowhere": "other",
    }  # fmt: skip
    assert not Disk().exists(f"{folder}/nowhere")


def test_patterns_are_fsspecs(folder: Path) -> None:
    found = Disk().glob(f"{folder}/**/*.txt", detail=True)

    assert sorted(found) == [f"{folder}/{name}" for name in ("a.txt", "sub/b.txt", "sub/sub/c.txt")]


def test_ranges_that_cannot_be_read_come_as_errors(folder: Path) -> None:
    paths = [f"{folder}/a.txt", f"{folder}/gone", f"{folder}/sub"]
    whole, gone, is_folder = Disk().cat_ranges(paths, [1, 0, 0], [3, 1, 1])

    assert whole == b".t"
    assert isinstance(gone, FileNotFoundError)
    assert isinstance(is_folder, IsADirectoryError)


def test_removing_a_link_leaves_what_it_leads_to(folder: Path) -> None:
    (folder / "away").symlink_to(folder / "sub")
    for name in ("away", "nowhere", "a.txt"):
        Disk().rm(f"{folder}/{name}", recursive=True)

    assert (folder / "sub" / "b.txt").exists()
    Disk().rm(f"{folder}/sub", recursive=True)
    with pytest.raises(FileNotFoundError):
        Disk().rm(f"{folder}/sub", recursive=True)


def test_local_files_need_no_fsspec(tmp_path: Path) -> None:
    script = (
        "import sys; from img2dataset.storage.folder import Folder; "
        f"folder = Folder({str(tmp_path / 'out')!r}); folder.make(); folder.write('a', b'x'); "
        "assert folder.read('a') == b'x' and folder.names(); folder.empty(); "
        "sys.exit('fsspec' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
