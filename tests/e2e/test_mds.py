"""output_format=mds: what a run, a retry and an extension leave is read by the format's own rules."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset import (
    OptionError,
    Progress,
    Report,
    Reporter,
    ShardResult,
    download,
    verify,
)
from tests.e2e.dataset import Dataset
from tests.e2e.mds_dataset import read_dataset
from tests.site import Site

CAPTIONS = ["plain", None, 'zwölf\u2028"日本"\n', "d", "e", "f", "g"]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


def make_list(site: Site, path: Path) -> Path:
    """Three shards of three rows: with a flaky URL, with nothing but failures, with one row."""
    urls = [
        site.url("/exif/1.jpg"), site.url("/flaky", fail=1, how="503", token=uuid.uuid4().hex), site.url("/exif/2.jpg"),
        *[site.url("/status/404")] * 3,
        site.url("/exif/3.jpg"),
    ]  # fmt: skip
    table = pa.table(
        {
            "url": urls,
            "caption": CAPTIONS,
            "n": pa.array([1, None, 3, 4, 5, 6, 7], pa.int32()),
            "score": [0.5, 1.0, None, 0.0, 0.0, 0.0, 2.5],
            "nested": [{"a": [1, None]}, None, {"a": []}, None, None, None, {"a": [2]}],
            "label": [f"l{number}" for number in range(7)],
            "ratio": [number / 2 for number in range(7)],
        }
    )
    required = {"label", "ratio"}
    fields = [field.with_nullable(field.name not in required) for field in table.schema]
    pq.write_table(table.cast(pa.schema(fields)), path)
    return path


def run(listed: Path, out: Path, **changes: Any) -> Report:
    options: dict[str, Any] = {
        "input_format": "parquet", "caption_col": "caption", "image_size": 24,
        "number_sample_per_shard": 3, "save_additional_columns": ["n", "score", "nested"],
        "output_format": "mds", "reporters": (), **changes,
    }  # fmt: skip
    return download(str(listed), output_folder=str(out), **options)


def check_samples(out: Path, samples: list[dict[str, Any]]) -> None:
    """Each sample has the values of its row in the metadata tables."""
    rows = {row["key"]: row for row in Dataset(out).rows if row["status"] == "success"}
    assert len(samples) == len(rows)
    for sample in samples:
        row = rows.pop(sample["key"])
        assert sample.pop("jpg").startswith(b"\xff\xd8")
        row["caption"] = row["caption"] or ""
        row["error_message"] = ""
        assert sample == row


@pytest.mark.slow
def test_a_run_a_retry_and_an_extension_are_read_as_one_dataset(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out"
    listed = make_list(site, tmp_path / "list.parquet")
    run(listed, out)
    first = read_dataset(out)
    assert {sample["key"] for sample in first} == {"000000", "000002", "000020"}
    check_samples(out, first)
    assert json.loads((out / "00001/index.json").read_bytes())["shards"] == []

    assert run(listed, out, incremental_mode="retry").recovered == 1
    check_samples(out, read_dataset(out))
    assert sorted(path.name for path in (out / "00000").iterdir()) == [
        "index.json", "shard.00000.mds", "shard.00001.mds",
    ]  # fmt: skip
    assert len(read_dataset(out / "00000")) == 3

    watcher = IndexWatcher(out)
    run(listed, out, incremental_mode="extend", reporters=[watcher])
    assert watcher.seen == [False] * 3, "an index stands while shards are added"
    check_samples(out, read_dataset(out))
    assert verify(str(out), deep=True).whole
    with pytest.raises(OptionError, match="mds_compression"):
        run(listed, out, mds_compression="zstd")


class IndexWatcher(Reporter):
    """Looks for the index of a dataset whenever a shard is done."""

    def __init__(self, out: Path) -> None:
        self._index = out / "index.json"
        self.seen: list[bool] = []

    def shard_done(self, result: ShardResult, progress: Progress) -> None:
        del result, progress
        self.seen.append(self._index.exists())


@pytest.mark.slow
def test_compressed_files_with_every_column_that_can_be_asked_for(
    site: Site, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = {"save_fetch_metadata": True, "save_opt_out_signals": True, "encode_format": "webp"}
    run(make_list(site, tmp_path / "list.parquet"), out, mds_compression="zstd", **options)

    assert {path.name for path in (out / "00000").iterdir()} == {
        "index.json", "shard.00000.mds.zstd",
    }  # fmt: skip
    samples = read_dataset(out)
    assert all(sample["webp"].startswith(b"RIFF") for sample in samples)
    assert {sample["http_status"] for sample in samples} == {200}
    assert [sample["opt_out"] for sample in samples] == [[]] * 3
    assert all(sample["fetched_at"].endswith("Z") for sample in samples)
    assert verify(str(out), deep=True).whole
