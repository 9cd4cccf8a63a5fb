"""Runs where what only Linux or POSIX has is missing: tests/e2e/elsewhere hides it.

macOS and Windows themselves are not tested; this is as near as a run on Linux comes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.dataset import Dataset
from tests.site import Site

ELSEWHERE = Path(__file__).parent / "elsewhere"


def run(folder: Path, *arguments: str) -> str:
    """What it said."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env={**os.environ, "PYTHONPATH": str(ELSEWHERE)},
        stderr=subprocess.PIPE, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.slow
def test_what_is_hidden_is_hidden(tmp_path: Path) -> None:
    code = (
        "import importlib.util, os, select, sys\n"
        "assert sys.platform == 'freebsd14'\n"
        "assert not hasattr(os, 'sysconf') and not hasattr(select, 'epoll')\n"
        "import img2dataset.fetch.loop as loop, img2dataset.dataset.file_lock as locks\n"
        "assert locks.fcntl is None and isinstance(loop.new_poll(), loop.AnyPoll)\n"
    )
    run(tmp_path, "-c", code)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ["--output_format=files"],
        ["--output_format=webdataset", "--max_connections_per_host=2", "--processes_count=2"],
        ["--output_format=parquet", "--robots_txt=respect"],
        ["--output_format=tfrecord", "--part=0/1"],
    ],
)
def test_a_run_is_whole(tmp_path: Path, options: list[str]) -> None:
    with Site() as site:
        urls = [site.url(f"/image/{number}.jpg") for number in range(6)]
        (tmp_path / "urls.txt").write_text("\n".join([*urls, site.url("/status/404")]))
        command = ("-m", "img2dataset", "urls.txt", "--number_sample_per_shard=3", *options)
        said = run(tmp_path, *command, "--output_folder=out")
        again = run(tmp_path, *command, "--output_folder=out")
    assert "done: 6 images of 7 rows" in said
    assert "nothing to do: 3 shards" in again
    run(tmp_path, "-m", "img2dataset", "verify", "out", "--deep")
    assert len(Dataset(tmp_path / "out").rows) == 7
