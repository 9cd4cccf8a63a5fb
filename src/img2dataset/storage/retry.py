"""A step that stores something -> done, perhaps after retries; or the error that stays.

Disks fill up and are cleared, object stores go down and come back.  A worker waits in place, for a
bounded time: nothing that it has fetched is lost, and it fetches only what fits into its memory.
An error that cannot pass by itself stops the run.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from img2dataset.errors import StorageGoneError
from img2dataset.storage.failures import (
    RecoveryAction,
    as_os_error,
    choose_recovery,
    describe_error,
    describe_remedy,
)

log = logging.getLogger(__name__)
T = TypeVar("T")

FIRST_PAUSE_S = 0.25
MAX_PAUSE_S = 15.0
"""Seconds between two tries: each pause is twice as long as the one before."""
NOTICE_AFTER_S = 1.0
"""Seconds of waiting after which a notice says so."""


def try_step(step: Callable[[], T], results: list[T]) -> OSError | None:
    """Do `step`: add its result to `results`, or return the error."""
    try:
        results.append(step())
    except Exception as error:
        failure = as_os_error(error)
        if failure is None:
            raise
        return failure
    return None


def try_once(step: Callable[[], object]) -> None:
    """Do a step whose failure has no effect: clean-up that the next run repeats."""
    failure = try_step(step, [])
    if failure is not None:
        log.debug("not cleaned up now: %s", failure)


class StorageRetry:
    """Retries steps for at most `longest` seconds without success.

    Without `longest` it never waits, and the caller gets the error at once.
    """

    def __init__(
        self, longest: float | None = None, say: Callable[[str], None] = log.warning
    ) -> None:
        self._longest = longest
        self._say = say
        self._over = threading.Event()

    @property
    def waits(self) -> bool:
        return self._longest is not None

    def end(self) -> None:
        """Stop waiting, now and from now on: the next failure counts.  Callable from any thread."""
        self._over.set()

    def rest(self, seconds: float) -> bool:
        """Wait for another process; return False if the run is to end."""
        return not self._over.wait(seconds)

    def __call__(self, step: Callable[[], T], what: str, *, remote: bool = False) -> T:
        """Do `step`; `what` says what fails, as in "/out cannot be written".

        Raises:
            OSError: it failed, and waiting would not help, or the run is to end.
            StorageGoneError: it failed for good, or for too long.
        """
        wait = RetryWait(what)
        results: list[T] = []
        while (failure := try_step(step, results)) is not None:
            self._pause(wait, failure, remote=remote)
        if wait.announced:
            self._say(f"going on after {format_duration(round(wait.seconds))} in which {what}")
        return results[0]

    def _pause(self, wait: RetryWait, error: OSError, *, remote: bool) -> None:
        action = choose_recovery(error, remote=remote)
        if action is RecoveryAction.REDO_SHARD or self._longest is None or self._over.is_set():
            raise error
        if action is RecoveryAction.STOP_RUN:
            raise StorageGoneError(f"{wait.what}: {describe_error(error)}") from error
        if wait.seconds >= self._longest:
            tried = f" (tried for {format_duration(self._longest)})" if self._longest else ""
            raise StorageGoneError(f"{wait.what}: {describe_error(error)}{tried}") from error
        if wait.seconds >= NOTICE_AFTER_S and not wait.announced:
            wait.announced = True
            self._say(
                f"{wait.what} since {wait.time}: {describe_error(error)}; waiting for "
                f"up to {format_duration(self._longest)}{describe_remedy(error)}"
            )
        self._over.wait(min(wait.next_pause(), max(0.01, self._longest - wait.seconds)))


class RetryWait:
    """The time since the first failure of a step."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.announced = False
        self.time = time.strftime("%H:%M")
        self._began: float | None = None
        self._next = FIRST_PAUSE_S

    @property
    def seconds(self) -> float:
        if self._began is None:
            self._began = time.monotonic()
        return time.monotonic() - self._began

    def next_pause(self) -> float:
        pause, self._next = self._next, min(2 * self._next, MAX_PAUSE_S)
        return pause


def format_duration(seconds: float) -> str:
    """Format a time for a person: "10 minutes", "90 seconds"."""
    if seconds >= 120 and seconds % 60 == 0:
        return f"{seconds / 60:.0f} minutes"
    return "1 second" if seconds == 1 else f"{seconds:g} seconds"
