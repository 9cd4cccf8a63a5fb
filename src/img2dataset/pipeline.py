"""Rows -> samples, in any order: one fetch thread, a few image threads, a ceiling on what waits.

This is the one place of a worker with threads and queues.  The network and the pixels never
wait for each other unless the ceiling is reached: then no new download starts.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from img2dataset.records import Body, Failure, Picture, Row, Sample

Deliver = Callable[[Row, Body | Failure], None]


class Fetcher(Protocol):
    """Rows -> bodies; see fetch.Engine."""

    @property
    def waiting(self) -> int: ...

    @property
    def received_bytes(self) -> int: ...

    def start(self) -> None: ...

    def submit(self, rows: Iterable[Row]) -> None: ...

    def wake(self) -> None: ...

    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What may wait between the stages of one worker."""

    count: int
    """Bodies and pictures."""
    bytes: int
    """Bytes of bodies, those still arriving included."""


class Pipeline:
    """Rows go in by `submit`; samples, and anything `put`, come out by `get`."""

    def __init__(
        self,
        make_fetcher: Callable[[Deliver, Callable[[], bool]], Fetcher],
        shape: Callable[[Row, Body], Sample],
        *,
        image_threads: int,
        limits: Limits,
    ) -> None:
        self._shape = shape
        self._limits = limits
        self._bodies: queue.SimpleQueue[tuple[Row, Body] | None] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._counting = threading.Lock()
        self._count = 0
        self._bytes = 0
        self._fetcher = make_fetcher(self._deliver, self._has_room)
        self._threads = [
            threading.Thread(target=self._work, name=f"images-{number}", daemon=True)
            for number in range(image_threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        self._fetcher.start()

    def stop(self) -> None:
        """Abandon what is under way; nothing comes out any more."""
        self._fetcher.stop()
        for _ in self._threads:
            self._bodies.put(None)
        for thread in self._threads:
            thread.join()

    def submit(self, rows: Iterable[Row]) -> None:
        self._fetcher.submit(rows)

    @property
    def waiting(self) -> int:
        """Rows whose download has not begun."""
        return self._fetcher.waiting

    def put(self, event: Any) -> None:
        """Let `event` come out by `get`; may be called from any thread."""
        self._events.put(event)

    def get(self, timeout: float) -> Any:
        """The next sample or event; None after `timeout` seconds without any."""
        try:
            return self._events.get(timeout=timeout)
        except queue.Empty:
            return None

    def _has_room(self) -> bool:
        if self._count >= self._limits.count:
            return False
        return self._bytes + self._fetcher.received_bytes < self._limits.bytes

    def _deliver(self, row: Row, outcome: Body | Failure) -> None:
        """From the fetch thread: a failure is finished, a body has pixels to do."""
        match outcome:
            case Failure():
                self._events.put(Sample(row, outcome))
            case Body(data=data):
                with self._counting:
                    self._count += 1
                    self._bytes += len(data)
                self._bodies.put((row, outcome))

    def _work(self) -> None:
        while (item := self._bodies.get()) is not None:
            row, body = item
            size = len(body.data)
            sample = self._shape(row, body)
            del item, body
            # the picture waits to be packed: it takes the place of its body
            kept = len(sample.outcome.data) if isinstance(sample.outcome, Picture) else 0
            with self._counting:
                self._bytes += kept - size
                self._count -= kept == 0
            self._events.put(sample)
            self._wake()

    def packed(self, sample: Sample) -> None:
        """Say that `sample` has left: there is room for another."""
        if isinstance(sample.outcome, Picture):
            with self._counting:
                self._bytes -= len(sample.outcome.data)
                self._count -= 1
            self._wake()

    def _wake(self) -> None:
        """Let downloads go on, if they paused and half of the room is free: waking the fetch
        thread for each picture would cost more than the fetching."""
        if self._count * 2 <= self._limits.count and self._bytes * 2 <= self._limits.bytes:
            self._fetcher.wake()
