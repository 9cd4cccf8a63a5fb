"""Small datasets with everything that loaders stumble over, each made by three runs."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from img2dataset import download
from tests.site import Site

ROWS = 12
ROWS_PER_SHARD = 4
ADDED = 2
"""Rows of the second list."""
EMPTY_SHARD = range(4, 8)
"""Rows that all fail: a shard without any image."""
FLAKY = 9
"""A row that comes with the retry."""
IMAGES = ROWS - len(EMPTY_SHARD) - 1 + ADDED
"""One more row fails for good."""
OPTIONS: dict[str, Any] = {
    "input_format": "parquet", "caption_col": "caption", "number_sample_per_shard": ROWS_PER_SHARD,
    "image_size": 16, "thread_count": 4, "save_fetch_metadata": True, "save_opt_out_signals": True,
    "quiet": True,
}  # fmt: skip


def make_dataset(site: Site, folder: Path, output_format: str) -> Path:
    """A run, a retry and a run that extends it; returns the dataset."""
    first, second = folder / "first.parquet", folder / "second.parquet"
    token = f"{output_format}-{folder.name}"
    write_list(first, [find_url(site, number, token) for number in range(ROWS)])
    write_list(second, [site.url(f"/image/{100 + number}.jpg") for number in range(ADDED)])
    columns = pq.read_schema(first).names
    out = folder / "made"
    common = {
        **OPTIONS, "output_folder": str(out), "output_format": output_format,
        "save_additional_columns": [each for each in columns if each not in ("url", "caption")],
    }  # fmt: skip
    download(str(first), **common)
    assert download(str(first), incremental_mode="retry", **common).recovered == 1
    download(str(second), incremental_mode="extend", **common)
    return out


def find_url(site: Site, number: int, token: str) -> str:
    if number in EMPTY_SHARD or number == 2:
        return site.url(f"/status/404?n={number}")
    if number == FLAKY:
        return site.url(f"/flaky?fail=1&how=503&token={token}")
    return site.url(f"/image/{number}.jpg")


def write_list(path: Path, urls: list[str]) -> None:
    """A list with captions that are missing, unicode, and columns of every kind."""
    numbers = range(len(urls))
    captions = [None if n % 3 == 0 else f'Ünï "{n}": 漢字 \U0001f41f' for n in numbers]
    table = pa.table({
        "url": urls,
        "caption": captions,
        "tags": [["a", "b"] if n % 2 else None for n in numbers],
        "place": [{"x": n, "path": [1.5]} for n in numbers],
        "people": [[{"name": "Ö", "age": n}] for n in numbers],
        "map": pa.array([[("k", n)] for n in numbers], pa.map_(pa.string(), pa.int64())),
        "when": pa.array([dt.datetime(2020, 1, 2, tzinfo=dt.UTC)] * len(urls)),
        "score": pa.array([None if n % 4 else n / 2 for n in numbers], pa.float32()),
        "raw": pa.array([b"\xff"] * len(urls)),
        "yes": ["no"] * len(urls),
        "a: #b": list(numbers),
        "file_name": ["of the source.jpg"] * len(urls),
    })  # fmt: skip
    pq.write_table(table, path)
