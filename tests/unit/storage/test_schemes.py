"""What is said of a scheme that cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from img2dataset.storage.file_systems import open_url
from img2dataset.storage.schemes import missing_library, single_slash, unknown_scheme, with_home

KNOWN = ("file", "s3", "simplecache", "gs")


@pytest.mark.parametrize("url", ["s3:/bucket/out", "S3:/bucket/out"])
def test_one_slash_too_few_is_said_with_what_to_write(url: str) -> None:
    with pytest.raises(ValueError, match="write s3://bucket/out"):
        open_url(url)


@pytest.mark.parametrize("url", ["s3://b/o", "C:/data", "file:/data", "a:b", "/data/s3:/b"])
def test_other_colons_are_let_be(url: str) -> None:
    assert single_slash(url) is None


@pytest.mark.parametrize(
    ("url", "near"),
    [("S3://b/o", "s3://"), ("s4://b/o", "s3://"), ("htp://a/b", "http://"), ("gss://b", "gs://")],
)
def test_an_unknown_scheme_names_its_neighbour(url: str, near: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean {near}"):
        open_url(url)


@pytest.mark.parametrize("url", ["s3://b", "file:///a", "simplecache::s3://b", "/a", "a b://c"])
def test_known_schemes_are_let_be(url: str) -> None:
    assert unknown_scheme(url, KNOWN) is None


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("abfs://c/a", "pip install adlfs"),
        ("https://a/b", "pip install aiohttp requests"),
        ("hdfs://a/b", "JAVA_HOME"),
        ("dropbox://a", "pip install dropboxfs"),
    ],
)
def test_a_missing_library_is_said_with_how_to_install_it(url: str, what: str) -> None:
    assert what in missing_library(url, "dropboxfs")


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    assert open_url("~/lists/a.txt")[1] == f"{tmp_path}/home/lists/a.txt"

    (tmp_path / "~").mkdir()
    assert with_home("~/lists/a.txt") == "~/lists/a.txt"
