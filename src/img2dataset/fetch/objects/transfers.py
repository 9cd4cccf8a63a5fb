"""Requests for objects -> bodies: transfers in flight, each in a thread.

Threads, because that is what every file system of fsspec works with: those whose requests are
coroutines run them in fsspec's own thread, and a thread that waits for one costs little; all others
block.  An object has its time from when a thread takes it up.  A read that does not return by then is
abandoned: its row fails, another thread takes its place, and its memory counts until it returns.

All but `_read_all` and what it calls runs in the engine's thread.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Generic, TypeVar

from img2dataset.errors import Reason
from img2dataset.fetch.budget import RESERVE_STEP_BYTES, Budget
from img2dataset.fetch.config import FetchConfig
from img2dataset.fetch.http.request import Finished, Request
from img2dataset.fetch.loop import Loop
from img2dataset.fetch.objects.outcome import make_body, make_failure, make_info, named
from img2dataset.fetch.objects.transfer import AbandonedError, ObjectTransfer
from img2dataset.fetch.politeness import POLITE, Politeness
from img2dataset.records import Body, Failure
from img2dataset.storage.file_urls import FILE_SCHEMES
from img2dataset.storage.objects import ObjectReader, ReadLimits

MAX_THREADS = 64
"""Objects that are read at once: more only wait for each other, in fsspec's one thread or for the
interpreter."""
MAX_STUCK_THREADS = 256
"""Abandoned reads that have not returned; with as many, rows fail at once."""
LATE_INTERVAL_S = 0.25
"""Between two looks for reads whose time is up."""
MEMORY_INTERVAL_S = 0.02
"""Between two looks for space while reads wait for it."""
ANSWERED = 1
"""As status: something came over the network; stores have statuses of their own."""

K = TypeVar("K")


class ObjectTransfers(Generic[K]):
    """Reads of objects, in flight."""

    def __init__(
        self,
        config: FetchConfig,
        loop: Loop,
        *,
        budget: Budget,
        say: Callable[[str], None],
        politeness: Politeness = POLITE,
    ) -> None:
        """`say` takes a line for the user, from any thread."""
        self._config = config
        self._loop = loop
        self._budget = budget
        self._politeness = politeness
        self._max_threads = min(config.thread_count, MAX_THREADS)
        self._reader = ObjectReader(self._max_threads, say)
        self._running: dict[ObjectTransfer[K], None] = {}
        self._refused: list[K] = []
        self._jobs: queue.SimpleQueue[ObjectTransfer[K] | None] = queue.SimpleQueue()
        self._over: deque[ObjectTransfer[K]] = deque()
        self._asked: deque[ObjectTransfer[K]] = deque()  # for space
        self._waiting: deque[ObjectTransfer[K]] = deque()
        self._threads = 0
        self._stuck = 0
        self._next_look = 0.0
        self._closed = False

    def __len__(self) -> int:
        return len(self._running) + len(self._refused)

    def start(self, key: K, request: Request) -> None:
        if self._stuck >= MAX_STUCK_THREADS:
            self._refused.append(key)
            return
        transfer = ObjectTransfer(key, request.url, request.seconds, self._ask_for_space)
        transfer.reserved = RESERVE_STEP_BYTES
        self._budget.reserved += transfer.reserved
        self._running[transfer] = None
        self._jobs.put(transfer)
        self._fill_up()

    def _fill_up(self) -> None:
        """Start another thread, if one is missing."""
        able = self._threads - self._stuck
        if able < min(len(self._running), self._max_threads):
            self._threads += 1
            name = f"img2dataset-object-{self._threads}"
            threading.Thread(target=self._read_all, name=name, daemon=True).start()

    def ended(self) -> list[Finished[K]]:
        """Take what is over since the last call; often nothing."""
        self._give_space()
        ended = []
        while self._refused:
            refused = named(Reason.HOST_GIVEN_UP)
            ended.append(Finished(self._refused.pop(), refused, 0, 0.0))
        while self._over:
            transfer = self._over.popleft()
            self._free(transfer)
            if transfer.bug is not None:
                raise transfer.bug
            if transfer.abandoned:
                self._stuck -= 1
            else:
                ended.append(self._finish(transfer, transfer.result))
        now = time.monotonic()
        if self._running and now >= self._next_look:
            self._next_look = now + LATE_INTERVAL_S
            ended += self._abandon_late(now)
        return ended

    def next_timeout(self, now: float) -> float | None:
        """Seconds until `ended` has something to do even if no thread rings."""
        if self._refused:
            return 0.0
        if not self._running:
            return None
        left = max(0.0, self._next_look - now)
        return min(left, MEMORY_INTERVAL_S) if self._waiting else left

    def close(self) -> None:
        """Abandon what is in flight."""
        self._closed = True
        for transfer in self._running:
            transfer.abandon()
        for _ in range(self._threads):
            self._jobs.put(None)

    def _finish(self, transfer: ObjectTransfer[K], result: Body | Failure) -> Finished[K]:
        del self._running[transfer]
        seconds = transfer.seconds_taken(time.monotonic())
        came = isinstance(result, Body) or not result.reason.transient
        # how long an object takes says nothing of how its store feels: its length is in it
        first_byte = min(max(seconds, 1e-6), self._politeness.slow_first_byte_s) if came else 0.0
        is_remote = not transfer.url.startswith(tuple(f"{each}:" for each in FILE_SCHEMES))
        status = ANSWERED if came and is_remote else 0
        if self._config.save_fetch_metadata:
            info = make_info(transfer.url, transfer.found, time.time())
            result = replace(result, fetched=info)
        return Finished(transfer.key, result, status, seconds, first_byte=first_byte, wait=seconds)

    def _abandon_late(self, now: float) -> list[Finished[K]]:
        """End the reads whose time is up."""
        late = [transfer for transfer in self._running if transfer.is_late(now)]
        for transfer in late:
            transfer.abandon()
            self._stuck += 1
        ended = [self._finish(transfer, named(Reason.TIMEOUT)) for transfer in late]
        for _ in late:
            self._fill_up()
        return ended

    # space

    def _give_space(self) -> None:
        """Let reads go on for which there is space now.

        All of them are tried: the one that may go beyond the limit must not wait behind another.
        """
        while self._asked:
            self._waiting.append(self._asked.popleft())
        for _ in range(len(self._waiting)):
            transfer = self._waiting.popleft()
            missing = max(0, transfer.wanted - transfer.reserved)
            if transfer not in self._running:  # it is abandoned
                transfer.go_on()
            elif self._budget.take(transfer, missing):
                transfer.reserved += missing
                transfer.go_on()
            else:
                self._waiting.append(transfer)

    def _free(self, transfer: ObjectTransfer[K]) -> None:
        self._budget.reserved -= transfer.reserved
        transfer.reserved = 0
        self._budget.leave(transfer)

    # in the threads

    def _ask_for_space(self, transfer: ObjectTransfer[K]) -> None:
        self._asked.append(transfer)
        self._loop.ring()

    def _read_all(self) -> None:
        """Read one object after the other, until there are no more."""
        while (transfer := self._jobs.get()) is not None and not self._closed:
            try:
                self._reader.load(transfer.url)
                transfer.begin(time.monotonic())
                transfer.found = self._reader.read(transfer.url, self._make_limits(transfer))
                transfer.result = make_body(transfer.found)
            except AbandonedError:
                pass  # its row has failed
            except Exception as error:  # noqa: BLE001  (in the engine's thread it is raised again)
                failure = make_failure(error)
                transfer.result = failure or transfer.result
                transfer.bug = error if failure is None else None
            self._over.append(transfer)
            self._loop.ring()
            del transfer

    def _make_limits(self, transfer: ObjectTransfer[K]) -> ReadLimits:
        return ReadLimits(
            self._config.max_image_bytes,
            transfer.seconds_left,
            transfer.reserve,
            wants_facts=self._config.save_fetch_metadata,
        )
