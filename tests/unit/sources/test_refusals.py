"""Lists that are no lists: refused before any work, by a line that names the thing."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset.errors import OptionError
from img2dataset.sources import open_source
from tests.unit.sources.lists import config, problems_in, write

URL = "http://a.example/1.jpg"


def refusal(url_list: Any, input_format: str, url_col: str = "url", **more: Any) -> str:
    with pytest.raises(OptionError) as caught:
        open_source(url_list, config(input_format, url_col, **more))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("input_format", ["parquet", "csv", "jsonl", "json", "txt"])
@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b"\xff\xd8\xff\xe0\x00", "a JPEG image"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "a WebP image"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML"),
        (b"ARROW1\x00\x00", "Arrow"),
    ],
)
def test_a_file_of_another_kind_is_named(
    head: bytes, said: str, input_format: str, tmp_path: Path
) -> None:
    text = refusal(write(tmp_path / "list", head), input_format)

    assert text.startswith(str(tmp_path / "list"))
    assert said in text


@pytest.mark.parametrize(
    ("input_format", "text", "said"),
    [
        ("json", {"info": {}, "annotations": [{"url": URL}]}, "url_col=annotations[*].url "),
        ("json", {"info": {}, "images": [{"coco_url": URL}]}, "url_col=images[*].KEY "),
        ("json", {"columns": ["url"], "index": [0], "data": [[URL]]}, "orient='split'"),
        ("json", {"0": {"url": URL}, "1": {"url": URL}}, "orient='index'"),
        ("json", [URL, URL], "input_format=txt"),
        ("json", [[URL], [URL]], "array of arrays"),
        ("jsonl", [{"url": URL}], "use input_format=json"),
        ("jsonl", {"url": [URL, URL]}, "lists or objects, not URLs"),
        ("jsonl", {"url": {"raw": URL}}, "lists or objects, not URLs"),
    ],
)
def test_json_of_another_shape_is_explained(
    input_format: str, text: Any, said: str, tmp_path: Path
) -> None:
    path = write(tmp_path / f"a.{input_format}", json.dumps(text))

    assert said in refusal(path, input_format)


@pytest.mark.parametrize(
    ("names", "input_format", "said"),
    [
        (["x/y/a.parquet"], "parquet", "/**/*.parquet'"),
        (["part-0000.json", "_SUCCESS"], "jsonl", "/*.json'"),
        (["part-0000", "part-0001"], "csv", "/*'"),
        (["a.csv"], "parquet", "input_format=csv reads"),
    ],
)
def test_a_folder_is_told_the_pattern(
    names: list[str], input_format: str, said: str, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name, URL)

    assert said in refusal(str(tmp_path), input_format)


def test_a_column_of_lists_is_no_column_of_urls(tmp_path: Path) -> None:
    pq.write_table(pa.table({"images": [[URL, URL]]}), tmp_path / "a.parquet")

    assert "lists or objects, not URLs" in refusal(tmp_path / "a.parquet", "parquet", "images")


@pytest.mark.parametrize("input_format", ["csv", "tsv", "jsonl", "parquet"])
def test_the_column_that_holds_the_urls_is_named(input_format: str, tmp_path: Path) -> None:
    rows = [{"caption": f"{URL}?{number}", "url": f"a cat {number}"} for number in range(9)]
    path = tmp_path / f"a.{input_format}"
    if input_format == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif input_format == "jsonl":
        write(path, "".join(f"{json.dumps(row)}\n" for row in rows))
    else:
        by = "," if input_format == "csv" else "\t"
        write(path, "\n".join([f"caption{by}url", *(by.join(row.values()) for row in rows), ""]))

    text = refusal(path, input_format)

    assert "none of its first 9 values is a URL" in text
    assert "use url_col=caption" in text


@pytest.mark.parametrize("first", [f"{URL}\ta cat", f"a cat\t{URL}", f"{URL} a cat"])
def test_urls_with_captions_are_never_a_list_of_urls(first: str, tmp_path: Path) -> None:
    path = write(tmp_path / "list", f"{first}\n" * 5)

    text = refusal(path, "txt")

    assert "tsv" in text
    assert "names" in text


def test_a_row_of_columns_instead_of_their_names_is_not_sent_to_txt(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", f"a cat\t{URL}\n" * 3)

    text = refusal(path, "tsv")

    assert "--columns=caption,url" in text
    assert "txt" not in text


def test_a_line_with_a_tab_among_urls_is_never_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", f"{URL}\n{URL}\n{URL}\ta cat\n{URL}\n")

    assert [problem is not None for problem in problems_in(path, config())] == [
        False, False, True, False,
    ]  # fmt: skip


def test_a_column_without_hashes_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"url": [URL], "hash": [-123456789]}), tmp_path / "a.parquet")
    text = refusal(tmp_path / "a.parquet", "parquet", verify_hash=("hash", "md5"))
    assert "none of the first 1 values of 'hash' is an md5 hash" in text

    sha = base64.b64encode(hashlib.sha256(b"").digest()).decode()
    path = write(tmp_path / "a.csv", f"url,h\n{URL},{sha}\n")
    assert "looks like sha256" in refusal(path, "csv", verify_hash=("h", "md5"))
