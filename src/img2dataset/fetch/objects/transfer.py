"""An object that is being read: what the engine's thread and the reading one know of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from img2dataset.errors import Img2datasetError, Reason
from img2dataset.records import Body, Failure
from img2dataset.storage.local_object import StoredObject
from img2dataset.storage.objects import MIN_SECONDS

GRACE_S = 0.2
"""For a file system that ends a read by itself when the time is up."""

K = TypeVar("K")


class AbandonedError(Img2datasetError):
    """Nobody waits for this object any longer."""


class ObjectTransfer(Generic[K]):
    """An object that is being read.

    `begun`, `found`, `result` and `bug` are set by the reading thread, and what says how long it has
    waited for space, and for how much (`wanted`, `_waits_since`, `_waited`); all else by the engine's.
    """

    __slots__ = ("_ask", "_may_go_on", "_waited", "_waits_since", "abandoned", "begun", "bug", "found",
                 "key", "reserved", "result", "seconds", "url", "wanted")  # fmt: skip

    def __init__(
        self, key: K, url: str, seconds: float, ask: Callable[[ObjectTransfer[K]], None]
    ) -> None:
        """`seconds` = how long it may take; `ask` asks the engine's thread for the space `wanted`."""
        self.key = key
        self.url = url
        self.seconds = seconds
        self.begun: float | None = None
        self.found: StoredObject | None = None
        self.result: Body | Failure = Failure(Reason.TIMEOUT, Reason.TIMEOUT.label)
        self.bug: Exception | None = None
        self.abandoned = False
        self.reserved = 0
        """Bytes."""
        self.wanted = 0
        self._ask = ask
        self._may_go_on = threading.Event()
        self._waits_since: float | None = None
        self._waited = 0.0

    def seconds_left(self) -> float:
        """Return the time that is left to it, or a moment."""
        return max(MIN_SECONDS, self.seconds - self.seconds_taken(time.monotonic()))

    def begin(self, now: float) -> None:
        self.begun = now

    def seconds_taken(self, now: float) -> float:
        """Seconds since it was begun, without those in which it waited for space."""
        return 0.0 if self.begun is None else max(0.0, now - self.begun - self._waited)

    def is_late(self, now: float) -> bool:
        """Whether it has taken longer than it may."""
        if self.begun is None or self._waits_since is not None:
            return False
        return self.seconds_taken(now) > self.seconds + GRACE_S

    def abandon(self) -> None:
        """Make its thread stop as soon as it can."""
        self.abandoned = True
        self._may_go_on.set()

    def go_on(self) -> None:
        """Say that there is space."""
        self._may_go_on.set()

    def reserve(self, size: int) -> None:
        """Wait, in the reading thread, until there is space for `size` bytes.

        Raises:
            AbandonedError: nobody waits for it any longer.
        """
        if self.abandoned:
            raise AbandonedError
        if size <= self.reserved:
            return
        self.wanted = size
        self._may_go_on.clear()
        if self.abandoned:  # meanwhile
            raise AbandonedError
        self._waits_since = time.monotonic()
        self._ask(self)
        self._may_go_on.wait()
        self._waited += time.monotonic() - self._waits_since
        self._waits_since = None
        if self.abandoned:
            raise AbandonedError
