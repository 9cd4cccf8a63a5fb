"""Threads at work -> a call when one has been at one piece of it for too long."""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
from collections.abc import Callable

WALL = 5
"""How many seconds of waiting count as much as one of computing.  On a busy machine, or while it
swaps, a thread that is well may wait for long; one that waits for ever has to be noticed too."""
TICK = 1.0
"""Seconds between two looks."""
LOOKS = 8
"""Looks within the time that is allowed, at least."""


class WatchedCall:
    """A piece of work that a thread is at.

    Nearly all are over before anybody looks: what a look needs is found out by the first one.
    """

    __slots__ = ("_watch", "began", "clock", "over", "thread", "too_long", "waited")

    def __init__(self, watch: Watch, too_long: Callable[[], None]) -> None:
        self._watch = watch
        self.too_long = too_long
        self.thread = threading.get_ident()
        self.clock: int | None = None
        """The thread's CPU clock, where the system has one."""
        self.began: float | None = None
        """What that clock said at the first look."""
        self.waited = 0.0
        """Seconds since then."""
        self.over = False

    def __enter__(self) -> None:
        self._watch.begin(self)

    def __exit__(self, *_: object) -> None:
        self._watch.end(self)

    def spent(self, elapsed: float) -> float:
        """Seconds since the first look; `elapsed` of them since the last one."""
        if self.began is None:
            self.clock = cpu_clock(self.thread)
            self.began = read(self.clock)
            return 0.0
        self.waited += elapsed
        return max(read(self.clock) - self.began, self.waited / WALL)


class Watch:
    """Sees that no piece of work takes more than `seconds` of its thread's CPU time, or WALL
    times as long without it; up to two looks more pass until it is seen."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._tick = min(TICK, seconds / LOOKS)
        self._turns: dict[int, WatchedCall] = {}
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

    def over(self, too_long: Callable[[], None]) -> WatchedCall:
        """Watch over what this thread does in the `with` block; `too_long` is called once, in
        another thread, if that takes too long, and never after the block."""
        return WatchedCall(self, too_long)

    def begin(self, turn: WatchedCall) -> None:
        self._turns[turn.thread] = turn

    def end(self, turn: WatchedCall) -> None:
        with self._looking:
            del self._turns[turn.thread]

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
                if turn.spent(elapsed) > self._seconds and not turn.over:
                    turn.over = True
                    turn.too_long()


def cpu_clock(thread: int) -> int | None:
    """A clock of the CPU time of a thread; None where the system has none (macOS, Windows)."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return None
    return time.pthread_getcpuclockid(thread)


def read(clock: int | None) -> float:
    return 0.0 if clock is None else time.clock_gettime(clock)
