"""Files that are read as txt and look like something else."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from img2dataset.errors import OptionError
from img2dataset.sources import open_source
from img2dataset.sources.compression import Compression
from img2dataset.sources.format_check import check_format
from tests.unit.sources.lists import config, urls_in, write

URLS = b"http://a.example/1.jpg\nhttps://a.example/2,3.jpg\n"
COMMAS = b"http://a.example/w_1,h_2/1.jpg\nhttp://a.example/w_1,h_2/2.jpg\n"
PAIRS = b"http://a.example/1.jpg,a cat\nhttp://a.example/2.jpg,a dog\n"


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("urls.txt", URLS),
        ("urls.txt", b"\xef\xbb\xbf" + URLS),
        ("urls.txt", b"\n \n" + URLS),
        ("urls.txt", COMMAS),
        ("urls", URLS),
        ("links.csv", URLS),  # one URL a line: the name does not matter
        ("links.csv", b"url\n" + URLS),
        ("links.tsv", COMMAS),
        ("links.csv", b"\n\n"),
        ("urls.txt", b"ftp://a.example/1.jpg\nfile:///etc/passwd\n"),  # each fails with its reason
        ("urls.txt", b"nonsense\n" + URLS),
        ("urls.txt", URLS + b"not a URL, but one of two lines\n"),
        ("http://127.0.0.1/list.txt?format=csv", URLS),
    ],
)
def test_a_list_of_urls_is_not_doubted(name: str, head: bytes) -> None:
    assert check_format(name, head) is None


@pytest.mark.parametrize(
    ("name", "head", "looks_like", "certain"),
    [
        ("pairs.csv", b"url,caption\n" + PAIRS, "csv", True),
        ("PAIRS.CSV", b"url,caption\r\n" + PAIRS, "csv", True),
        ("pairs.csv", b"id,url\n1,http://a.example/1.jpg\n", "csv", True),
        ("pairs.tsv", b"url\tcaption\nhttp://a.example/1.jpg\ta cat\n", "tsv", True),
        ("pairs.txt", b"id,url\n1,http://a.example/1.jpg\n", "csv", True),
        ("pairs.txt", b"id\turl, or so\n1\thttp://a.example/1.jpg\n", "tsv", True),
        ("pairs.json", b'[\n{"url": "http://a.example/1.jpg"}\n]\n', "json", True),
        ("pairs.txt", b'[{"url": "http://a.example/1.jpg"}]', "json", True),
        ("pairs.txt", b'{"url": "http://a.example/1.jpg"}\n', "jsonl", True),
        ("http://127.0.0.1/pairs.jsonl?v=2", b'{"url": "http://a.example/1.jpg"}\n', "jsonl", True),
        ("pairs.parquet", b"PA", "parquet", True),
        ("links.csv", b"url\n", "csv", True),
        # it could be meant: to be said, not refused
        ("pairs.txt", b"url,caption\n" + PAIRS, "csv", False),
        ("pairs.csv", PAIRS, "csv", False),
        ("links.csv", b"url\n" + URLS + b"nonsense\n", "csv", False),
    ],
)
def test_what_looks_like_a_table_is_doubted(
    name: str, head: bytes, looks_like: str, *, certain: bool
) -> None:
    doubt = check_format(name, head)

    assert doubt is not None
    assert (doubt.input_format, doubt.certain) == (looks_like, certain)
    assert f"use input_format={looks_like}" in doubt.about(name)
    assert "\n" not in doubt.about(name)


def test_a_line_that_the_sample_cuts_off_is_not_looked_at() -> None:
    assert check_format("links.csv", URLS + b"ht") is None


def test_the_format_of_a_compressed_file_has_its_ending() -> None:
    table = b"id,url\n1,http://a.example/1.jpg\n"

    doubt = check_format("pairs.csv.gz", table, compression=Compression.GZIP)

    assert doubt is not None
    assert doubt.input_format == "csv.gz"
    assert check_format("urls.txt.xz", URLS, compression=Compression.XZ) is None


def test_a_table_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(URLS)
    (tmp_path / "b.csv").write_bytes(b"url,caption\n" + PAIRS)

    with pytest.raises(OptionError, match=r"b\.csv: .*url,caption.* use input_format=csv$"):
        open_source(f"{tmp_path}/a.txt,{tmp_path}/b.csv", config("txt"))


def test_a_doubt_is_said_and_the_list_is_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_bytes(PAIRS)

    source = open_source(tmp_path / "pairs.csv", config("txt"))

    assert [text.partition(":")[0] for text in source.notices] == [str(tmp_path / "pairs.csv")]
    assert urls_in(str(tmp_path / "pairs.csv"), config("txt")) == PAIRS.decode().splitlines()


def test_other_formats_are_not_doubted(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_bytes(b"url,caption\n" + PAIRS)

    assert open_source(tmp_path / "pairs.csv", config("csv")).notices == ()


def test_a_gzipped_table_is_told_its_own_format(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv.gz").write_bytes(gzip.compress(b"url,caption\n" + PAIRS))

    with pytest.raises(OptionError, match=r"input_format must be 'csv\.gz', not 'txt'"):
        open_source(tmp_path / "pairs.csv.gz", config("txt"))


def test_objects_and_allowed_paths_with_commas_are_no_table(tmp_path: Path) -> None:
    objects = write(tmp_path / "objects.txt", "s3://bucket/a,1.jpg\ns3://bucket/b,2.jpg\n")
    paths = write(tmp_path / "paths.txt", "/data/a,1.jpg\n/data/b,2.jpg\n")
    table = write(tmp_path / "paths.csv", "url,n\n/data/a.jpg,1\n/data/b.jpg,2\n")

    assert open_source(objects, config()).notices == ()
    assert open_source(paths, config(url_schemes=("file",))).notices == ()
    assert open_source(table, config("csv", url_schemes=("file",))).notices == ()
    with pytest.raises(OptionError, match="input_format=csv"):
        open_source(paths, config())


def test_urls_given_in_python_are_images_if_their_scheme_is_allowed_and_their_ending_says_so() -> (
    None
):
    urls = ["s3://bucket/a.jpg", "s3://bucket/b.png"]

    assert open_source(urls, config(url_schemes=("s3",))).rows_total() == 2
    assert open_source(urls[0], config(url_schemes=("s3",))).rows_total() == 1
