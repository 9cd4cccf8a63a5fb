"""parquet_layout=hf: what a run, a retry and an extension leave loads as images, without a card."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from img2dataset import OptionError, Report, download, verify
from tests.site import Site


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


def run(site: Site, tmp_path: Path, layout: str, **changes: Any) -> Report:
    """Three shards: with a flaky row, with nothing but failures, with one row."""
    listed = tmp_path / "list.parquet"
    if not listed.exists():
        token = f"{layout}-{tmp_path.name}"
        urls = [site.url("/exif/1.jpg"), site.url("/flaky", fail=1, how="503", token=token)]
        urls += [site.url("/exif/2.jpg"), *[site.url("/status/404")] * 3, site.url("/exif/3.jpg")]
        nested: list[Any] = [{"a": [1, None]}, None, {"a": []}, None, None, None, {"a": [2]}]
        words = ["zwölf", None, "日本", "", "e", "f", "g"]
        pq.write_table(pa.table({"url": urls, "caption": words, "nested": nested}), listed)
    options: dict[str, Any] = {
        "input_format": "parquet", "caption_col": "caption", "image_size": 24,
        "number_sample_per_shard": 3, "save_additional_columns": ["nested"],
        "output_format": "parquet", "parquet_layout": layout, "reporters": (), **changes,
    }  # fmt: skip
    return download(str(listed), output_folder=str(tmp_path / "out"), **options)


def read_images(out: Path) -> dict[str, bytes | None]:
    """Key -> bytes of the image, as pyarrow reads the dataset."""
    rows = ds.dataset(sorted(out.glob("[0-9]*.parquet"))).to_table(columns=["key", "jpg"])
    return {
        row["key"]: row["jpg"]["bytes"] if isinstance(row["jpg"], dict) else row["jpg"]
        for row in rows.to_pylist()
    }


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["hf", "default"])
def test_it_is_retried_extended_verified_and_read_back(
    site: Site, tmp_path: Path, layout: str
) -> None:
    out = tmp_path / "out"
    run(site, tmp_path, layout)
    before = read_images(out)
    report = run(site, tmp_path, layout, incremental_mode="retry")

    assert report.recovered == 1
    after = read_images(out)
    assert {key for key in after if after[key] != before[key]} == {"000001"}
    assert len(list(report.rows())) == 7
    assert [row["key"] for row in report.failures()] == ["000010", "000011", "000012"]
    assert all("jpg" not in row for row in report.rows())

    run(site, tmp_path, layout, incremental_mode="extend")
    assert sum(image is not None for image in read_images(out).values()) == 8
    assert verify(str(out), deep=True).whole
    metadata = [pq.read_schema(path).metadata or {} for path in out.glob("[0-9]*.parquet")]
    assert {b"huggingface" in each for each in metadata} == {layout == "hf"}
    assert len(set(map(str, metadata))) == 1
    other = "default" if layout == "hf" else "hf"
    with pytest.raises(OptionError, match="parquet_layout"):
        run(site, tmp_path, other)


@pytest.mark.slow
def test_loaders_read_it(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a card: the files alone say that the column has images."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    datasets = pytest.importorskip("datasets")
    duckdb = pytest.importorskip("duckdb")
    polars = pytest.importorskip("polars")
    run(site, tmp_path, "hf")
    run(site, tmp_path, "hf", incremental_mode="retry")
    files = sorted(map(str, (tmp_path / "out").glob("[0-9]*.parquet")))
    kept = {key for key, image in read_images(tmp_path / "out").items() if image is not None}

    for streaming in (False, True):
        cache = str(tmp_path / "cache")
        rows = datasets.load_dataset(
            "parquet", data_files=files, split="train", streaming=streaming, cache_dir=cache
        )
        assert isinstance(rows.features["jpg"], datasets.Image)
        assert {row["key"] for row in rows if row["jpg"] is not None} == kept
        assert {row["jpg"].size for row in rows if row["jpg"] is not None} == {(24, 24)}
    found = duckdb.sql(f"SELECT key, jpg.bytes FROM read_parquet({files}) WHERE jpg IS NOT NULL")
    assert {key for key, data in found.fetchall() if data[:2] == b"\xff\xd8"} == kept
    frame = polars.read_parquet(files).filter(polars.col("jpg").struct.field("bytes").is_not_null())
    assert set(frame["key"]) == kept
