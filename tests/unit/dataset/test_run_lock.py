"""One run at a time in an output folder, on a disk and elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from img2dataset.dataset import run_lock
from img2dataset.dataset.lease import LeaseTimes
from img2dataset.dataset.run_lock import Part, dump, is_in_use
from img2dataset.storage.folder import HIDDEN, LOCK, PARTS, Folder

TIMES = LeaseTimes(heartbeat_s=0.2, timeout_s=0.4, poll_s=0.02)
PATIENT = LeaseTimes(heartbeat_s=0.2, timeout_s=30.0, poll_s=0.02)
"""For a machine so busy that a heartbeat may be late."""


def acquire(
    folder: Folder,
    say: Callable[[str], None],
    part_of: Part = (0, 1),
    times: LeaseTimes = TIMES,
) -> AbstractContextManager[bool]:
    return run_lock.acquire_run_lock(folder, say, part_of, times)


@pytest.fixture
def elsewhere() -> Folder:
    folder = Folder(f"memory://{uuid.uuid4().hex}/out")
    folder.make()
    return folder


@pytest.fixture(params=["disk", "elsewhere"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, elsewhere: Folder) -> Folder:
    if request.param == "elsewhere":
        return elsewhere
    made = Folder(str(tmp_path / "out"))
    made.make()
    return made


def locks_in(folder: Folder) -> list[str]:
    names = [f"{HIDDEN}/{name}" for name in folder.names(HIDDEN)]
    return [name for name in names if name.startswith(LOCK)]


def say_nothing(_: str) -> None:
    pass


def of_another_machine(beat: int) -> bytes:
    values = json.loads(dump(beat))
    return json.dumps({**values, "machine": "another"}).encode()


def test_a_folder_is_held_by_one_at_a_time_and_let_go_at_the_end(folder: Folder) -> None:
    with acquire(folder, say_nothing) as first:
        with acquire(Folder(folder.url), say_nothing) as second:
            assert (first, second) == (True, False)
        with acquire(Folder(folder.url), say_nothing) as third:
            assert not third
    with acquire(folder, say_nothing) as later:
        assert later


def test_nothing_is_left_of_a_lock_elsewhere(elsewhere: Folder) -> None:
    with acquire(elsewhere, say_nothing):
        assert len(locks_in(elsewhere)) == 1
    assert locks_in(elsewhere) == []


def test_emptying_a_folder_leaves_its_lock(folder: Folder) -> None:
    with acquire(folder, say_nothing):
        folder.write("a", b"")
        folder.empty()
        [lock] = locks_in(folder)
        # "parts": a sign of life may be on its way
        assert {f"{HIDDEN}/{name}" for name in folder.names(HIDDEN)} - {PARTS} == {lock}
        assert folder.names() == [HIDDEN]


@pytest.mark.slow
def test_a_lock_of_a_dead_process_of_this_machine_is_not_waited_for(elsewhere: Folder) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from img2dataset.dataset.run_lock import dump; print(dump(0).decode())"],
        capture_output=True, check=True,
    )  # fmt: skip
    elsewhere.write(f"{LOCK}.dead", ended.stdout)
    said: list[str] = []

    with acquire(elsewhere, said.append) as alone:
        assert alone
        assert f"{LOCK}.dead" not in locks_in(elsewhere)
    assert said == []


@pytest.mark.slow
@pytest.mark.parametrize("left", [of_another_machine(3), b"damaged"], ids=["silent", "damaged"])
def test_a_lock_of_another_machine_is_watched_and_a_silent_one_is_removed(
    left: bytes, elsewhere: Folder
) -> None:
    elsewhere.write(f"{LOCK}.silent", left)
    said: list[str] = []

    with acquire(elsewhere, said.append) as alone:
        assert alone
        assert len(locks_in(elsewhere)) == 1
    assert "another run may be writing" in said[0]


@pytest.fixture
def beating(elsewhere: Folder) -> Iterator[None]:
    """A run on another machine."""
    stop = threading.Event()

    def beat() -> None:
        folder, count = Folder(elsewhere.url), 0
        while not stop.wait(0.05):
            count += 1
            folder.write(f"{LOCK}.there", of_another_machine(count))

    elsewhere.write(f"{LOCK}.there", of_another_machine(0))
    thread = threading.Thread(target=beat)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.usefixtures("beating")
def test_a_run_that_is_alive_elsewhere_is_seen_to_be(elsewhere: Folder) -> None:
    with acquire(elsewhere, say_nothing, times=PATIENT) as alone:
        assert not alone
    assert f"{LOCK}.there" in locks_in(elsewhere)


def test_a_lock_gives_signs_of_life(elsewhere: Folder) -> None:
    with acquire(elsewhere, say_nothing):
        [name] = locks_in(elsewhere)
        first = elsewhere.read(name)
        watch = threading.Event()
        while elsewhere.read(name) == first:
            watch.wait(0.02)


@pytest.mark.parametrize(
    ("mine", "others", "fits"),
    [
        ((0, 1), (0, 1), False),
        ((0, 1), (0, 3), False),
        ((0, 3), (0, 1), False),
        ((0, 3), (0, 3), False),
        ((0, 3), (1, 3), True),
        ((0, 3), (1, 2), False),
    ],
)
def test_parts_share_a_folder_with_the_other_parts_alone(
    folder: Folder, mine: tuple[int, int], others: tuple[int, int], *, fits: bool
) -> None:
    beside = Folder(folder.url)
    with (
        acquire(folder, say_nothing, others) as first,
        acquire(beside, say_nothing, mine) as second,
    ):
        assert first
        assert second is fits
    with acquire(folder, say_nothing, mine) as later:
        assert later


@pytest.mark.parametrize("part_of", [(0, 1), (1, 3)])
def test_who_holds_a_folder_of_a_disk_is_seen(tmp_path: Path, part_of: tuple[int, int]) -> None:
    folder = Folder(str(tmp_path))
    assert not is_in_use(folder)
    with acquire(folder, say_nothing, part_of):
        assert is_in_use(folder)
    assert not is_in_use(folder)
