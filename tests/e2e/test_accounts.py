"""Where the time of a run went: in the report, and in the hidden folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from img2dataset import Report, download
from img2dataset.accounting.account import Account, Stage
from img2dataset.accounting.bottleneck import Capacity
from img2dataset.dataset.accounts import (
    MAX_RUNS,
    RunAccount,
    accounts_name,
    read_all_accounts,
    write_accounts,
)
from img2dataset.storage.folder import Folder
from tests.site import Site

pytestmark = pytest.mark.slow


def fetch(urls: list[str], folder: Path, **options: Any) -> Report:
    return download(urls, output_folder=str(folder), image_size=32, quiet=True, **options)


def test_the_report_says_what_each_stage_took(site: Site, tmp_path: Path) -> None:
    slow = [site.url("/slow", seconds=0.3, n=n) for n in range(4)]
    urls = [*slow, site.url("/image/1.jpg"), site.url("/status/404")]

    report = fetch(urls, tmp_path / "out", output_format="webdataset")

    account = report.account
    assert account.transfers == 6
    assert account.downloaded_bytes > 0 < account.stored_bytes
    assert account.add_up((Stage.FIRST_BYTE, Stage.BODY)) >= 4 * 0.3
    for stage in (Stage.DECODE, Stage.ENCODE, Stage.PACK, Stage.UPLOAD):
        assert 0 < account.seconds[stage] < report.duration, stage
    assert [count[:2] for count in account.hosts.by_host.values()] == [(6, 1)]
    (stored,) = read_all_accounts(Folder(str(tmp_path / "out")))
    assert (stored.rows, stored.successes) == (6, 5)
    assert stored.account.to_dict() == account.to_dict()


def test_each_run_and_each_part_is_kept_and_not_without_end(site: Site, tmp_path: Path) -> None:
    urls = [site.url(f"/image/{n}.jpg") for n in range(4)]
    for part in ("0/2", "1/2", "1/2"):  # the last of them has nothing to do
        fetch(urls, tmp_path / "out", number_sample_per_shard=2, part=part)
    folder = Folder(str(tmp_path / "out"))
    assert [run.rows for run in read_all_accounts(folder)] == [2, 2]


def test_a_file_of_accounts_has_the_newest_runs_and_the_sum_of_the_others(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    runs = [
        RunAccount(float(n), 1.0, 1, 1, Capacity(1, 1, 1), Account(), None)
        for n in range(MAX_RUNS + 5)
    ]
    write_accounts(folder, accounts_name((0, 1)), runs)
    before, *newest = read_all_accounts(folder)
    assert newest == runs[5:]
    assert (before.began, before.runs, before.rows, before.elapsed) == (0.0, 5, 5, 5.0)


def test_a_damaged_file_of_accounts_stops_nothing(site: Site, tmp_path: Path) -> None:
    urls = [site.url(f"/image/{n}.jpg") for n in range(2)]
    fetch(urls[:1], tmp_path / "out", number_sample_per_shard=1)
    (damaged,) = (tmp_path / "out" / ".img2dataset" / "accounts").iterdir()
    damaged.write_text('{"runs": [{"began": "never"}]}')
    fetch(urls, tmp_path / "out", number_sample_per_shard=1, incremental_mode="extend")
    assert [run.rows for run in read_all_accounts(Folder(str(tmp_path / "out")))] == [2]
