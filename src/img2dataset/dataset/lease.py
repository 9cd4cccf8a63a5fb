"""Heartbeat leases: locks in a store that has none, which a crash does not leave behind.

The holder of a lease writes an object at intervals.  Another process takes the holder for dead
when the object has not changed for `LeaseTimes.timeout_s`.  Contents are compared, never times:
the clocks of two machines need not agree.

`run_lock` uses the heartbeat and the watch alone; `hold_lease` is a lock for one holder at a time,
where the store can create an object only if it is not there (S3, GCS, Azure).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Event, Thread

from img2dataset.errors import LeaseLostError
from img2dataset.storage.file_systems import limit_retries, read_whole
from img2dataset.storage.folder import Folder
from img2dataset.storage.retry import try_once, try_step

JOIN_TIMEOUT_S = 2.0
"""How long a heartbeat that is on its way is waited for when a lease ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimes:
    """The seconds of one kind of lease."""

    heartbeat_s: float
    """Between two heartbeats."""
    timeout_s: float
    """Without a heartbeat, after which the holder is taken for dead."""
    poll_s: float
    """Between two looks at another holder's lease."""
    acquire_s: float = 600.0
    """To wait for another holder at most."""


class Heartbeat:
    """A thread that writes an object at intervals, and removes it when it is stopped."""

    def __init__(
        self, folder: Folder, name: str, content: Callable[[int], bytes], interval_s: float
    ) -> None:
        """`content` makes the bytes of the n-th heartbeat; no two are the same."""
        self._url = folder.url
        self._name = name
        self._content = content
        self._interval_s = interval_s
        self._over = Event()
        self._folder: Folder | None = None
        self._thread = Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float | None = None) -> None:
        """Stop, and wait for a heartbeat that is on its way, for ever or `timeout_s`."""
        self._over.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        count = 0
        while not self._over.wait(self._interval_s):
            count += 1
            # if the store is down, the next one may get through
            try_once(partial(self._write, self._content(count)))
        if self._folder is not None:
            try_once(partial(self._folder.remove, [self._name]))

    def _write(self, data: bytes) -> None:
        if self._folder is None:  # connections belong to threads; and it must not wait
            folder = Folder(self._url)
            limit_retries(folder.fs)
            self._folder = folder
        self._folder.write(self._name, data)


class HolderWatch:
    """Decides from looks at a lease when its holder is dead."""

    def __init__(self, times: LeaseTimes) -> None:
        self._times = times
        self._seen: Hashable = None
        self._looked = self._changed = time.monotonic()

    def is_dead(self, seen: Hashable) -> bool:
        """Take what a look has `seen`; True if it has been the same for too long."""
        now, before = time.monotonic(), self._looked
        self._looked = now
        # while the store was down for us, the holder may not have reached it either
        was_down = now - before > self._times.heartbeat_s
        if seen != self._seen or was_down:
            self._seen, self._changed = seen, now
        return now - self._changed > self._times.timeout_s


def read_or_none(folder: Folder, name: str) -> bytes | None:
    """The content of an object; None if there is no such object."""
    try:
        return folder.read(name)
    except FileNotFoundError:
        return None


def wait_for_holder(folder: Folder, name: str, seconds: float, deadline: float) -> None:
    """Wait a moment for the holder of the lock `name`.

    Raises:
        TimeoutError: the deadline is over, or the run is to end.
    """
    if not folder.rest(seconds) or time.monotonic() > deadline:
        raise TimeoutError(f"another worker is storing {name.rpartition('/')[2]}")


@dataclass(frozen=True, slots=True)
class Lease:
    """A lock for one holder: an object that only one process can create.

    It is never written again, so that no process takes it from another by accident; its holder's
    heartbeat is an object of its own.
    """

    folder: Folder
    name: str
    token: bytes

    def check(self) -> None:
        """Ask the store whether the lease still holds: one request.

        Raises:
            LeaseLostError: its holder was taken for dead.
        """
        try:
            holder = read_whole(self.folder.fs, self.folder.path(self.name))
        except FileNotFoundError:
            holder = b""
        if holder != self.token:
            raise LeaseLostError(f"another worker has taken the lock {self.name}")

    def is_ours(self) -> bool:
        """True if the lease certainly still holds."""
        try:
            return try_step(self.check, []) is None
        except LeaseLostError:
            return False

    def release(self) -> None:
        if self.is_ours():  # one that cannot be removed ends by itself
            try_once(lambda: self.folder.fs.rm_file(self.folder.path(self.name)))


@contextmanager
def hold_lease(folder: Folder, name: str, times: LeaseTimes) -> Iterator[Lease]:
    """Hold the lease `name`.

    Before every step of `folder` in the block the lease is checked: a store that is down for this
    process alone is waited for longer than others wait for this process.

    Raises:
        TimeoutError: another process holds it for too long, or the run is to end.
        LeaseLostError: in the block, by a step of `folder`.
    """
    lease = acquire_lease(folder, name, times)
    heartbeat = Heartbeat(
        folder, heartbeat_name(name, lease.token), lambda _: os.urandom(8), times.heartbeat_s
    )
    heartbeat.start()
    try:
        with folder.guarded(lease.check):
            yield lease
    finally:
        heartbeat.stop(JOIN_TIMEOUT_S)
        lease.release()


def heartbeat_name(name: str, token: bytes) -> str:
    """The object that the holder with `token` writes at intervals."""
    return f"{name}.{token.hex()}"


def acquire_lease(folder: Folder, name: str, times: LeaseTimes) -> Lease:
    """Create the lease; wait for its holder, and remove the lease of one that is dead."""
    deadline = time.monotonic() + times.acquire_s
    lease = Lease(folder, name, os.urandom(8))
    watch = HolderWatch(times)
    while not folder.create(name, lease.token):
        holder = read_or_none(folder, name)
        if holder == lease.token:  # created by a request whose answer was lost
            return lease
        if holder is not None:  # empty, or cut off: one that died while it was created
            heartbeat = heartbeat_name(name, holder)
            if watch.is_dead((holder, read_or_none(folder, heartbeat))):
                folder.remove([name, heartbeat])
                continue
        wait_for_holder(folder, name, times.poll_s, deadline)
    return lease
