"""Rows -> samples, in any order: a fetch thread, image threads, a limit on what waits.

This is the one place of a worker with threads and queues.  The network and the pixels never
wait for each other unless the limit is reached: then no new download starts.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from img2dataset.accounting.clock import StageClock
from img2dataset.fetch import Deliver, Room
from img2dataset.records import Body, EncodedImage, Failure, Row, Sample
from img2dataset.tally import RestingHost

MAX_EVENTS = 1000
"""Events that `get` returns at most."""
JOIN_TIMEOUT_S = 2.0
"""Seconds to wait for the end of image threads: one may be in a decoder that never returns."""


class Fetcher(Protocol):
    """Rows -> bodies; see fetch.Engine."""

    @property
    def waiting(self) -> int: ...

    @property
    def resting(self) -> tuple[RestingHost, ...]: ...

    def start(self) -> None: ...

    def submit(self, rows: Iterable[Row]) -> None: ...

    def wake(self) -> None: ...

    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What may wait between the stages of one worker."""

    count: int
    """Bodies and images."""
    bytes: int
    """Bytes of bodies and images, including bodies that are still arriving."""


class Pipeline:
    """Rows go in by `submit`; samples, and anything `put`, come out by `get`."""

    def __init__(  # noqa: PLR0913  (what stands on both sides of the queues)
        self,
        make_fetcher: Callable[[Deliver, Room], Fetcher],
        process: Callable[[Row, Body], Sample],
        *,
        image_threads: int,
        limits: Limits,
        clock: StageClock | None = None,
        inline: Callable[[Row], bool] = lambda _: False,
    ) -> None:
        """Call `process` in the fetch thread for rows that are `inline`: where there is little to do,
        handing a row over would cost more."""
        self._process = process
        self._limits = limits
        self._inline = inline
        self._clock = clock or StageClock()
        self._bodies: queue.SimpleQueue[tuple[Row, Body, float] | None] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._counting = threading.Lock()
        self._count = 0
        self._bytes = 0
        self._fetcher = make_fetcher(self._deliver, self)
        self._threads = [
            threading.Thread(target=self._work, name=f"images-{number}", daemon=True)
            for number in range(image_threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        self._fetcher.start()

    def stop(self) -> None:
        """Drop the rows under way; `get` returns no more of them.  An image thread that does not
        return is left behind."""
        self._fetcher.stop()
        for _ in self._threads:
            self._bodies.put(None)
        deadline = time.monotonic() + JOIN_TIMEOUT_S
        for thread in self._threads:
            if thread.ident is not None:  # else it could not be started
                thread.join(max(0.0, deadline - time.monotonic()))

    def submit(self, rows: Iterable[Row]) -> None:
        self._fetcher.submit(rows)

    @property
    def waiting(self) -> int:
        """Rows whose download has not begun."""
        return self._fetcher.waiting

    @property
    def resting(self) -> tuple[RestingHost, ...]:
        """Hosts that are not asked for now."""
        return self._fetcher.resting

    def put(self, event: Any) -> None:
        """Let `event` come out by `get`; may be called from any thread."""
        self._events.put(event)

    def get(self, timeout: float) -> list[Any]:
        """Return the samples and events that are ready, at most MAX_EVENTS; if there are none, the
        next one, or nothing after `timeout` seconds."""
        events = []
        try:
            events.append(self._events.get(timeout=timeout))
            while len(events) < MAX_EVENTS:
                events.append(self._events.get_nowait())
        except queue.Empty:
            pass
        return events

    # Room

    @property
    def full(self) -> bool:
        return self._count >= self._limits.count

    @property
    def free_bytes(self) -> int:
        return self._limits.bytes - self._bytes

    def _deliver(self, row: Row, outcome: Body | Failure) -> None:
        """Take an outcome, in the fetch thread: a failure is finished, a body is to be processed."""
        match outcome:
            case Failure():
                self._events.put(Sample(row, outcome))
            case Body(data=data) if not self._inline(row):
                self._add_in_flight(1, len(data))
                self._bodies.put((row, outcome, time.perf_counter()))
            case body:
                sample = self._process_timed(row, body, time.perf_counter())
                self._add_in_flight(*measure_sample(sample))
                self._events.put(sample)

    def _work(self) -> None:
        while (item := self._bodies.get()) is not None:
            row, body, came = item
            size = len(body.data)
            sample = self._process_timed(row, body, came)
            del item, body
            # the image waits to be packed, in the place of its body
            count, kept = measure_sample(sample)
            self._add_in_flight(count - 1, kept - size)
            self._events.put(sample)
            self._wake()

    def _process_timed(self, row: Row, body: Body, came: float) -> Sample:
        """Process a body that came at `came`, and charge what it took."""
        began = time.perf_counter()
        sample = self._process(row, body)
        seconds = time.perf_counter() - began
        match sample.outcome:
            case EncodedImage(data=data, seconds=parts):
                spent = (began - came, *parts, seconds - sum(parts))
                self._clock.add_image(row.shard, spent, len(data))
            case _:
                self._clock.add_image(row.shard, (began - came, seconds, 0.0, 0.0, 0.0), 0)
        return sample

    def _add_in_flight(self, count: int, size: int) -> None:
        """Count bodies and images that wait here, and their bytes; negative when they leave."""
        with self._counting:
            self._count += count
            self._bytes += size

    def packed(self, samples: Iterable[Sample]) -> None:
        """Take note that samples have left, so that others may come."""
        held = [measure_sample(sample) for sample in samples]
        self._add_in_flight(-sum(count for count, _ in held), -sum(size for _, size in held))
        self._wake()

    def _wake(self) -> None:
        """Resume paused downloads once half of the limit is free: waking the fetch thread for each
        image would cost more than the fetching."""
        if self._count * 2 <= self._limits.count and self._bytes * 2 <= self._limits.bytes:
            self._fetcher.wake()


def measure_sample(sample: Sample) -> tuple[int, int]:
    """Return how many images and bytes of a sample wait to be packed."""
    return (1, len(sample.outcome.data)) if isinstance(sample.outcome, EncodedImage) else (0, 0)
