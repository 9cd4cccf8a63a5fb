"""Attempts at a shard -> one at a time where they would spoil each other's.

A cluster may start a task twice, or take a worker for dead that goes on.  What they stored would
be mixed, since servers do not answer everyone alike.  So each takes its turn to store: in it, who
finds that the shard is done throws its own away.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from img2dataset.dataset.run_lock import has_locked
from img2dataset.errors import TurnLostError
from img2dataset.storage.folder import HIDDEN, Folder, be_brief
from img2dataset.storage.retry import attempt, try_once

TURNS = f"{HIDDEN}/turns"
LEASE = 60.0
"""Seconds without a sign of life after which a turn at an object store is over."""
HEARTBEAT_S = 15.0
PATIENCE = 600.0
"""Seconds to wait for one's turn; then the shard fails, and is done again later."""
PAUSE = 0.2
LAST_SIGN = 2.0
"""Seconds that a sign of life which is on its way may take when the turn is over."""


@contextmanager
def turn_to_store(folder: Folder, name: str) -> Iterator[Callable[[], bool]]:
    """In the block, no other attempt at the shard is; yields what tells whether that still holds.

    Raises:
        TimeoutError: it does not become our turn in time, or we are told to end.
        TurnLostError: in the block, by a step of `folder`: we were taken for dead.
    """
    turn = f"{TURNS}/{name}"
    with locked(folder, turn) if folder.local else leased(folder, turn) as is_ours:
        yield is_ours


def always() -> bool:
    return True


def wait_on(folder: Folder, name: str, seconds: float, deadline: float) -> None:
    """Wait for the end of somebody else's turn."""
    if not folder.rest(seconds) or time.monotonic() > deadline:
        raise TimeoutError(f"another worker is storing {name.rpartition('/')[2]}")


# -- in a folder


@contextmanager
def locked(folder: Folder, name: str) -> Iterator[Callable[[], bool]]:
    """A lock of the system's, which lets go when its holder dies.  File systems without locks
    have none."""
    if fcntl is None:
        yield always
        return
    deadline = time.monotonic() + PATIENCE
    path = Path(folder.path(name))
    while True:
        with folder.do(lambda: opened(path)) as file:
            while not has_locked(file):
                wait_on(folder, name, PAUSE, deadline)
            if is_still(file, path):
                try:
                    yield always
                finally:
                    try_once(lambda: path.unlink(missing_ok=True))  # nobody's, if it stays
                return


def opened(path: Path) -> IO[Any]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a")


def is_still(file: IO[Any], path: Path) -> bool:
    """Whether `path` is the file that we have open: who held it before us has removed it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


# -- in an object store


@dataclass(frozen=True, slots=True)
class Lease:
    """An object that only one can make.  It is never written again, so that nobody takes it from
    another by accident; its holder gives signs of life by another one, which is its own."""

    folder: Folder
    name: str
    token: bytes

    def check(self) -> None:
        """One request.

        Raises:
            TurnLostError: we were taken for dead, and it is another's, or nobody's.
        """
        try:
            holder = self.folder.fs.cat_file(self.folder.path(self.name))
        except FileNotFoundError:
            holder = b""
        if holder != self.token:
            raise TurnLostError(f"another worker has taken the turn at {self.name}")

    def is_ours(self) -> bool:
        """Whether it certainly is."""
        try:
            return attempt(self.check, []) is None
        except TurnLostError:
            return False

    def end(self) -> None:
        if self.is_ours():  # one that stays ends by itself
            try_once(lambda: self.folder.fs.rm_file(self.folder.path(self.name)))


@contextmanager
def leased(folder: Folder, name: str) -> Iterator[Callable[[], bool]]:
    """A lease.  Before every step that touches the store we look whether it is still ours: a store
    that is down for us alone is waited for longer than others wait for us."""
    lease = wait_for_lease(folder, name)
    over = Event()
    signs = Thread(
        target=give_signs, args=(folder.url, sign_of(name, lease.token), over), daemon=True
    )
    signs.start()
    try:
        with folder.guarded(lease.check):
            yield lease.is_ours
    finally:
        over.set()
        signs.join(LAST_SIGN)
        lease.end()


def sign_of(name: str, holder: bytes) -> str:
    """The object by which the holder of a lease shows that it is alive."""
    return f"{name}.{holder.hex()}"


def wait_for_lease(folder: Folder, name: str) -> Lease:
    deadline = time.monotonic() + PATIENCE
    lease = Lease(folder, name, os.urandom(8))
    seen, since = (b"", b""), time.monotonic()
    looked = since
    while not folder.create(name, lease.token):
        holder = content(folder, name)
        if holder == lease.token:  # made by a request whose answer was lost
            return lease
        if not holder:
            continue
        sign = (holder, content(folder, sign_of(name, holder)))
        now, before = time.monotonic(), looked
        looked = now
        if sign != seen or now - before > HEARTBEAT_S:  # a store that was down for us was so for it
            seen, since = sign, now
        elif now - since > LEASE:
            folder.remove([name, sign_of(name, holder)])
            continue
        wait_on(folder, name, 5 * PAUSE, deadline)
    return lease


def content(folder: Folder, name: str) -> bytes:
    try:
        return folder.read(name)
    except FileNotFoundError:
        return b""


def give_signs(url: str, name: str, over: Event) -> None:
    """Write an object anew until `over`, then remove it."""
    folder = Folder(url)  # connections belong to threads; and it must not wait
    be_brief(folder.fs)
    given = False
    while not over.wait(HEARTBEAT_S):
        given = True
        try_once(lambda: folder.write(name, os.urandom(8)))  # if the store is down, the next time
    if given:
        try_once(lambda: folder.remove([name]))
