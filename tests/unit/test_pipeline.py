"""What goes into the pipeline comes out of it once, and no more waits in it than allowed."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from img2dataset.errors import Reason, RowError
from img2dataset.pipeline import Deliver, Limits, Pipeline
from img2dataset.records import Body, Failure, Picture, Row, Sample


def row(index: int) -> Row:
    return Row(shard=0, index=index, key=f"{index:05d}", url="http://a/", fields={})


def shape(row: Row, body: Body) -> Sample:
    if row.index % 7 == 3:
        return Sample(row, Failure.of(RowError(Reason.DECODE)))
    return Sample(row, Picture(body.data, 1, 1, 1, 1))


class FakeFetcher:
    """Answers at once, as long as there is room; every fifth row fails."""

    def __init__(self, deliver: Deliver, has_room: Callable[[], bool], size: int) -> None:
        self._deliver = deliver
        self._has_room = has_room
        self._size = size
        self._rows: deque[Row] = deque()
        self._bell = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run)
        self.most_delivered_ahead = 0
        self.packed = 0
        self.delivered = 0

    @property
    def waiting(self) -> int:
        return len(self._rows)

    @property
    def received_bytes(self) -> int:
        return 0

    def start(self) -> None:
        self._thread.start()

    def submit(self, rows: Iterable[Row]) -> None:
        with self._bell:
            self._rows.extend(rows)
            self._bell.notify()

    def wake(self) -> None:
        with self._bell:
            self._bell.notify()

    def stop(self) -> None:
        with self._bell:
            self._stopped = True
            self._bell.notify()
        self._thread.join()

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
                self.delivered += 1
                ahead = self.delivered - self.packed
                self.most_delivered_ahead = max(self.most_delivered_ahead, ahead)
                self._deliver(row, Body(b"x" * self._size))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("limits", [Limits(count=4, bytes=10**9), Limits(count=10**9, bytes=400)])
def test_every_row_comes_out_once_and_little_waits(threads: int, limits: Limits) -> None:
    fetchers: list[FakeFetcher] = []

    def make(deliver: Deliver, has_room: Callable[[], bool]) -> FakeFetcher:
        fetchers.append(FakeFetcher(deliver, has_room, size=100))
        return fetchers[0]

    pipeline = Pipeline(make, shape, image_threads=threads, limits=limits)
    pipeline.start()
    pipeline.submit(row(index) for index in range(500))
    seen: Counter[int] = Counter()
    while sum(seen.values()) < 500:
        sample = pipeline.get(timeout=5)
        assert isinstance(sample, Sample), "it has stopped"
        seen[sample.row.index] += 1
        # a body that made no picture has left the pipeline as well
        if sample.status != "failed_to_download":
            fetchers[0].packed += 1
        pipeline.packed(sample)
    pipeline.stop()

    assert seen == Counter(range(500))
    # 4 may wait; a body whose failure is on its way to us no longer counts inside
    assert fetchers[0].most_delivered_ahead <= 4 + 4 + threads


def test_other_events_come_out_among_the_samples_and_silence_is_none() -> None:
    pipeline = Pipeline(
        lambda deliver, has_room: FakeFetcher(deliver, has_room, 1),
        shape,
        image_threads=1,
        limits=Limits(1, 1),
    )
    event: Any = object()
    pipeline.put(event)

    assert pipeline.get(timeout=1) is event
    assert pipeline.get(timeout=0.01) is None
