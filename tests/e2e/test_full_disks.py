"""A disk that fills up, or becomes read-only: nothing is lost, and the same command goes on."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.contents import check_done_shards, contents, differences
from tests.chaos.plans import FOR_EVER
from tests.chaos.rounds import FAULTS
from tests.e2e.commands import Running, run, write_list
from tests.e2e.fetching import fetch
from tests.site import Site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0 if hasattr(os, "geteuid") else True, reason="mounts"),
]
ROWS = 60


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def change(disk: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(disk)], check=True)


def options(url_list: Path, folder: Path, output_format: str = "webdataset") -> list[str]:
    return [
        f"--url_list={url_list}", f"--output_folder={folder}", f"--output_format={output_format}",
        "--number_sample_per_shard=5", "--image_size=128", "--thread_count=4", "--encode_quality=99",
    ]  # fmt: skip


def pictures(site: Site, count: int) -> list[str]:
    return [site.url(f"/image/{n}.jpg?width=200&height=200") for n in range(count)]


@pytest.mark.parametrize("output_format", ["files", "webdataset"])
def test_a_run_that_fills_the_disk_stops_and_goes_on_when_there_is_room(
    output_format: str, disk: Path, tmp_path: Path, site: Site
) -> None:
    url_list = write_list(tmp_path / "list.txt", pictures(site, ROWS))
    assert run(options(url_list, tmp_path / "truth", output_format))[0] == 0
    truth = contents(tmp_path / "truth")
    command = [*options(url_list, disk / "out", output_format), "--max_storage_wait=0.5"]

    code, errors = run(command)

    assert code == 1, errors
    last = errors.splitlines()[-1]
    assert "No space left on device" in last
    assert "tried for 0.5 seconds" in last
    assert "run the same command again" in last
    check_done_shards(disk / "out", truth)
    assert not list((disk / "out" / ".img2dataset").glob("parts/*")), "no temporary file is left"

    change(disk, "size=100m")
    code, errors = run(command)

    assert code == 0, errors
    assert differences(contents(disk / "out"), truth) == []


def test_a_run_waits_for_room_and_meanwhile_downloads_no_more_than_it_can_hold(
    disk: Path, tmp_path: Path, fresh_site: Site
) -> None:
    url_list = write_list(tmp_path / "list.txt", pictures(fresh_site, 600))
    assert run(options(url_list, tmp_path / "truth"))[0] == 0
    fresh_site.requests.clear()
    running = Running(options(url_list, disk / "out"))
    running.until_it_says("make room and it goes on")
    assert "waiting for up to 10 minutes" in running.errors
    asked = len(fresh_site.requests)
    with Site() as other:  # as long as it takes to burn through the list
        fetch(*pictures(other, 600))
    assert len(fresh_site.requests) <= asked + 64
    assert asked < 300

    change(disk, "size=100m")

    assert running.end() == 0, running.errors
    assert "going on after" in running.errors
    assert len(fresh_site.requests) == 600, "nothing was fetched twice"
    assert differences(contents(disk / "out"), contents(tmp_path / "truth")) == []


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.EROFS, "Read-only file system;"),
        (errno.EDQUOT, "Disk quota exceeded (tried for 0.5 seconds);"),
        (errno.EIO, "3 shards in a row failed"),
    ],
)
def test_what_does_not_pass_stops_the_run_and_what_is_done_stays(
    number: int, text: str, tmp_path: Path, site: Site
) -> None:
    url_list = write_list(tmp_path / "list.txt", pictures(site, ROWS))
    command = [*options(url_list, tmp_path / "out"), "--max_storage_wait=0.5"]
    fault = {
        "role": "worker", "root": str(tmp_path / "out"), "action": "fail", "errno": number,
        "at": 25, "times": FOR_EVER, "once": str(tmp_path / "once"),
    }  # fmt: skip

    code, errors = run(command, {"CHAOS": json.dumps(fault), "PYTHONPATH": str(FAULTS)})

    assert code == 1, errors
    assert text in errors.splitlines()[-1]
    done = len(list((tmp_path / "out").glob("*_stats.json")))
    assert 1 <= done <= 3

    code, errors = run(command)

    assert code == 0, errors
    assert len(list((tmp_path / "out").glob("*_stats.json"))) == ROWS // 5


def test_ctrl_c_does_not_wait_for_room(disk: Path, tmp_path: Path, site: Site) -> None:
    url_list = write_list(tmp_path / "list.txt", pictures(site, ROWS))
    running = Running(options(url_list, disk / "out"))
    running.until_it_says("make room and it goes on")
    running.process.send_signal(signal.SIGINT)
    begun = time.monotonic()

    assert running.end() == 130
    assert time.monotonic() - begun < 10
    assert "run the same command again" in running.errors.splitlines()[-1]
    assert not list((disk / "out" / ".img2dataset").glob("parts/*"))


def test_an_io_error_at_any_step_of_a_shard_costs_nothing(tmp_path: Path, site: Site) -> None:
    """At every third step; the chaos campaign meets all of them, in every format."""
    url_list = write_list(tmp_path / "list.txt", pictures(site, 5))
    assert run(options(url_list, tmp_path / "truth"))[0] == 0
    truth = contents(tmp_path / "truth")
    step, once = -2, tmp_path / "once"
    while step < 0 or once.exists():
        once.unlink(missing_ok=True)
        step += 3
        folder = tmp_path / f"out-{step}"
        fault = {
            "role": "worker", "root": str(folder), "action": "fail", "errno": errno.EIO,
            "at": step, "times": 1, "once": str(once),
        }  # fmt: skip
        command = [*options(url_list, folder), "--max_shard_retry=0"]
        code, errors = run(command, {"CHAOS": json.dumps(fault), "PYTHONPATH": str(FAULTS)})

        assert code in {0, 1}, f"step {step}\n{errors}"
        if code == 1:  # what is not done is not said to be
            assert run(command)[0] == 0
        assert differences(contents(folder), truth) == [], f"step {step}\n{errors}"
    assert step > 10
