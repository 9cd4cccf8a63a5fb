"""Whole runs in which images crash their decoder or hang it: every row is recorded, the one at
fault with its reason, and all others are stored as if it had not been there.

No real decoder is known to crash: tests/e2e/killers/sitecustomize.py replaces the one for JPEG.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from img2dataset.process.watchdog import WALL_TIME_FACTOR
from tests.e2e.dataset import Dataset
from tests.e2e.test_interruptions import wait_for
from tests.processes import children, is_gone
from tests.site import Site

CRASHED, TOO_LONG = "image decoder crashed", "image decoding took too long"
HOW = {
    201: f"{CRASHED} (signal SIGSEGV)",
    202: f"{CRASHED} (signal SIGABRT)",
    203: f"{CRASHED} (signal SIGKILL)",
    204: f"{CRASHED} (exit status 0)",
    205: f"{CRASHED} (exit status 70)",
    206: f"{CRASHED} (signal SIGSEGV)",
    207: TOO_LONG,
    208: TOO_LONG,
    209: TOO_LONG,
    401: f"{CRASHED} (signal SIGSEGV)",
    402: TOO_LONG,
}
"""Width of an image -> what becomes of it."""
CRASHES = (201, 202, 203, 204, 205, 206)
WAITS, SPINS, FREEZES, BUG = 207, 208, 209, 300
IN_HEADER = [401, 402]
"""These crash or hang when they are only looked at."""
KILLERS = Path(__file__).parent / "killers"


def widths(count: int, killers: list[int]) -> list[int]:
    """Those of `count` images, the killers at even distances."""
    every = count // len(killers)
    return [
        killers[number // every] if number % every == 1 and number // every < len(killers) else 64
        for number in range(count)
    ]


def command(site: Site, folder: Path, wide: list[int], *options: str) -> list[str]:
    """A run over images of these widths into folder/out."""
    folder.mkdir(parents=True, exist_ok=True)
    urls = [site.url(f"/image/{number}.jpg?width={width}") for number, width in enumerate(wide)]
    (folder / "list.txt").write_text("\n".join(urls))
    return [
        sys.executable, "-m", "img2dataset", f"--url_list={folder / 'list.txt'}",
        f"--output_folder={folder / 'out'}", "--image_size=32", *options,
    ]  # fmt: skip


def with_killers() -> dict[str, str]:
    paths = [str(KILLERS), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def run(site: Site, folder: Path, wide: list[int], *options: str) -> str:
    """Do it, with killers; what it said."""
    done = subprocess.run(
        command(site, folder, wide, *options),
        env=with_killers(), stderr=subprocess.PIPE, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr


def stored(folder: Path) -> dict[str, bytes]:
    """Name -> bytes of every image and caption, in tars or in folders."""
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.glob("*/*")
        if path.parent.name[0] != "."
    }
    return files or Dataset(folder).members()


def check(folder: Path, wide: list[int]) -> Dataset:
    """Each row is recorded, and only the killers failed."""
    dataset = Dataset(folder)
    messages = [row["error_message"] for row in dataset.rows]
    assert messages == [HOW.get(width) for width in wide]
    dataset.check_whole(len(wide))
    return dataset


@pytest.mark.slow
def test_one_killer_costs_one_row(site: Site, tmp_path: Path) -> None:
    wide = widths(12, [201])
    said = run(site, tmp_path, wide, "--max_shard_retry=0")

    dataset = check(tmp_path / "out", wide)
    assert dataset.rows[1]["status"] == "failed_to_resize"
    assert dataset.stats[0]["status_dict"] == {"success": 11, CRASHED: 1}
    assert "a worker died (signal SIGSEGV)" in said
    assert "decoder_crashed" in said


@pytest.mark.slow
@pytest.mark.parametrize(("output_format", "processes"), [("webdataset", 2)])
def test_killers_in_many_shards_cost_their_rows_and_nothing_else(
    site: Site, tmp_path: Path, output_format: str, processes: int
) -> None:
    """Several in one shard, several shards; one worker has an image thread for each core."""
    wide = widths(90, [*CRASHES, *CRASHES, 201, 201, 202])
    options = [
        "--number_sample_per_shard=30", f"--processes_count={processes}", "--max_shard_retry=0",
        f"--output_format={output_format}",
    ]  # fmt: skip
    said = run(site, tmp_path / "with", wide, *options)
    without = command(site, tmp_path / "without", wide, *options)
    subprocess.run(without, check=True, stderr=subprocess.PIPE)

    check_rows(tmp_path / "with" / "out", tmp_path / "without" / "out", wide)
    assert "isolated" in said


def check_rows(found: Path, expected: Path, wide: list[int]) -> None:
    if not list(found.glob("*.tfrecord")):  # which has a table too, read below
        check(found, wide)
    rows, good = Dataset(found).rows, Dataset(expected).rows
    assert [row["error_message"] for row in rows] == [HOW.get(width) for width in wide]
    # the same rows, to the pixel where they hold those
    assert [row for row in rows if row["status"] == "success"] == [
        row for row, width in zip(good, wide, strict=True) if width not in HOW
    ]
    lost = {row["key"] for row in rows if row["status"] != "success"}
    assert stored(found) == {
        name: data
        for name, data in stored(expected).items()
        if Path(name).name.partition(".")[0] not in lost
    }
    assert Counter(row["status"] for row in rows)["success"] == len(wide) - len(lost)


@pytest.mark.slow
@pytest.mark.parametrize("killers", [[SPINS, 201, FREEZES, WAITS, 204]])
def test_images_that_hang_cost_their_rows_and_the_run_ends(
    site: Site, tmp_path: Path, killers: list[int]
) -> None:
    wide = widths(40, killers)
    run(site, tmp_path, wide, "--number_sample_per_shard=20", "--max_decode_seconds=0.5")

    check(tmp_path / "out", wide)


@pytest.mark.slow
def test_bytes_that_are_only_looked_at_may_crash_and_hang_too(site: Site, tmp_path: Path) -> None:
    wide = widths(40, IN_HEADER)
    run(site, tmp_path, wide, "--disable_all_reencoding", "--max_decode_seconds=0.5")

    check(tmp_path / "out", wide)


@pytest.mark.slow
def test_the_run_ends_even_if_each_thread_of_each_worker_hangs(site: Site, tmp_path: Path) -> None:
    wide = [WAITS, FREEZES] * 3
    run(
        site, tmp_path, [*wide, 64], "--number_sample_per_shard=2", "--processes_count=2",
        "--max_decode_seconds=1",  # on a busy machine, the start of a process takes half of that
    )  # fmt: skip

    check(tmp_path / "out", [*wide, 64])


@pytest.mark.slow
@pytest.mark.parametrize("killer", [FREEZES])
def test_ctrl_c_ends_a_run_whose_images_hang(site: Site, tmp_path: Path, killer: int) -> None:
    before = len(site.requests)
    started = subprocess.Popen(
        command(site, tmp_path, [killer] * 2), env=with_killers(),
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    site.until(lambda: len(site.requests) >= before + 2)
    wait_for(lambda: len(children(started.pid)) == 1, "a worker")
    workers = children(started.pid)
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=20)

    assert started.returncode == 130
    assert "same command again" in said
    assert all(map(is_gone, workers))


@pytest.mark.slow
def test_workers_whose_images_keep_the_gil_end_with_their_parent(
    site: Site, tmp_path: Path
) -> None:
    before = len(site.requests)
    started = subprocess.Popen(
        command(site, tmp_path, [FREEZES] * 2), env=with_killers(), stderr=subprocess.DEVNULL
    )
    site.until(lambda: len(site.requests) >= before + 2)
    workers = children(started.pid)
    assert workers
    started.kill()
    started.wait()

    wait_for(lambda: all(map(is_gone, workers)), "the end of the workers")


@pytest.mark.slow
@pytest.mark.parametrize("stops_parent", [True, False])
def test_a_run_that_was_stopped_goes_on(site: Site, tmp_path: Path, *, stops_parent: bool) -> None:
    """As batch systems and `docker pause` do, or a laptop that sleeps."""
    before = len(site.requests)
    options = ["--max_decode_seconds=0.6", "--min_delay_per_host=0.05", "--processes_count=1"]
    started = subprocess.Popen(
        command(site, tmp_path, [64] * 60, *options), stderr=subprocess.PIPE, text=True
    )
    site.until(lambda: len(site.requests) >= before + 5)
    stopped = [*([started.pid] if stops_parent else []), *children(started.pid)]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(0.6 * WALL_TIME_FACTOR + 1.0)
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    _, said = started.communicate(timeout=60)

    assert started.returncode == 0, said
    assert "worker died" not in said
    check(tmp_path / "out", [64] * 60)


@pytest.mark.slow
def test_a_bug_of_ours_fails_the_shard_with_its_traceback(site: Site, tmp_path: Path) -> None:
    wide = [64] * 4 + [BUG] + [64] * 3
    done = subprocess.run(
        command(site, tmp_path, wide, "--number_sample_per_shard=4"),
        env=with_killers(), stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("AssertionError: a bug of ours") == 2, "here and apart"
    assert "not done: 1 shard failed (00001)" in done.stderr
    assert [row["status"] for row in Dataset(tmp_path / "out").rows] == ["success"] * 4
