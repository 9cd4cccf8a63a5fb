"""A thread that is at one thing for too long is noticed, one that is well is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from img2dataset.process.watchdog import MIN_CHECKS, WALL_TIME_FACTOR, Watch, ignore

PATIENCE = 20.0


@contextmanager
def watch(seconds: float, show_life: Callable[[float], None] = ignore) -> Iterator[Watch]:
    made = Watch(seconds, show_life)
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
def test_what_waits_between_two_pieces_of_work_is_not_watched() -> None:
    noticed, looked_enough = threading.Event(), threading.Event()
    looks = iter(range(1, 1 << 20))
    enough = 3 * WALL_TIME_FACTOR * MIN_CHECKS  # thrice the time that a piece of work may wait

    def count_look(_: float) -> None:
        if next(looks) >= enough:
            looked_enough.set()

    with watch(0.02, count_look) as made:
        with made.over(noticed.set):
            pass
        assert looked_enough.wait(PATIENCE)
    assert not noticed.is_set()


def test_life_is_shown_from_the_start_on() -> None:
    """What hangs with the GIL held before the first check is to be noticed too."""
    shown: list[float] = []
    with watch(100.0, shown.append):
        assert shown == [100.0 * WALL_TIME_FACTOR]


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
