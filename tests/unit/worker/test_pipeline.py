"""What goes into the pipeline comes out of it once, and no more waits in it than allowed."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from img2dataset.errors import Reason, RowError
from img2dataset.fetch import Deliver, Room
from img2dataset.records import Body, EncodedImage, Failure, Row, Sample
from img2dataset.tally import RestingHost
from img2dataset.worker.pipeline import MAX_EVENTS, Limits, Pipeline
from tests.quick import few_quick

SIZE = 100
"""Bytes of each body."""
PATIENCE = 10.0


def row(index: int) -> Row:
    return Row(shard=0, index=index, key=f"{index:05d}", url="http://a/", fields={})


def process(row: Row, body: Body) -> Sample:
    """Every seventh is no picture, every third grows, the others shrink."""
    if row.index % 7 == 3:
        return Sample(row, Failure.of(RowError(Reason.DECODE)))
    data = body.data * 2 if row.index % 3 == 0 else body.data[:10]
    return Sample(row, EncodedImage(data, 1, 1, 1, 1))


class FakeFetcher:
    """Answers at once, as long as there is room; every fifth row fails."""

    def __init__(self, deliver: Deliver, room: Room) -> None:
        self._deliver = deliver
        self._room = room
        self._rows: deque[Row] = deque()
        self._bell = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run)
        self.wakes = 0
        self.resting: tuple[RestingHost, ...] = ()
        self.most_begun = 0
        """Bodies and pictures that there were at most."""
        self.out = 0
        """Of these, how many have left."""
        self._begun = 0

    @property
    def waiting(self) -> int:
        return len(self._rows)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def submit(self, rows: Iterable[Row]) -> None:
        with self._bell:
            self._rows.extend(rows)
            self._bell.notify()

    def wake(self) -> None:
        with self._bell:
            self.wakes += 1
            self._bell.notify()

    def stop(self) -> None:
        with self._bell:
            self._stopped = True
            self._bell.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _has_room(self) -> bool:
        return not self._room.full and self._room.free_bytes > 0

    def _run(self) -> None:
        while True:
            with self._bell:
                # asked under the lock that `wake` takes: no wake-up is lost here
                while not self._stopped and not (self._rows and self._has_room()):
                    self._bell.wait()
                if self._stopped:
                    return
                row = self._rows.popleft()
            if row.index % 5 == 4:
                self._deliver(row, Failure.of(RowError(Reason.TIMEOUT)))
            else:
                self._begun += 1
                self.most_begun = max(self.most_begun, self._begun - self.out)
                self._deliver(row, Body(b"x" * SIZE))


@contextmanager
def pipeline(
    threads: int = 1, limits: Limits | None = None, shaped: Any = process
) -> Iterator[tuple[Pipeline, FakeFetcher]]:
    fetchers: list[FakeFetcher] = []

    def make(deliver: Deliver, room: Room) -> FakeFetcher:
        fetchers.append(FakeFetcher(deliver, room))
        return fetchers[0]

    made = Pipeline(
        make,
        shaped,
        image_threads=threads,
        limits=limits or Limits(100, 10**9),
        inline=lambda _: threads == 0,
    )
    try:
        yield made, fetchers[0]
    finally:
        made.stop()


@pytest.mark.parametrize("threads", few_quick([3, 1, 0], 3))
@pytest.mark.parametrize(
    ("limits", "most"),
    [(Limits(4, 10**9), 4), (Limits(10**9, 4 * SIZE), 40), (Limits(1, 1), 1)],
)
def test_every_row_comes_out_once_and_little_waits(threads: int, limits: Limits, most: int) -> None:
    seen: Counter[int] = Counter()
    with pipeline(threads, limits) as (made, fetcher):
        made.start()
        made.submit(row(index) for index in range(500))
        while sum(seen.values()) < 500:
            samples = made.get(timeout=PATIENCE)
            assert samples, "it has stopped"
            seen.update(sample.row.index for sample in samples)
            # a body that made no picture has left the pipeline as well
            fetcher.out += sum(sample.row.index % 5 != 4 for sample in samples)
            made.packed(samples)
        assert made.waiting == 0
        assert made.free_bytes == limits.bytes
        assert not made.full

    assert seen == Counter(range(500))
    # a body whose failure is on its way to us no longer counts inside
    assert fetcher.most_begun <= most + most // 2 + 1 + threads


@pytest.mark.parametrize("threads", [0, 2])
def test_what_waits_to_be_packed_counts_by_the_bytes_of_its_picture(threads: int) -> None:
    with pipeline(threads, Limits(100, 10_000)) as (made, _):
        made.start()
        made.submit(row(index) for index in (0, 1, 3, 4))  # grows, shrinks, fails, not there
        samples: list[Any] = []
        while len(samples) < 4:
            samples += made.get(timeout=PATIENCE)
        assert made.free_bytes == 10_000 - 2 * SIZE - 10
        made.packed(samples[:2])
        made.packed(samples[2:])
        assert made.free_bytes == 10_000


def test_it_is_full_when_as_many_wait_as_may() -> None:
    with pipeline(0, Limits(3, 10**9)) as (made, fetcher):
        made.start()
        made.submit(row(index) for index in (0, 1, 2, 5, 6))
        samples: list[Any] = []
        while len(samples) < 3:
            samples += made.get(timeout=PATIENCE)
        assert made.full
        assert made.waiting == 2
        before = fetcher.wakes
        made.packed(samples[:1])
        assert fetcher.wakes == before, "not for one: half of the room has to be free"
        made.packed(samples[1:])
        assert fetcher.wakes > before


def test_the_network_goes_on_while_the_pixels_are_busy() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(row: Row, body: Body) -> Sample:
        begun.set()
        assert go_on.wait(PATIENCE)
        return process(row, body)

    with pipeline(1, shaped=slow) as (made, _):
        made.start()
        made.submit([row(0)])
        assert begun.wait(PATIENCE)
        made.submit([row(4)])  # which fails, and has no pixels to do
        (first,) = made.get(timeout=PATIENCE)
        assert first.row.index == 4
        go_on.set()
        (second,) = made.get(timeout=PATIENCE)
        assert second.row.index == 0


def test_other_events_come_out_among_the_samples_and_silence_is_none() -> None:
    with pipeline() as (made, _):
        event: Any = object()
        made.put(event)
        assert made.get(timeout=1) == [event]
        assert made.get(timeout=0.01) == []


def test_events_come_out_in_their_order_and_not_too_many_at_once() -> None:
    with pipeline() as (made, _):
        for number in range(MAX_EVENTS + 5):
            made.put(number)
        assert made.get(timeout=1) == list(range(MAX_EVENTS))
        assert made.get(timeout=1) == list(range(MAX_EVENTS, MAX_EVENTS + 5))


@pytest.mark.parametrize("threads", [0, 3])
def test_after_the_end_nothing_runs_any_more(threads: int) -> None:
    with pipeline(threads, Limits(2, 10**9)) as (made, fetcher):
        made.start()
        made.submit(row(index) for index in range(100))
        assert made.get(timeout=PATIENCE)
    assert not fetcher.is_alive
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("images-")]


def test_a_thread_that_never_returns_does_not_keep_the_end_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("img2dataset.worker.pipeline.JOIN_TIMEOUT_S", 0.05)
    begun, go_on = threading.Event(), threading.Event()

    def hang(row: Row, body: Body) -> Sample:
        begun.set()
        assert go_on.wait(PATIENCE)
        return process(row, body)

    with pipeline(1, shaped=hang) as (made, _):
        made.start()
        made.submit([row(0)])
        assert begun.wait(PATIENCE)
        began = time.monotonic()
        made.stop()
        assert time.monotonic() - began < PATIENCE / 2
        go_on.set()


def test_rows_that_are_not_inline_have_their_pixels_done_in_a_thread_all_the_same() -> None:
    names: dict[int, str] = {}

    def note(row: Row, body: Body) -> Sample:
        names[row.index] = threading.current_thread().name
        return process(row, body)

    fetchers: list[FakeFetcher] = []

    def make(deliver: Deliver, room: Room) -> FakeFetcher:
        fetchers.append(FakeFetcher(deliver, room))
        return fetchers[0]

    made = Pipeline(
        make, note, image_threads=1, limits=Limits(100, 10**9), inline=lambda row: row.index != 1
    )
    made.start()
    try:
        made.submit([row(0), row(1), row(2)])
        while len(names) < 3:
            assert made.get(timeout=PATIENCE)
    finally:
        made.stop()
    assert [names[index] == "images-0" for index in range(3)] == [False, True, False]
