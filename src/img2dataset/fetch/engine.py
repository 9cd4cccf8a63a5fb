"""Rows -> bodies: hundreds in flight in one thread.

A row becomes an Attempt (`_next`), which is started, and ends (`_end`): delivered, or put aside
until it may be tried again.  Manners belong in these two places: which attempt may start now,
and what is learnt from how it ended.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush

from img2dataset.errors import Reason, RowError
from img2dataset.fetch.config import FetchConfig
from img2dataset.fetch.curl import Ended, Transfers
from img2dataset.fetch.files import transfers_allowed
from img2dataset.fetch.hosts import Hosts
from img2dataset.fetch.retry import delay_before, seconds_to_wait
from img2dataset.fetch.urls import sendable
from img2dataset.records import Body, Failure, Row

LONGEST_STOP = 2.0
"""Seconds that `stop` waits; look-ups of names cannot be interrupted and may take longer."""

Deliver = Callable[[Row, "Body | Failure"], None]
Room = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row to be asked for; `number` counts the attempts before."""

    row: Row
    url: str
    number: int = 0


class Engine:
    """Fetches the rows it is given and delivers each exactly once, in any order."""

    def __init__(self, config: FetchConfig, deliver: Deliver, room: Room) -> None:
        """`deliver` is called in the engine's thread and must be quick; `room` says whether
        another transfer may be started."""
        self._config = config
        self._deliver = deliver
        self._room = room
        self._ceiling = transfers_allowed(config.thread_count)
        self._transfers: Transfers[Attempt] = Transfers(config, kept_open=self._ceiling)
        self._hosts: Hosts[Attempt] = Hosts(config.first_per_host, self._ceiling)
        self._queue: deque[Row] = deque()
        self._retries: list[tuple[float, int, Attempt]] = []  # due, tie-break, attempt: a heap
        self._retries_seen = 0
        self._waits_for_room = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="img2dataset-fetch", daemon=True)

    def __repr__(self) -> str:
        return (
            f"<Engine: {self.waiting} waiting, {self.in_flight} in flight, "
            f"{len(self._retries)} to be retried, {self.received_bytes} bytes received>"
        )

    @property
    def waiting(self) -> int:
        """Rows submitted and not yet begun."""
        return len(self._queue) + len(self._hosts)

    @property
    def in_flight(self) -> int:
        return len(self._transfers)

    @property
    def received_bytes(self) -> int:
        """Bytes of bodies held for transfers that are in flight."""
        return self._transfers.received_bytes

    def start(self) -> None:
        self._thread.start()

    def submit(self, rows: Iterable[Row]) -> None:
        """Add rows to fetch.  From any thread; never blocks."""
        self._queue.extend(list(rows))
        self._transfers.poke()

    def wake(self) -> None:
        """Say that `room` has appeared.  From any thread; next to free if nothing waits for it."""
        if self._waits_for_room:
            self._transfers.poke()

    def stop(self) -> None:
        """Abandon everything: what is not delivered yet never is.  May be called again."""
        self._stopping = True
        if self._thread.ident is None:
            self._transfers.close()
        elif self._thread is not threading.current_thread():
            self._transfers.poke()
            self._thread.join(LONGEST_STOP)

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._start_what_may()
                for ended in self._transfers.wait(self._until_next_retry()):
                    self._end(ended)
        finally:
            self._transfers.close()

    def _start_what_may(self) -> None:
        self._waits_for_room = False
        now = time.monotonic()
        while len(self._transfers) < self._ceiling and self._anything_due(now):
            if not self._has_room():
                return
            attempt = self._next(now)
            if attempt is not None:
                self._transfers.start(attempt, attempt.url)

    def _anything_due(self, now: float) -> bool:
        return bool(self._queue) or self._hosts.any_ready or self._retry_due(now)

    def _retry_due(self, now: float) -> bool:
        return bool(self._retries) and self._retries[0][0] <= now

    def _has_room(self) -> bool:
        if self._room():
            return True
        # say so before asking again: room that appears between the two would be missed
        self._waits_for_room = True
        self._waits_for_room = not self._room()
        return not self._waits_for_room

    def _next(self, now: float) -> Attempt | None:
        """What to ask for now; None if what is next cannot be asked for, or not yet."""
        if self._hosts.any_ready:
            return self._hosts.next_ready()
        attempt = heappop(self._retries)[2] if self._retry_due(now) else self._new_attempt()
        if attempt is None or not self._hosts.admit(attempt.url, attempt):
            return None
        return attempt

    def _new_attempt(self) -> Attempt | None:
        """The next row of the queue; None if it cannot be asked for, and is delivered."""
        row = self._queue.popleft()
        if row.problem is not None:
            reason = Reason.MALFORMED_LINE
            self._deliver(row, Failure(reason, reason.label, row.problem))
            return None
        try:
            return Attempt(row, sendable(row.url))
        except RowError as error:
            self._deliver(row, Failure.of(error))
            return None

    def _until_next_retry(self) -> float | None:
        """Seconds; None = no retry can start before something else happens."""
        if not self._retries or self._waits_for_room or len(self._transfers) >= self._ceiling:
            return None
        return max(0.0, self._retries[0][0] - time.monotonic())

    def _end(self, ended: Ended[Attempt]) -> None:
        """Deliver what came of an attempt, or put it aside to be tried again."""
        attempt = ended.key
        self._hosts.ended(attempt.url, ended.result, ended.first_byte, time.monotonic())
        if isinstance(ended.result, Failure) and ended.result.reason.transient:
            delay = self._delay(attempt, ended.retry_after)
            if delay is not None:
                again = Attempt(attempt.row, attempt.url, attempt.number + 1)
                self._retries_seen += 1
                heappush(self._retries, (time.monotonic() + delay, self._retries_seen, again))
                return
        self._deliver(attempt.row, ended.result)

    def _delay(self, attempt: Attempt, retry_after: str | None) -> float | None:
        """Seconds until the attempt after this one; None = there is none."""
        if attempt.number >= self._config.retries:
            return None
        wish = None if retry_after is None else seconds_to_wait(retry_after, time.time())
        return delay_before(attempt.number + 1, wish, random.random())  # noqa: S311  (jitter)
