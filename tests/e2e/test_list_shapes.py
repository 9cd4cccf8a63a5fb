"""Lists of other shapes -> datasets, by whole commands."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.e2e.commands import run
from tests.e2e.dataset import Dataset
from tests.site import Site

pytestmark = pytest.mark.slow


def make(tmp_path: Path, url_list: Path | str, *options: str) -> list[dict[str, Any]]:
    """Run a command; return the rows of the metadata."""
    out = tmp_path / "out"
    code, said = run([
        f"--url_list={url_list}", f"--output_folder={out}", "--output_format=webdataset",
        "--processes_count=1", "--image_size=32", *options,
    ])  # fmt: skip
    assert code == 0, said
    return Dataset(out).rows


def test_a_star_keeps_every_column_and_a_second_run_resumes(tmp_path: Path) -> None:
    with Site() as site:
        path = tmp_path / "list.parquet"
        table = pa.table({
            "url": [site.url("/image/1.jpg")], "width": [640], "key": ["k"], "tags": [["a", "b"]],
        })  # fmt: skip
        pq.write_table(table, path)
        options = ("--input_format=parquet", "--save_additional_columns=*", "--where=width >= 512")
        rows = make(tmp_path, path, *options)
        again = make(tmp_path, path, *options)

    assert rows == again
    assert rows[0]["status"] == "success"
    assert (rows[0]["list_width"], rows[0]["list_key"], rows[0]["tags"]) == (640, "k", ["a", "b"])
    assert (rows[0]["width"], rows[0]["key"]) == (32, "000000000")


def test_a_star_keeps_columns_with_the_names_that_rows_of_documents_get(tmp_path: Path) -> None:
    with Site() as site:
        urls = [site.url(f"/image/{number}.jpg") for number in range(2)]
        path = tmp_path / "list.jsonl"
        document = {"images": urls, "document_index": 70, "all_captions": "mine", "text": "t"}
        path.write_text(json.dumps(document) + "\n")
        options = (
            "--input_format=jsonl", "--url_col=images[*]", "--save_additional_columns=*",
            "--deduplicate=url", "--caption_col=text", "--duplicate_captions=all",
        )  # fmt: skip
        rows = make(tmp_path, path, *options)

    assert [(row["document_index"], row["url_position"]) for row in rows] == [(0, 0), (0, 1)]
    assert {row["list_document_index"] for row in rows} == {70}
    assert {row["list_all_captions"] for row in rows} == {"mine"}
    assert [row["all_captions"] for row in rows] == [["t"], ["t"]]


def test_a_headerless_table_by_a_config_file(tmp_path: Path) -> None:
    with Site() as site:
        path = tmp_path / "photos.csv"
        path.write_text(f'a "big" cat\t{site.url("/image/1.jpg")}\n')
        config = tmp_path / "shape.toml"
        config.write_text(
            'columns = ["caption", "url"]\ndelimiter = "tab"\nquoting = "none"\n'
            'input_format = "csv"\ncaption_col = "caption"\n'
        )
        rows = make(tmp_path, path, f"--config={config}")

    assert [row["caption"] for row in rows] == ['a "big" cat']


def test_documents_become_rows_of_which_some_match(tmp_path: Path) -> None:
    with Site() as site:
        documents = [
            {"page": f"p{number}", "images": [
                {"raw_url": site.url(f"/image/{4 * number + place}.jpg"), "sim": place / 4}
                for place in range(4)
            ]}
            for number in range(3)
        ]  # fmt: skip
        path = tmp_path / "docs.jsonl.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("docs.jsonl", "".join(f"{json.dumps(each)}\n" for each in documents))
        options = (
            "--input_format=jsonl", "--url_col=images[*].raw_url", "--where=images.sim >= 0.5",
            "--save_additional_columns=page", "--number_sample_per_shard=4",
        )  # fmt: skip
        rows = make(tmp_path, path, *options)
        again = make(tmp_path, path, *options)

    assert rows == again
    assert [(row["page"], row["document_index"], row["url_position"]) for row in rows] == [
        (f"p{number}", number, place) for number in range(3) for place in (2, 3)
    ]
    assert {row["status"] for row in rows} == {"success"}


def test_urls_are_made_and_a_condition_that_nothing_matches_is_said(tmp_path: Path) -> None:
    with Site() as site:
        path = tmp_path / "list.parquet"
        pq.write_table(pa.table({"id": [1, 2], "kind": ["jpg", "jpg"]}), path)
        template = f"--url_template={site.url('/image/')}{{id}}.{{kind}}"
        rows = make(tmp_path, path, "--input_format=parquet", template, "--where=id > 1")
        code, said = run([
            f"--url_list={path}", "--input_format=parquet", template, "--where=id > 7",
            f"--output_folder={tmp_path / 'none'}",
        ])  # fmt: skip

    assert [row["url"] for row in rows] == [site.url("/image/2.jpg")]
    assert code == 2
    assert said.strip().endswith("error: where is 'id > 7': no row of the list matches")


def test_a_shuffled_list_is_resumed_in_the_same_order(tmp_path: Path) -> None:
    with Site() as site:
        for host in ("localhost", "127.0.0.1"):
            urls = [site.url(f"/image/{n}.jpg").replace("127.0.0.1", host) for n in range(30)]
            pq.write_table(pa.table({"url": urls}), tmp_path / f"{host}.parquet", row_group_size=5)
        lists = tmp_path / "*.parquet"
        options = ("--input_format=parquet", "--number_sample_per_shard=7", "--shuffle=1")
        rows = make(tmp_path, lists, *options)
        for shard in (1, 2, 8):  # as if the run had been interrupted
            for path in (tmp_path / "out").glob(f"{shard:05}*"):
                path.unlink()
        again = make(tmp_path, lists, *options)
        other, said = run([
            f"--url_list={lists}", f"--output_folder={tmp_path / 'out'}", *options[:2],
            "--output_format=webdataset", "--image_size=32", "--shuffle=2",
        ])  # fmt: skip

    urls = [row["url"] for row in rows]
    assert len(set(urls)) == 60
    assert [(row["key"], row["url"]) for row in again] == [(row["key"], row["url"]) for row in rows]
    assert len({url.split("/")[2] for url in urls[:7]}) == 2
    assert (other, "shuffle (was 1, is 2)" in said) == (2, True)
