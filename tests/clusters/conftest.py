"""What tests of clusters share: a list, and what one machine makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from img2dataset import download
from tests.clusters.programs import ROWS_PER_SHARD, write_list
from tests.e2e.dataset import Dataset
from tests.site import Site


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with urls.parquet, and the site behind it."""
    folder = tmp_path_factory.mktemp("cluster")
    with Site() as site:
        write_list(site, folder)
        yield folder


@pytest.fixture(scope="module")
def expected(place: Path) -> Dataset:
    """What multiprocessing makes of the list."""
    report = download(
        str(place / "urls.parquet"), input_format="parquet", caption_col="caption",
        output_folder=str(place / "expected"), output_format="webdataset",
        number_sample_per_shard=ROWS_PER_SHARD, processes_count=2,
    )  # fmt: skip
    assert report.complete
    return Dataset(place / "expected")
