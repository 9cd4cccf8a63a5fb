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

from tests.e2e.commands import Running, write_list
from tests.e2e.dataset import Dataset
from tests.processes import children, is_gone
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


def done(folder: Path) -> int:
    return len(list(folder.glob("*_stats.json")))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.slow
@pytest.mark.parametrize("shards_done", [0, 3])
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
@pytest.mark.slow
@pytest.mark.parametrize("shards_done", [0, 3])
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


@pytest.mark.slow
def test_a_shard_that_is_nearly_done_is_finished_before_the_end(
    tmp_path: Path, fresh_site: Site
) -> None:
    quick = [fresh_site.url(f"/image/{n}.jpg") for n in range(39)]
    urls = [*quick[:20], fresh_site.url("/gated", token="last"), *quick[20:]]
    later = [fresh_site.url("/gated", token="never", n=n) for n in range(5)]
    url_list = write_list(tmp_path / "list.txt", urls + later)
    running = Running(
        [
            f"--url_list={url_list}", f"--output_folder={tmp_path / 'out'}", "--image_size=32",
            "--output_format=webdataset", "--number_sample_per_shard=20", "--timeout=60",
        ]
    )  # fmt: skip
    running.until(
        lambda: len(fresh_site.requests) == 45 and done(tmp_path / "out") == 1,
        "everything asked for, and a shard from which it knows how quick it is",
    )
    running.process.send_signal(signal.SIGINT)
    running.until_it_says("stopping")
    fresh_site.open_gate("last")

    assert running.end() == 130
    assert "2 shards stored" in running.errors.splitlines()[-1]
    Dataset(tmp_path / "out").check_whole(40)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_second_ctrl_c_stops_at_once_and_still_nothing_is_lost(
    command: list[str], tmp_path: Path
) -> None:
    running = Running(command[3:])
    run = running.process
    wait_for(lambda: done(tmp_path / "out") >= 2, "two shards")
    workers = children(run.pid)
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)  # they will not end when they are told
    run.send_signal(signal.SIGINT)
    running.until_it_says("stopping")
    run.send_signal(signal.SIGINT)
    run.wait(20)
    assert run.returncode == 130
    wait_for(lambda: all(map(is_gone, workers)), "workers end when their parent does")
    running.end()
    assert "same command again" not in running.errors, "it waited until it might kill them"

    again = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert again.returncode == 0, again.stderr
    Dataset(tmp_path / "out").check_whole(ROWS)
