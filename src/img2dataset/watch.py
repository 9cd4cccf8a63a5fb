"""Threads at work -> a call when one has been at one piece of it for too long."""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

WALL = 5
"""How many seconds of waiting count as much as one of computing.  On a busy machine, or while it
swaps, a thread that is well may wait for long; one that waits for ever has to be noticed too."""
TICK = 1.0
"""Seconds between two looks."""
LOOKS = 8
"""Looks within the time that is allowed, at least."""


@dataclass(eq=False, slots=True)
class Turn:
    """A piece of work that a thread is at."""

    too_long: Callable[[], None]
    clock: int | None
    """The thread's CPU clock, where the system has one."""
    began: float
    """What that clock said at the beginning."""
    waited: float = 0.0
    """Seconds since then."""
    over: bool = False


class Watch:
    """Sees that no piece of work takes more than `seconds` of its thread's CPU time, or WALL
    times as long without it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._tick = min(TICK, seconds / LOOKS)
        self._turns: dict[int, Turn] = {}
        self._looking = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._expect_a_look()
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    @contextmanager
    def over(self, too_long: Callable[[], None]) -> Iterator[None]:
        """Watch over what this thread does in the block; `too_long` is called once, in another
        thread, if that takes too long, and never after the block."""
        me = threading.get_ident()
        clock = cpu_clock(me)
        self._turns[me] = Turn(too_long, clock, read(clock))
        try:
            yield
        finally:
            with self._looking:
                del self._turns[me]

    def _run(self) -> None:
        last = time.monotonic()
        while not self._stopped.wait(self._tick):
            self._expect_a_look()
            now = time.monotonic()
            # a process that was stopped for a while has not worked meanwhile
            self._look(min(now - last, 2 * self._tick))
            last = now
        faulthandler.cancel_dump_traceback_later()

    def _expect_a_look(self) -> None:
        """A decoder that keeps the GIL stops the watch too: then the interpreter itself ends the
        process, and shows where it was."""
        faulthandler.dump_traceback_later(self._seconds * WALL, exit=True, file=sys.__stderr__ or 2)

    def _look(self, elapsed: float) -> None:
        with self._looking:
            for turn in list(self._turns.values()):
                turn.waited += elapsed
                spent = max(read(turn.clock) - turn.began, turn.waited / WALL)
                if spent > self._seconds and not turn.over:
                    turn.over = True
                    turn.too_long()


def cpu_clock(thread: int) -> int | None:
    """A clock of the CPU time of a thread; None where the system has none (macOS, Windows)."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return None
    return time.pthread_getcpuclockid(thread)


def read(clock: int | None) -> float:
    return 0.0 if clock is None else time.clock_gettime(clock)
