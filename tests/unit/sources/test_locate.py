"""url_list -> files."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from img2dataset.errors import MissingExtraError, OptionError
from img2dataset.sources import open_source
from img2dataset.storage.local_fs import Disk
from tests.unit.sources.lists import config, urls_in, write


def names(url_list: object, input_format: str = "txt") -> list[str]:
    return [
        file.url.rpartition("/")[2] for file in open_source(url_list, config(input_format)).files
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.txt", "a.txt", "10.txt", ".hidden.txt", "c.csv", "sub/d.txt", "sub/sub/e.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name, f"http://{name}\n")
    (tmp_path / "folder.txt").mkdir()
    return tmp_path


def test_a_folder_is_its_files_of_the_format_sorted_by_name(folder: Path) -> None:
    assert names(str(folder)) == ["10.txt", "a.txt", "b.txt"]
    assert names(f"{folder}/") == ["10.txt", "a.txt", "b.txt"]


def test_a_path_object_is_as_good_as_text(folder: Path) -> None:
    assert names(folder / "a.txt") == ["a.txt"]
    assert names([folder / "b.txt", str(folder / "a.txt")]) == ["b.txt", "a.txt"]


def test_patterns_match_files(folder: Path) -> None:
    assert names(f"{folder}/[ab].txt") == ["a.txt", "b.txt"]
    assert names(f"{folder}/**/[de].txt") == ["d.txt", "e.txt"]


def test_a_name_that_looks_like_a_pattern_is_taken_literally_if_it_exists(tmp_path: Path) -> None:
    write(tmp_path / "a[1].txt", "http://a\n")
    write(tmp_path / "a1.txt", "http://a\n")

    assert names(str(tmp_path / "a[1].txt")) == ["a[1].txt"]


def test_commas_separate_locations_unless_they_are_in_a_name(folder: Path) -> None:
    assert names(f"{folder}/b.txt, {folder}/a.txt") == ["b.txt", "a.txt"]
    write(folder / "x,y.txt", "http://a\n")
    assert names(f"{folder}/x,y.txt") == ["x,y.txt"]
    with pytest.raises(OptionError, match=r"nope.txt' does not exist"):
        names(f"{folder}/a.txt,nope.txt")


def test_files_have_paths_that_do_not_depend_on_the_current_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)

    for relative in ("a.txt", "sub", "sub/*.txt"):
        for file in open_source(relative, config()).files:
            assert Path(file.url).is_absolute()
            assert Path(file.url).is_file()


def test_a_folder_without_such_files_is_refused_with_what_it_has(folder: Path) -> None:
    with pytest.raises(OptionError, match=r"without \*\.jsonl files .*it has .*a.txt"):
        names(str(folder), "jsonl")


def test_fingerprints_tell_contents_apart(tmp_path: Path) -> None:
    long = b"http://example.com/\n" * 20_000
    contents = [b"http://a\n", b"http://b\n", long, b"X" + long[1:], long[:-2] + b"X\n"]
    paths = [write(tmp_path / f"{number}.txt", data) for number, data in enumerate(contents)]

    files = open_source(paths, config()).files

    assert len({file.fingerprint for file in files}) == len(contents)
    assert {len(file.fingerprint) for file in files} == {64}
    assert [file.size for file in files] == [len(data) for data in contents]
    assert files == open_source(paths, config()).files


def test_a_missing_library_says_what_to_install() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'img2dataset\[gcs\]'"):
        open_source("gs://bucket/list.txt", config())


def test_an_unknown_file_system_is_refused() -> None:
    with pytest.raises(OptionError, match="foo:// is no known scheme; those of most lists are s3"):
        open_source("foo://bucket/list.txt", config())


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.txt", "http://a\n")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(Disk, "open", refuse)  # root may read everything

    with pytest.raises(OptionError, match="permission denied"):
        open_source(path, config())


@pytest.mark.parametrize(
    ("input_format", "data", "message"),
    [
        ("csv.gz", b"url\nhttp://a\n", "is not a gzip file"),
        ("txt", "http://a\n".encode("utf-16"), "UTF-16"),
        ("txt", b"PAR1...", "is a Parquet file"),
        ("parquet", b"PAR1, and then cut off", "is cut off"),
        ("parquet", b"PAR1 nonsense PAR1", "Parquet"),
    ],
)
def test_a_file_that_looks_wrong_is_refused(
    input_format: str, data: bytes, message: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "list", data)

    with pytest.raises(OptionError, match=message) as caught:
        open_source(path, config(input_format))

    assert path in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url_list", [None, 7, b"list.txt", [], [7], "", " "])
def test_what_is_no_list_is_refused(url_list: object) -> None:
    with pytest.raises(OptionError, match="url_list"):
        open_source(url_list, config())


def test_lists_of_several_file_systems_can_be_mixed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "http://a\n")
    memory = fsspec.filesystem("memory")
    memory.pipe("/mixed.txt", b"http://b\n")
    try:
        assert urls_in([path, "memory://mixed.txt"], config()) == ["http://a", "http://b"]
    finally:
        memory.rm("/mixed.txt")
