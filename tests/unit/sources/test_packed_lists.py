"""Lists that are compressed or in archives; folders whose names are columns."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fsspec
import pytest

from img2dataset.errors import OptionError, SourceError
from img2dataset.sources import open_source
from img2dataset.sources.compression import Compression, unpack_head
from tests.unit.sources.lists import compress, config, content, fields_in, shards_of, urls_in, write

RECORDS = [{"url": f"http://a/{number}.jpg", "n": number} for number in range(3)]
URLS = [record["url"] for record in RECORDS]
ENDINGS = ["gz", "zst", "bz2", "xz"]


def refusal(url_list: Any, input_format: str) -> str:
    with pytest.raises((OptionError, SourceError)) as caught:
        open_source(str(url_list), config(input_format))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("base", ["txt", "csv", "json", "jsonl"])
def test_a_compressed_list_is_read_with_and_without_its_ending_in_the_format(
    base: str, ending: str, tmp_path: Path
) -> None:
    path = write(tmp_path / f"list.{base}.{ending}", content(RECORDS, f"{base}.{ending}"))

    assert urls_in(path, config(base)) == URLS
    assert urls_in(path, config(f"{base}.{ending}")) == URLS
    assert urls_in(str(tmp_path), config(base)) == URLS


@pytest.mark.slow
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_large_one_is_read_whole_and_a_cut_one_is_named(ending: str, tmp_path: Path) -> None:
    # distinct enough that no head of 64 KiB holds all of it
    records = [{"url": f"http://a/{number**5}.jpg"} for number in range(60_000)]
    data = compress(content(records, "csv"), ending)
    whole = write(tmp_path / "whole", data)
    cut = write(tmp_path / "cut", data[: len(data) * 2 // 3])
    twice = write(tmp_path / "twice", compress(b"url\nhttp://a\n", ending) * 2)

    assert sum(shard.count for shard in shards_of(whole, config("csv"), 10_000)) == 60_000
    with pytest.raises((OptionError, SourceError), match=rf"{cut} is not a whole \w+ file"):
        shards_of(cut, config("csv"))
    assert urls_in(twice, config("csv")) == ["http://a", "url", "http://a"]


def test_compressed_parquet_and_a_plain_file_are_refused(tmp_path: Path) -> None:
    packed = write(tmp_path / "a.parquet", compress(content(RECORDS, "parquet"), "zst"))
    plain = write(tmp_path / "a.csv", content(RECORDS, "csv"))

    assert "is compressed by Zstandard: unpack it" in refusal(packed, "parquet")
    assert "is not a xz file, but input_format is 'csv.xz'" in refusal(plain, "csv.xz")
    assert "input_format must be 'csv.bz2'" in refusal(
        write(tmp_path / "a.csv.bz2", content(RECORDS, "csv.bz2")), "txt"
    )


def make_zip(path: Path, members: Mapping[str, bytes]) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return str(path)


def make_tar(path: Path, members: Mapping[str, bytes], mode: Any = "w") -> str:
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return str(path)


MEMBERS = {
    "data/b.csv": content(RECORDS[1:], "csv"),
    "data/a.csv": content(RECORDS[:1], "csv"),
    "__MACOSX/data/._a.csv": b"\0\0",
    "README.md": b"about",
}


@pytest.mark.parametrize("name", ["list.csv.zip", "list.tar", "list.tar.gz", "list.tar.xz"])
def test_the_lists_in_an_archive_are_read_in_the_order_of_their_names(
    name: str, tmp_path: Path
) -> None:
    if name.endswith("zip"):
        path = make_zip(tmp_path / name, MEMBERS)
    else:
        path = make_tar(tmp_path / name, MEMBERS, f"w:{name.partition('tar')[2].strip('.')}")

    source = open_source(path, config("csv"))

    assert urls_in(path, config("csv")) == URLS
    assert [file.url.partition("::")[0] for file in source.files] == [
        f"{name[-3:] if name.endswith('zip') else 'tar'}://data/{each}.csv" for each in "ab"
    ]
    assert len({file.fingerprint for file in source.files}) == 2


def test_the_only_file_of_an_archive_is_the_list_whatever_its_name(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"multimedia.txt": content(RECORDS, "tsv")})

    assert urls_in(path, config("tsv")) == URLS


def test_an_archive_without_a_list_says_what_it_has(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.md": b"", "b.md": b""})
    excel = make_zip(tmp_path / "a.xlsx", {"[Content_Types].xml": b"", "xl/b.xml": b""})

    assert "is a zip archive without *.csv files: it has a.md, b.md" in refusal(path, "csv")
    assert "is an Excel file" in refusal(excel, "csv")
    cut = write(tmp_path / "cut.zip", Path(path).read_bytes()[:60])
    assert str(cut) in refusal(cut, "csv")


@pytest.mark.parametrize("input_format", ["parquet", "csv", "jsonl", "json"])
def test_the_keys_of_partitioned_folders_are_columns(input_format: str, tmp_path: Path) -> None:
    for folder in ("year=2019/place=a%2Fb", "year=2020/place=__HIVE_DEFAULT_PARTITION__"):
        path = tmp_path / "list" / folder
        path.mkdir(parents=True)
        write(path / f"part-0.{input_format}", content(RECORDS[:1], input_format))
        write(path / "_SUCCESS", b"")
    wanted = config(input_format, caption_col="place", additional_columns=("n", "year"))
    rows = [
        {"n": 0, "year": 2019, "caption": "a/b", "url": URLS[0]},
        {"n": 0, "year": 2020, "caption": None, "url": URLS[0]},
    ]

    assert fields_in(str(tmp_path / "list"), wanted) == rows
    assert fields_in(str(tmp_path / f"list/**/*.{input_format}"), wanted) == rows
    assert open_source(str(tmp_path / "list"), wanted).all_names() == ["url", "n", "year", "place"]


@pytest.mark.parametrize("input_format", ["parquet", "csv", "jsonl"])
def test_a_column_of_the_file_comes_before_the_folder_and_types_are_those_of_the_list(
    input_format: str, tmp_path: Path
) -> None:
    for folder in ("n=x", "n=7"):
        (tmp_path / folder / "k=5").mkdir(parents=True)
        (tmp_path / folder / f"k={folder[2:]}").mkdir(parents=True, exist_ok=True)
        place = tmp_path / folder / f"k={folder[2:]}"
        write(place / f"a.{input_format}", content(RECORDS[:1], input_format))

    fields = fields_in(str(tmp_path), config(input_format, additional_columns=("n", "k")))

    assert [(each["n"], each["k"]) for each in fields] == [(0, "7"), (0, "x")]


def test_a_partitioned_folder_in_a_store_and_one_without_such_files(tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    store.pipe("/hive/y=1/a.csv", content(RECORDS, "csv"))
    try:
        found = fields_in("memory://hive", config("csv", additional_columns=("y",)))
        assert [each["y"] for each in found] == [1, 1, 1]
    finally:
        store.rm("/hive", recursive=True)
    (tmp_path / "y=1").mkdir()
    write(tmp_path / "y=1" / "a.csv", b"url\n")
    assert "no *.jsonl files in them" in refusal(tmp_path, "jsonl")


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz"])
def test_of_a_head_that_is_cut_all_is_read_that_is_there(ending: str) -> None:
    """So a file that is cut off is told when it is read, after the shards that can be made."""
    plain = b"".join(b"http://a.example/%d.jpg\n" % (n * 7919 % 1009) for n in range(1000))

    assert unpack_head(compress(plain, ending)[:-5], Compression(ending)) == plain
