"""limit: a trial of the first rows, which never mixes with the real run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from img2dataset import OptionError, download, stream
from tests.site import Site

pytestmark = pytest.mark.slow


def test_a_trial_has_the_first_rows_and_a_folder_of_its_own(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("".join(site.url(f"/image/{n}.jpg\n") for n in range(30)))
    options: dict[str, Any] = {"number_sample_per_shard": 5, "reporters": ()}
    trial, real = str(tmp_path / "trial"), str(tmp_path / "real")

    parts = [
        download(str(path), output_folder=trial, limit=12, part=f"{part}/2", **options)
        for part in (0, 1)
    ]
    assert [report.successes for report in parts] == [7, 5]
    assert [
        row["url"] for report in parts[:1] for row in report.rows()
    ] == path.read_text().split()[:12]
    assert download(str(path), output_folder=trial, limit=12, **options).shards_skipped == 3
    with pytest.raises(OptionError, match=r"limit \(was 12, is None\)"):
        download(str(path), output_folder=trial, **options)
    with pytest.raises(OptionError, match=r"limit \(was 12, is 13\)"):
        download(str(path), output_folder=trial, limit=13, **options)
    assert download(str(path), output_folder=real, **options).successes == 30
    with pytest.raises(OptionError, match=r"limit \(was None, is 5\)"):
        download(str(path), output_folder=real, limit=5, **options)


def test_a_stream_has_the_first_rows(site: Site) -> None:
    urls = [site.url(f"/image/{n}.jpg") for n in range(20)]

    with stream(urls, limit=6) as samples:
        assert {sample.url for sample in samples} == set(urls[:6])
