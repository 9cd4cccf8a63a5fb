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

from img2dataset import OptionError, Report, download, verify
from img2dataset.formats import mds
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


def test_a_run_a_retry_and_an_extension_are_read_as_one_dataset(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out"
    listed = make_list(site, tmp_path / "list.parquet")
    run(listed, out)
    first = read_dataset(out)
    assert [sample["key"] for sample in first] == ["000000", "000002", "000006"] or len(first) == 3
    check_samples(out, first)
    assert json.loads((out / "00001/index.json").read_bytes())["shards"] == []

    assert run(listed, out, incremental_mode="retry").recovered == 1
    check_samples(out, read_dataset(out))
    assert sorted(path.name for path in (out / "00000").iterdir()) == [
        "index.json", "shard.00000.mds", "shard.00001.mds",
    ]  # fmt: skip
    assert len(read_dataset(out / "00000")) == 3

    run(listed, out, incremental_mode="extend")
    check_samples(out, read_dataset(out))
    assert verify(str(out), deep=True).whole
    with pytest.raises(OptionError, match="mds_compression"):
        run(listed, out, mds_compression="zstd")


@pytest.mark.slow
def test_large_shards_are_several_files_also_compressed(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    out = tmp_path / "out"
    urls = [site.url(f"/exif/{n % 8 + 1}.jpg") for n in range(40)]
    (tmp_path / "list.txt").write_text("\n".join(urls))
    options: dict[str, Any] = {"input_format": "txt", "caption_col": None}
    options |= {"save_additional_columns": None, "number_sample_per_shard": 20}
    run(tmp_path / "list.txt", out, mds_compression="zstd", **options)

    assert {path.name for path in (out / "00000").iterdir()} == {
        "index.json", "shard.00000.mds.zstd",
    }  # fmt: skip
    check = read_dataset(out)
    assert sorted(sample["url"] for sample in check) == sorted(urls)
    assert verify(str(out), deep=True).whole
    assert mds.FORMAT.images_in_table is False
