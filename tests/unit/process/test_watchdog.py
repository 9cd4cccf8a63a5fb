"""A thread that is at one thing for too long is noticed, one that is well is not."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from img2dataset.process.watchdog import MIN_CHECKS, WALL_TIME_FACTOR, Watch

PATIENCE = 20.0


@pytest.fixture(autouse=True)
def _tests_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a watch may not run for so short a time: that must not end the tests."""
    monkeypatch.setattr(Watch, "_expect_check", lambda _: None)


@contextmanager
def watch(seconds: float) -> Iterator[Watch]:
    made = Watch(seconds)
    made.start()
    try:
        yield made
    finally:
        made.stop()


@pytest.mark.slow
def test_a_thread_that_computes_too_long_is_noticed_once() -> None:
    calls: list[int] = []
    with watch(0.1) as made, made.over(lambda: calls.append(threading.get_ident())):
        deadline = time.thread_time() + 0.4
        while time.thread_time() < deadline:
            pass
    assert len(calls) == 1
    assert calls[0] != threading.get_ident()


@pytest.mark.slow
def test_a_thread_that_only_waits_is_noticed_later() -> None:
    noticed = threading.Event()
    began = time.monotonic()
    with watch(0.1) as made, made.over(noticed.set):
        assert noticed.wait(PATIENCE)
    assert time.monotonic() - began > 0.1 * WALL_TIME_FACTOR * 0.9


@pytest.mark.slow
def test_each_piece_of_work_counts_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "img2dataset.process.watchdog.WALL_TIME_FACTOR", 1000
    )  # by CPU time, however busy the machine
    noticed = threading.Event()
    with watch(0.4) as made:
        for _ in range(8):
            with made.over(noticed.set):
                deadline = time.thread_time() + 0.1
                while time.thread_time() < deadline:
                    pass
    assert not noticed.is_set()


@pytest.mark.slow
def test_what_waits_between_two_pieces_of_work_is_not_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noticed, looked_enough = threading.Event(), threading.Event()
    looks = iter(range(1, 1 << 20))
    enough = 3 * WALL_TIME_FACTOR * MIN_CHECKS  # thrice the time that a piece of work may wait

    def count_look(_: Watch) -> None:
        if next(looks) >= enough:
            looked_enough.set()

    monkeypatch.setattr(Watch, "_expect_check", count_look)
    with watch(0.02) as made:
        with made.over(noticed.set):
            pass
        assert looked_enough.wait(PATIENCE)
    assert not noticed.is_set()


FROZEN = """
import ctypes, threading
from img2dataset.process.watchdog import Watch
watch = Watch(0.1)
watch.start()
ctypes.PyDLL(None).sleep(1000)
"""


@pytest.mark.slow
def test_a_process_whose_watch_cannot_run_is_ended_and_shows_where_it_was() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FROZEN], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "Timeout" in done.stderr
    assert 'File "<string>", line 6' in done.stderr


@pytest.mark.slow
def test_a_process_that_was_stopped_has_not_worked_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As batch systems stop them; when they go on, the clock is far ahead."""
    ahead = iter([0.0, 0.0])
    jumping = {**vars(time), "monotonic": lambda: time.monotonic() + next(ahead, 1000.0)}
    monkeypatch.setattr("img2dataset.process.watchdog.time", SimpleNamespace(**jumping))
    noticed = threading.Event()
    with watch(0.5) as made, made.over(noticed.set):
        assert not noticed.wait(0.5)
    assert next(ahead, None) is None, "it has jumped"
