"""A folder of images as a list: which files are rows, in which order, and what is beside them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import fsspec
import pytest

from img2dataset.errors import OptionError
from img2dataset.sources import open_source
from tests.unit.sources.lists import config, fields_in, problems_in, rows_in, urls_in


def make(folder: Path, *names: str, **texts: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    for name, text in texts.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def paths_in(folder: Any, **changes: Any) -> list[Any]:
    reading = config("folder", additional_columns=("path",), **changes)
    return [fields["path"] for fields in fields_in(folder, reading)]


def test_files_come_before_folders_and_both_by_name(tmp_path: Path) -> None:
    make(tmp_path, "b/z.jpg", "b/a/c.png", "a/2.jpg", "a/10.jpg", "z.webp", "A.JPG", "B.jpeg")

    assert paths_in(tmp_path) == [
        "A.JPG", "B.jpeg", "z.webp", "a/10.jpg", "a/2.jpg", "b/z.jpg", "b/a/c.png"
    ]  # fmt: skip


def test_hidden_names_and_other_endings_are_left_out_and_counted(tmp_path: Path) -> None:
    make(
        tmp_path,
        "_DSC1.jpg",
        ".a.jpg",
        ".git/b.jpg",
        "c.mp4",
        "d.mp4",
        "README",
        "e.txt",
        "_DSC1.txt",
    )
    source = open_source(tmp_path, config("folder"))

    assert urls_in(tmp_path, config("folder")) == [f"file://{tmp_path}/_DSC1.jpg"]
    (notice,) = source.notices
    assert "4 files are left out" in notice
    assert ".mp4: 2" in notice


def test_texts_beside_images_are_columns_named_by_their_endings(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "b.x.png", "c.jpg", a__txt="\ufeffOne cat.\n", a__json='{"n": 1}')
    (tmp_path / "b.x.txt").write_bytes("Größe".encode("latin-1"))
    reading = config("folder", caption_col="txt", additional_columns=("json", "path"))

    rows = rows_in(tmp_path, reading)

    assert [dict(row.fields) for row in rows] == [
        {"json": '{"n": 1}', "path": "a.jpg", "caption": "One cat.", "url": f"file://{tmp_path}/a.jpg"},
        {"json": None, "path": "b.x.png", "caption": "Gr\ufffd\ufffde", "url": f"file://{tmp_path}/b.x.png"},
        {"json": None, "path": "c.jpg", "caption": None, "url": f"file://{tmp_path}/c.jpg"},
    ]  # fmt: skip
    source = open_source(tmp_path, reading)
    assert source.all_names() == ["url", "path", "json", "txt"]
    list(source.shards(10))
    assert "b.x.txt" in source.findings()[0]


def test_texts_are_read_from_stores_too() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe({"/p/a.jpg": b"", "/p/s/b.jpg": b"", "/p/s/b.txt": b"text", "/p/s/.c.jpg": b""})
    try:
        fields = fields_in("memory://p", config("folder", caption_col="txt"))
        assert [each["caption"] for each in fields] == [None, "text"]
    finally:
        memory.rm("/p", recursive=True)


@pytest.mark.parametrize("column", ["caption", "tx"])
def test_a_column_that_no_file_has_is_named_with_those_there_are(
    tmp_path: Path, column: str
) -> None:
    make(tmp_path, "a.jpg", "a.txt")

    with pytest.raises(OptionError, match=r"columns are 'url', 'path', 'txt'"):
        open_source(tmp_path, config("folder", caption_col=column))


def test_conditions_duplicates_and_the_order_work_as_for_other_lists(tmp_path: Path) -> None:
    make(tmp_path, *(f"{n}.jpg" for n in range(9)), **{f"{n}__txt": str(n % 2) for n in range(9)})

    assert paths_in(tmp_path, where="txt = '1'") == ["1.jpg", "3.jpg", "5.jpg", "7.jpg"]
    shuffled = paths_in(tmp_path, shuffle=3)
    assert shuffled != sorted(shuffled)
    assert sorted(shuffled) == [f"{n}.jpg" for n in range(9)]


def test_a_text_that_cannot_be_read_is_a_failed_row(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "b.jpg", "c.jpg", c__txt="x" * 1_000_001)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "a.txt")
    (tmp_path / "b.txt").mkdir()

    problems = problems_in(tmp_path, config("folder", caption_col="txt"))

    assert problems == ["a.txt: not a regular file", None, "c.txt: too long"]


@pytest.mark.skipif(sys.platform != "linux", reason="links, and names of any bytes")
def test_links_are_followed_but_not_in_circles_and_names_may_be_any_bytes(tmp_path: Path) -> None:
    make(tmp_path / "photos", "a.jpg", "s/b.jpg")
    make(tmp_path / "other", "c.jpg")
    (tmp_path / "photos" / "s" / "up").symlink_to("..")
    (tmp_path / "photos" / "more").symlink_to("../other")
    (tmp_path / "photos" / "link.jpg").symlink_to("a.jpg")
    (tmp_path / "photos" / os.fsdecode(b"\xff%20.jpg")).touch()

    urls = urls_in(tmp_path / "photos", config("folder"))

    base = f"file://{tmp_path}/photos"
    assert urls == [
        f"{base}/a.jpg", f"{base}/link.jpg", f"{base}/%FF%2520.jpg", f"{base}/more/c.jpg",
        f"{base}/s/b.jpg",
    ]  # fmt: skip


def test_the_fingerprint_is_that_of_the_names(tmp_path: Path) -> None:
    def fingerprint() -> str:
        return open_source(tmp_path, config("folder")).files[0].fingerprint

    make(tmp_path, "a.jpg", "s/b.jpg")
    before = fingerprint()
    (tmp_path / "a.jpg").write_bytes(b"other")
    make(tmp_path, "a.txt")
    assert fingerprint() == before
    make(tmp_path, "c.jpg")
    assert fingerprint() != before


def test_a_folder_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "b.jpg")
    source = open_source(tmp_path, config("folder"))
    assert list(source.shards(10))
    assert source.findings() == ()

    make(tmp_path, "c.jpg")
    list(source.shards(10))

    assert "has changed while it was read" in source.findings()[0]


@pytest.mark.parametrize(
    ("url_list", "changes", "message"),
    [
        ("file.txt", {}, "is no folder"),
        ("nothing", {}, "is no folder"),
        ("https://example.org/photos/", {}, "no folder of images"),
        ("zip://a::file.zip", {}, "no folder of images"),
        ("simplecache::s3://b/k", {}, "no folder of images"),
        (".", {"url_col": "path"}, "column url"),
        ("empty", {}, r"no image in the folder .*\.txt: 1"),
    ],
)
def test_what_is_no_folder_of_images_is_refused(
    url_list: str, changes: dict[str, Any], message: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(make(tmp_path, "a.jpg", "file.txt", "empty/a.txt"))

    with pytest.raises(OptionError, match=message):
        open_source(url_list, config("folder", **changes))


def test_a_folder_that_is_read_as_another_format_names_this_one(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="input_format=folder makes a dataset of them"):
        open_source(make(tmp_path, "a.jpg"), config("txt"))
