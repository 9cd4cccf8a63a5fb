"""Files beside a list that are no part of it."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from img2dataset.errors import OptionError
from img2dataset.sources import open_source
from img2dataset.sources.hidden_files import is_hidden_match
from tests.unit.sources.lists import config, content, write

JUNK = (
    "._part-0.parquet", ".part-0.parquet.crc", "part-0.parquet.crc", "_SUCCESS", "_committed_123",
    "_started_123", "_metadata", "_common_metadata", ".DS_Store", "_metadata.parquet",
    "_temporary/0/part-7.parquet", ".ipynb_checkpoints/part-0-checkpoint.parquet",
    "_delta_log/00000.json", "year=2020/._part-2.parquet", "year=2020/_SUCCESS",
)  # fmt: skip
ROWS = [{"url": "http://a"}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("part-0.parquet", "part-1.parquet", "year=2020/part-2.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, content(ROWS, "parquet"))
    for name in JUNK:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name, b"no list")
    return tmp_path


def names(location: str) -> list[str]:
    files = open_source(location, config("parquet")).files
    return [file.url.rpartition("/")[2] for file in files]


TOP = ["part-0.parquet", "part-1.parquet"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", TOP), ("/*", TOP), ("/*.parquet", TOP), ("/part-*", TOP), ("/*/*", ["part-2.parquet"]),
        ("/**", [*TOP, "part-2.parquet"]), ("/**/*.parquet", [*TOP, "part-2.parquet"]),
    ],
)  # fmt: skip
def test_folders_and_patterns_do_not_take_hidden_files(
    folder: Path, pattern: str, found: list[str]
) -> None:
    assert names(f"{folder}{pattern}") == found


def test_so_it_is_in_stores_elsewhere(folder: Path) -> None:
    store = fsspec.filesystem("memory")
    store.put(str(folder), "memory://hidden", recursive=True)

    assert names("memory://hidden/*") == TOP
    assert names("memory://hidden/**/*.parquet") == [*TOP, "part-2.parquet"]
    assert names("memory://hidden") == TOP


@pytest.mark.parametrize("name", ["_a.parquet", ".a.parquet", "_x/b.parquet", ".x/_b.parquet"])
def test_who_names_a_hidden_file_or_its_mark_gets_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    write(path, content(ROWS, "parquet"))

    assert names(str(path)) == [path.name]
    assert names(f"{path.parent}/{path.name[:1]}*.parquet") == [path.name]


def test_a_folder_may_lie_anywhere(tmp_path: Path) -> None:
    (tmp_path / ".cache" / "_hub").mkdir(parents=True)
    write(tmp_path / ".cache" / "_hub" / "a.parquet", content(ROWS, "parquet"))

    assert names(f"{tmp_path}/.cache/_hub/*") == ["a.parquet"]
    assert names(f"{tmp_path}/.cache/_hub") == ["a.parquet"]


@pytest.mark.parametrize("pattern", ["", "/*", "/*.parquet"])
def test_a_hidden_file_that_may_be_meant_is_told(tmp_path: Path, pattern: str) -> None:
    for name in ("_urls.parquet", "a.parquet", "._a.parquet", "_SUCCESS"):
        write(tmp_path / name, content(ROWS, "parquet"))

    (notice,) = open_source(f"{tmp_path}{pattern}", config("parquet")).notices

    assert "_urls.parquet" in notice
    assert "._a" not in notice
    assert "_SUCCESS" not in notice


@pytest.mark.parametrize("pattern", ["", "/*"])
def test_where_all_files_are_hidden_it_is_said(tmp_path: Path, pattern: str) -> None:
    write(tmp_path / "_urls.parquet", content(ROWS, "parquet"))

    with pytest.raises(OptionError, match=r"hidden files only .*_urls\.parquet"):
        names(f"{tmp_path}{pattern}")


def test_a_checksum_file_that_is_named_is_told_what_it_is(folder: Path) -> None:
    with pytest.raises(OptionError, match="is a checksum file"):
        names(f"{folder}/.part-0.parquet.crc")


def test_a_folder_of_folders_shows_the_pattern(folder: Path) -> None:
    (folder / "above").mkdir()
    (folder / "year=2020").rename(folder / "above" / "2020")

    with pytest.raises(
        OptionError, match=r"in folders inside it: use url_list='.*/above/\*\*/\*\.parquet'"
    ):
        names(f"{folder}/above")


@pytest.mark.parametrize(
    ("path", "pattern", "hidden"),
    [
        ("a/_b/c", "a/*/c", True),
        ("a/_b/c", "a/_b/*", False),
        ("a/_b/c", "a/_*/c", False),
        ("a/_b/.c", "a/_*/*", True),
        ("a/b/_c/d", "a/**/d", True),
        ("a/b/_c/d", "a/**/_c/d", False),
        ("a/b.crc", "a/*", True),
        ("a/b.crc", "a/*.crc", False),
        ("a/_b", "a/[_.]*", True),
        ("_a/b", "_a/*", False),
    ],
)
def test_what_a_pattern_asks_for(path: str, pattern: str, *, hidden: bool) -> None:
    assert is_hidden_match(path, pattern) is hidden
