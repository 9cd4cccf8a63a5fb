"""Watch over threads: call back when a piece of work takes too long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

WALL_TIME_FACTOR = 5
"""Seconds of wall time that count as one of CPU time.  On a busy or swapping machine a healthy thread
may wait for long, but one that waits for ever must be noticed too."""
MAX_INTERVAL_S = 1.0
"""Between two checks."""
MIN_CHECKS = 8
"""Checks within the time limit."""


def ignore(patience: float) -> None:
    """Show no life: nobody looks."""
    del patience


class WatchedCall:
    """A piece of work of a thread.

    Nearly all are over before the first check, which therefore does the set-up.
    """

    __slots__ = ("_watch", "began", "clock", "over", "thread", "too_long", "waited")

    def __init__(self, watch: Watch, too_long: Callable[[], None]) -> None:
        self._watch = watch
        self.too_long = too_long
        self.thread = threading.get_ident()
        self.clock: int | None = None
        """The thread's CPU clock, where the system has one."""
        self.began: float | None = None
        """Its value at the first check."""
        self.waited = 0.0
        """Seconds since then."""
        self.over = False

    def __enter__(self) -> None:
        self._watch.begin(self)

    def __exit__(self, *_: object) -> None:
        self._watch.end(self)

    def spent(self, elapsed: float) -> float:
        """Return the seconds since the first check; `elapsed` of them since the last one."""
        if self.began is None:
            self.clock = find_cpu_clock(self.thread)
            self.began = read_clock(self.clock)
            return 0.0
        self.waited += elapsed
        return max(read_clock(self.clock) - self.began, self.waited / WALL_TIME_FACTOR)


class Watch:
    """Limit each piece of work to `seconds` of CPU time of its thread, or WALL_TIME_FACTOR times that
    by the clock; a violation is noticed up to two checks later.

    A decoder that keeps the GIL stops the watch too: then only another process can tell.
    """

    def __init__(self, seconds: float, show_life: Callable[[float], None] = ignore) -> None:
        """`show_life` is called at the start and after each check, with the seconds after which the
        process is to be ended if no other check follows."""
        self._seconds = seconds
        self._patience = seconds * WALL_TIME_FACTOR
        self._show_life = show_life
        self._tick = min(MAX_INTERVAL_S, seconds / MIN_CHECKS)
        self._calls: dict[int, WatchedCall] = {}
        self._looking = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._show_life(self._patience)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    def over(self, too_long: Callable[[], None]) -> WatchedCall:
        """Watch over this thread in the `with` block.

        If the block takes too long, `too_long` is called once, in another thread, and never after
        the block.
        """
        return WatchedCall(self, too_long)

    def begin(self, call: WatchedCall) -> None:
        self._calls[call.thread] = call

    def end(self, call: WatchedCall) -> None:
        with self._looking:
            del self._calls[call.thread]

    def _run(self) -> None:
        last = time.monotonic()
        while not self._stopped.wait(self._tick):
            now = time.monotonic()
            # a process that was stopped has not worked meanwhile
            self._check(min(now - last, 2 * self._tick))
            last = now
            self._show_life(self._patience)

    def _check(self, elapsed: float) -> None:
        with self._looking:
            for call in list(self._calls.values()):
                if call.spent(elapsed) > self._seconds and not call.over:
                    call.over = True
                    call.too_long()


def find_cpu_clock(thread: int) -> int | None:
    """Find the CPU clock of a thread; None where the system has none (macOS, Windows)."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return None
    return time.pthread_getcpuclockid(thread)


def read_clock(clock: int | None) -> float:
    return 0.0 if clock is None else time.clock_gettime(clock)
