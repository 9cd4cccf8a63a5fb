"""Attempts at a shard -> one at a time where they would spoil each other's.

A cluster may start a task twice, or take a worker for dead that goes on.  What they stored would
be mixed, since servers do not answer everyone alike.  So each takes its turn to store: in it, who
finds that the shard is done throws its own away.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from img2dataset.locks import has_locked
from img2dataset.storage import HIDDEN, Folder

TURNS = f"{HIDDEN}/turns"
LEASE = 60.0
"""Seconds without a sign of life after which a turn at an object store is over."""
SIGN_EVERY = 15.0
PATIENCE = 600.0
"""Seconds to wait for one's turn; then the shard fails, and is done again later."""
PAUSE = 0.2


@contextmanager
def turn_to_store(folder: Folder, name: str) -> Iterator[None]:
    """In the block, no other attempt at the shard is."""
    turn = f"{TURNS}/{name}"
    with locked(Path(folder.path(turn))) if folder.local else leased(folder, turn):
        yield


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """A lock of the system's, which lets go when its holder dies.  File systems without locks
    have none."""
    if fcntl is None:
        yield
        return
    deadline = time.monotonic() + PATIENCE
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a") as file:
            lock_in_time(file, deadline)
            if is_still(file, path):
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return
        path.parent.mkdir(parents=True, exist_ok=True)


def lock_in_time(file: IO[Any], deadline: float) -> None:
    while not has_locked(file):
        if time.monotonic() > deadline:
            raise TimeoutError(f"another worker is storing {Path(file.name).name}")
        time.sleep(PAUSE)


def is_still(file: IO[Any], path: Path) -> bool:
    """Whether `path` is the file that we have open: who held it before us has removed it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def leased(folder: Folder, name: str) -> Iterator[None]:
    """An object that only one can make, and that must change to count: a holder that has died
    does not change it any more."""
    wait_for_lease(folder, name)
    over = Event()
    signs = Thread(target=give_signs, args=(folder.url, name, over), daemon=True)
    signs.start()
    try:
        yield
    finally:
        over.set()
        signs.join()
        folder.remove([name])


def wait_for_lease(folder: Folder, name: str) -> None:
    deadline = time.monotonic() + PATIENCE
    seen, since = b"", time.monotonic()
    looked = since
    while not folder.create(name, os.urandom(8)):
        try:
            sign = folder.read(name)
        except FileNotFoundError:
            continue
        now, before = time.monotonic(), looked
        looked = now
        if sign != seen or now - before > SIGN_EVERY:  # a store that was down for us was so for it
            seen, since = sign, now
        elif now - since > LEASE:
            folder.remove([name])
            continue
        if now > deadline:
            raise TimeoutError(f"another worker is storing {name.rpartition('/')[2]}")
        time.sleep(5 * PAUSE)


def give_signs(url: str, name: str, over: Event) -> None:
    folder = Folder(url)  # connections belong to threads; and it must not wait
    while not over.wait(SIGN_EVERY):
        with suppress(OSError):  # the store is down: perhaps the next time
            folder.write(name, os.urandom(8))
