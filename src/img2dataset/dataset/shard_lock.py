"""Concurrent attempts at a shard -> one of them at a time stores it.

A cluster may start a task twice, or take a worker for dead that goes on.  Servers do not answer
every request alike, so the attempts have different rows, and their files must not be mixed.  An
attempt stores its shard under the shard's lock; if the shard is done by then, it throws its own
files away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from img2dataset.dataset.file_lock import HAS_FILE_LOCKS, is_same_file, open_lock_file, try_lock
from img2dataset.dataset.lease import LeaseTimes, hold_lease, wait_for_holder
from img2dataset.storage.folder import HIDDEN, Folder
from img2dataset.storage.retry import try_once

SHARD_LOCKS = f"{HIDDEN}/turns"
"""The folder of these locks, under the name that it had from the beginning."""
SHARD_LEASE = LeaseTimes(heartbeat_s=15.0, timeout_s=60.0, poll_s=1.0)
FILE_POLL_S = 0.2
"""Seconds between two tries to lock a file."""


@contextmanager
def acquire_shard_lock(
    folder: Folder, name: str, times: LeaseTimes | None = None
) -> Iterator[Callable[[], bool]]:
    """Hold the lock of the shard `name`; yield a callable that tells whether it is still held.

    Without `times` those of SHARD_LEASE count.

    Raises:
        TimeoutError: another attempt holds it for too long, or the run is to end.
        LeaseLostError: in the block, by a step of `folder`: this process was taken for dead.
    """
    with acquire_lock(folder, f"{SHARD_LOCKS}/{name}", times) as is_ours:
        yield is_ours


@contextmanager
def acquire_lock(
    folder: Folder, lock: str, times: LeaseTimes | None = None
) -> Iterator[Callable[[], bool]]:
    """Hold the lock that is the file `lock` in the folder; else as `acquire_shard_lock`."""
    times = times or SHARD_LEASE
    if not folder.local:
        with hold_lease(folder, lock, times) as lease:
            yield lease.is_ours
    elif HAS_FILE_LOCKS:
        with hold_file(folder, lock, times.acquire_s):
            yield always
    else:
        yield always


def always() -> bool:
    return True


@contextmanager
def hold_file(folder: Folder, name: str, acquire_s: float) -> Iterator[None]:
    """Hold a file lock, and remove its file."""
    deadline = time.monotonic() + acquire_s
    path = Path(folder.path(name))
    while True:
        with folder.do(lambda: open_lock_file(path)) as file:
            while not try_lock(file):
                wait_for_holder(folder, name, FILE_POLL_S, deadline)
            if is_same_file(file, path):
                try:
                    yield
                finally:
                    # a file that stays is locked by no process
                    try_once(lambda: path.unlink(missing_ok=True))
                return
