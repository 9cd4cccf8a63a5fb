"""Samples of all workers -> the consumer, with a limit on what waits between them.

Unordered, a worker's samples wait in its pipe, and then in the worker, as soon as the limit is
reached: no new download starts there.  In list order that would be a deadlock if the row that is
next were behind the others; there slices are held back instead, see `may_begin`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from img2dataset.distributors import SamplesSent
from img2dataset.records import Shard
from img2dataset.streaming.row_ranges import RowRanges
from img2dataset.streaming.slices import MEAN_IMAGE_BYTES, Slicing
from img2dataset.tally import Tally

SAMPLE_BYTES = 1000
"""What a sample takes beside its image; it lets failed rows count too."""
MEAN_OVER = 256
"""Samples over which the mean size of images is taken, about."""
RESUME_BELOW = 0.75
"""Share of the limit; each sample that leaves would else wake the threads that wait for room."""

Taken = tuple["bytes | None", "dict[str, Any]"]
"""Image and metadata of a sample."""


class Ended(Exception):  # noqa: N818  (not an error)
    """There are no more samples."""


@dataclass(eq=False, slots=True)
class OpenSlice:
    """A slice of which rows are still awaited or not yet taken."""

    id: int
    first: int
    """Number of its first row."""
    count: int
    arrived: bytearray
    """1 for each row that came, or will not come."""
    taken: bytearray
    """1 for each row that is done."""
    untaken: int
    waiting: dict[int, Taken] = field(default_factory=dict)
    """In list order: samples that came before their turn."""

    @classmethod
    def of(cls, shard: Shard, shard_rows: int) -> OpenSlice:
        number, start = shard.slice_of or (shard.id, 0)
        marks = bytearray(shard.count)
        for position in shard.left_out:
            marks[position] = 1
        left = shard.count - len(shard.left_out)
        first = number * shard_rows + start
        return cls(shard.id, first, shard.count, marks, bytearray(marks), left)

    def list_done(self) -> Iterator[tuple[int, int]]:
        """Yield ranges of the numbers of its rows that are done."""
        start = self.taken.find(1)
        while start >= 0:
            stop = self.taken.find(0, start)
            stop = self.count if stop < 0 else stop
            yield self.first + start, self.first + stop
            start = self.taken.find(1, stop)


@dataclass(frozen=True, slots=True)
class BufferConfig:
    """What a buffer may hold, and in which order it gives it out."""

    limit_bytes: int
    ordered: bool
    slicing: Slicing


class Buffer:
    """Holds samples until they are taken.  Thread-safe.

    Its lock may be taken again by the thread that has it: the garbage collector, which runs
    anywhere, may close a stream.
    """

    def __init__(self, config: BufferConfig) -> None:
        self._config = config
        self._lock = threading.RLock()
        self._arrived = threading.Condition(self._lock)
        self._has_left = threading.Condition(self._lock)
        self._ready: deque[tuple[OpenSlice, int, Taken]] = deque()
        self._bytes = 0  # of all that waits here
        self._mean = float(MEAN_IMAGE_BYTES)
        self._awaited = 0  # rows that were given out and have not come
        self._slices: dict[int, OpenSlice] = {}
        self._turns: deque[OpenSlice] = deque()  # in list order
        self._position = 0  # in the first of them
        self._done = RowRanges()
        self._closed = False
        self._finished = False
        self._error: BaseException | None = None
        self._held_back = False
        self._listeners: list[Callable[[], None]] = []
        self.tally = Tally()
        """Counts of all rows that came."""
        self.look_again: Callable[[], None] = lambda: None
        """Called when `may_begin` has become true."""

    # -- for the engine --

    def leave_out(self, done: RowRanges) -> None:
        """Count these rows as taken; to be called before the first slice begins."""
        with self._lock:
            self._done = done

    def begin(self, shard: Shard) -> None:
        """Await the rows of a slice."""
        with self._lock:
            opened = OpenSlice.of(shard, self._config.slicing.shard_rows)
            self._slices[shard.id] = opened
            self._awaited += opened.untaken
            if self._config.ordered:
                self._turns.append(opened)

    def deliver(self, sent: SamplesSent) -> None:
        """See `Outlet`."""
        with self._lock:
            self.tally += sent.tally
            for slice_id, index, image, metadata in sent.samples:
                opened = self._slices.get(slice_id)
                if opened is None or opened.arrived[index]:
                    continue  # a worker died, and the row came twice
                self._mean += (measure(image) - self._mean) / MEAN_OVER
                if metadata is None:
                    self._mark_done(opened, index)
                    self._pass(opened, index, None)
                else:
                    self._pass(opened, index, (image, metadata))
            self._notify()
            while self._is_over_limit() and not self._config.ordered and not self._closed:
                self._has_left.wait()

    def may_begin(self) -> bool:
        """See `Outlet`.  In list order, a slice begins if all that was given out and one slice more
        fit the limit, as far as sizes are known; if nothing is awaited, one does."""
        with self._lock:
            may = not self._closed and (not self._config.ordered or self._has_room())
            self._held_back = not may
            return may

    def find_rest(self, shard: Shard) -> Shard:
        """See `Outlet`."""
        with self._lock:
            opened = self._slices.get(shard.id)
            marks = b"\x01" * shard.count if opened is None else opened.arrived
            came = frozenset(position for position, mark in enumerate(marks) if mark)
        return replace(shard, left_out=came)

    def give_up(self, shard: Shard) -> None:
        """See `Outlet`: its rows are no longer awaited, and not done."""
        with self._lock:
            opened = self._slices.get(shard.id)
            if opened is not None:
                for index in [at for at, mark in enumerate(opened.arrived) if not mark]:
                    self._pass(opened, index, None)
            self._notify()
            self._let_go_on()

    def finish(self, error: BaseException | None) -> None:
        """Nothing more will come; `error` is raised once all that came is taken."""
        with self._lock:
            if not self._closed:
                self._finished, self._error = True, error
            self._notify()

    def close(self) -> None:
        """Drop everything, and let nothing wait any longer."""
        with self._lock:
            self._closed = self._finished = True
            self._error = None
            self._ready.clear()
            self._has_left.notify_all()
            self._notify()

    # -- for the consumer --

    @property
    def has_ended(self) -> bool:
        """Whether there is nothing more to take."""
        with self._lock:
            return self._finished and not self._ready

    def take(self, *, wait: bool = True) -> Taken | None:
        """Take the next sample; it is done then.  None if there is none yet and it does not `wait`.

        Raises:
            Ended: there are no more.
            Img2datasetError: the stream broke off.
        """
        with self._lock:
            while not self._ready:
                if self._finished:
                    raise self._error or Ended
                if not wait:
                    return None
                self._arrived.wait()
            opened, index, taken = self._ready.popleft()
            self._bytes -= measure(taken[0])
            self._mark_done(opened, index)
            self._let_go_on()
            return taken

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener`, from any thread, when something may have become ready to take."""
        with self._lock:
            self._listeners.append(listener)
        listener()

    def find_done_rows(self) -> RowRanges:
        """Find the rows that are done, those of open slices included."""
        with self._lock:
            done = self._done.copy()
            for opened in self._slices.values():
                for start, stop in opened.list_done():
                    done.add(start, stop)
            return done

    # -- with the lock held --

    def _pass(self, opened: OpenSlice, index: int, taken: Taken | None) -> None:
        """A row has come, or never will: put it where it is taken from."""
        opened.arrived[index] = 1
        self._awaited -= 1
        if taken is not None:
            self._bytes += measure(taken[0])
            if self._config.ordered:
                opened.waiting[index] = taken
            else:
                self._ready.append((opened, index, taken))
        if self._config.ordered:
            self._put_in_order()

    def _put_in_order(self) -> None:
        """Let the samples become ready that are next in the list."""
        while self._turns:
            opened = self._turns[0]
            if self._position == opened.count:
                self._turns.popleft()
                self._position = 0
                continue
            if not opened.arrived[self._position]:
                return
            taken = opened.waiting.pop(self._position, None)
            if taken is not None:
                self._ready.append((opened, self._position, taken))
            self._position += 1

    def _mark_done(self, opened: OpenSlice, index: int) -> None:
        opened.taken[index] = 1
        opened.untaken -= 1
        if opened.untaken == 0:
            self._done.add(opened.first, opened.first + opened.count)
            del self._slices[opened.id]

    def _is_over_limit(self) -> bool:
        return self._bytes >= self._config.limit_bytes

    def _has_room(self) -> bool:
        if self._awaited == 0:
            return not self._is_over_limit()
        rows = self._awaited + self._config.slicing.rows
        return self._bytes + rows * self._mean < self._config.limit_bytes

    def _let_go_on(self) -> None:
        """A sample has left: let more come, if there is room for many."""
        if self._bytes <= self._config.limit_bytes * RESUME_BELOW:
            self._has_left.notify_all()
        if self._held_back and self._has_room():
            self._held_back = False
            self.look_again()

    def _notify(self) -> None:
        self._arrived.notify_all()
        for listener in self._listeners:
            listener()


def measure(image: bytes | None) -> int:
    """Return the bytes that a sample counts for."""
    return SAMPLE_BYTES if image is None else SAMPLE_BYTES + len(image)
