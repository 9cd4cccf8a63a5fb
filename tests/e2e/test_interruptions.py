"""Kill a run at any moment: the same command again makes the dataset whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.dataset import Dataset
from tests.site import Site

ROWS = 120
COMMAND = [
    sys.executable, "-m", "img2dataset", "--output_format=webdataset", "--image_size=32",
    "--number_sample_per_shard=7", "--processes_count=2", "--thread_count=4",
]  # fmt: skip


@pytest.fixture
def command(tmp_path: Path) -> Iterator[list[str]]:
    """A run of 120 rows that takes about two seconds."""
    with Site() as site:
        urls = [site.url(f"/slow?seconds=0.1&n={number}") for number in range(ROWS)]
        (tmp_path / "list.txt").write_text("\n".join(urls))
        yield [
            *COMMAND, f"--url_list={tmp_path / 'list.txt'}", f"--output_folder={tmp_path / 'out'}"
        ]  # fmt: skip


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def done(folder: Path) -> int:
    return len(list(folder.glob("*_stats.json")))


def is_gone(pid: int) -> bool:
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("shards_done", [pytest.param(0, marks=pytest.mark.slow), 3])
def test_a_killed_worker_is_replaced_and_nothing_is_lost(
    command: list[str], tmp_path: Path, shards_done: int
) -> None:
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for(
        lambda: len(children(run.pid)) == 2 and done(tmp_path / "out") >= shards_done, "workers"
    )
    os.kill(children(run.pid)[0], signal.SIGKILL)
    _, errors = run.communicate(timeout=60)

    assert run.returncode == 0, errors
    assert "SIGKILL" in errors
    Dataset(tmp_path / "out").check_whole(ROWS)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    "shards_done",
    [pytest.param(0, marks=pytest.mark.slow), 1, pytest.param(6, marks=pytest.mark.slow)],
)
def test_a_killed_parent_takes_its_workers_with_it_and_the_command_goes_on(
    command: list[str], tmp_path: Path, shards_done: int
) -> None:
    run = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_for(
        lambda: len(children(run.pid)) == 2 and done(tmp_path / "out") >= shards_done, "workers"
    )
    workers = children(run.pid)
    run.kill()
    run.wait()
    wait_for(lambda: all(map(is_gone, workers)), "workers end when their parent does")

    again = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=60, check=False)

    assert again.returncode == 0, again.stderr
    Dataset(tmp_path / "out").check_whole(ROWS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
def test_an_interrupted_run_says_how_to_go_on_and_leaves_nothing_half(
    command: list[str], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: done(tmp_path / "out") >= 2, "two shards")
    workers = children(run.pid)
    run.send_signal(number)
    _, errors = run.communicate(timeout=20)

    assert run.returncode == code
    assert "same command again" in errors.splitlines()[-1]
    assert all(map(is_gone, workers))
    dataset = Dataset(tmp_path / "out")
    dataset.check_whole(sum(stats["count"] for stats in dataset.stats))

    again = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert again.returncode == 0, again.stderr
    dataset.check_whole(ROWS)
