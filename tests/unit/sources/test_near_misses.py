"""Lists that are nearly right -> refused before the run, in words that say what to mend."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from img2dataset.errors import OptionError
from img2dataset.sources import SourceConfig, open_source

BARE = ["example.com/a.jpg", "//cdn.example.org/b c.jpg?x=1", "host.example:8080/", "münchen.de/ä"]


def refusal(path: Path, input_format: str) -> str:
    with pytest.raises(OptionError) as caught:
        open_source(str(path), SourceConfig(input_format, "url"))
    return str(caught.value)


@pytest.mark.parametrize("input_format", ["txt", "txt.gz", "csv", "tsv", "jsonl"])
def test_urls_without_schemes_are_told_before_the_run(tmp_path: Path, input_format: str) -> None:
    lines = {
        "txt": BARE,
        "csv": ["url,n", *(f"{url},1" for url in BARE)],
        "tsv": ["url\tn", *(f"{url}\t1" for url in BARE)],
        "jsonl": [f'{{"url": "{url}"}}' for url in BARE],
    }[input_format.removesuffix(".gz")]
    data = "".join(f"{line}\n" for line in lines).encode()
    path = tmp_path / f"list.{input_format}"
    path.write_bytes(gzip.compress(data) if input_format.endswith(".gz") else data)

    said = refusal(path, input_format)

    assert "no scheme ('example.com/a.jpg')" in said
    assert "write https://example.com/a.jpg" in said


@pytest.mark.parametrize(
    "lines",
    [
        [*BARE, "http://example.com/a.jpg"],
        ["ftp://example.com/a.jpg"],
        ["mailto:me@example.com"],
        ["a.jpg", "b.jpg"],
        ["images/a.b/c.jpg"],
        ["127.0.0.1/a.jpg"],
    ],
)
def test_rows_are_left_to_the_run_if_not_all_are_bare_hosts(
    tmp_path: Path, lines: list[str]
) -> None:
    path = tmp_path / "list.txt"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    assert open_source(str(path), SourceConfig("txt", "url")).files


@pytest.mark.parametrize(
    ("input_format", "separator", "words"),
    [
        ("csv", "\t", "separated by tabs: delimiter=tab or input_format=tsv reads it"),
        ("tsv", ",", "separated by commas: delimiter=comma or input_format=csv reads it"),
        ("csv", ";", "separated by semicolons: delimiter=semicolon reads it"),
        ("tsv", ";", "separated by semicolons: delimiter=semicolon reads it"),
        ("csv", "|", "separated by pipes: delimiter=pipe reads it"),
        ("tsv", "|", "separated by pipes: delimiter=pipe reads it"),
        ("tsv.gz", ",", "separated by commas: delimiter=comma or input_format=csv.gz reads it"),
    ],
)
def test_the_separator_that_a_header_has_is_named(
    tmp_path: Path, input_format: str, separator: str, words: str
) -> None:
    rows = [["id", '"url"', "caption"], ["1", "http://example.com/a.jpg", "a"]]
    data = "\n".join(map(separator.join, rows)).encode()
    path = tmp_path / f"list.{input_format}"
    path.write_bytes(gzip.compress(data) if input_format.endswith(".gz") else data)

    said = refusal(path, input_format)

    assert words in said
    assert said.endswith("its columns are then 'id', 'url', 'caption'")


def test_one_column_of_another_name_has_no_other_separator(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("link\nhttp://example.com/a.jpg\n")

    assert "separated by" not in refusal(path, "csv")


def test_a_folder_of_files_with_another_ending_shows_both_ways_out(tmp_path: Path) -> None:
    (tmp_path / "multimedia.txt").write_text("url\tn\nhttp://a.example/1\t1\n", encoding="utf-8")

    said = refusal(tmp_path, "tsv")

    assert "input_format=txt reads its *.txt" in said
    assert f"if those are tsv, use url_list='{tmp_path}/*.txt'" in said
