"""An output folder -> held by one run at a time, by a lock that a crash does not leave behind.

On a local disk the system keeps the lock, and lets go when the process ends, however it ends.
Elsewhere each run has an object of its own there, which it writes anew every few seconds and
removes at its end.  Who finds another's waits to see whether it changes, so the clocks of
machines need not agree; one that a dead process of this machine left is known by its number.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from img2dataset.storage.folder import HIDDEN, LOCK, Folder

HEARTBEAT_S = 10.0
"""Seconds between two signs of life of a run that writes elsewhere."""
LEASE_TIMEOUT_S = 35.0
"""Seconds after which a run that gives none is taken for dead."""
POLL_INTERVAL_S = 1.0
"""Seconds between two looks at another run's lock."""


Part = tuple[int, int]
"""(i, N): part i of N of a list; (0, 1) is all of it."""


@contextmanager
def held(folder: Folder, say: Callable[[str], None], part_of: Part = (0, 1)) -> Iterator[bool]:
    """Hold the folder for this process; yields whether nobody is there whom this would disturb.

    Parts of a run share the folder with each other, but not with a whole run, nor with parts of
    another N, nor with the same part once more.
    """
    if not folder.local:
        with held_elsewhere(folder, say, part_of) as alone:
            yield alone
        return
    if fcntl is None:
        yield True
        return
    with ExitStack() as stack:
        yield hold_part(stack, folder, part_of) if part_of[1] > 1 else try_lock(stack, folder, LOCK)


def hold_part(stack: ExitStack, folder: Folder, part_of: Part) -> bool:
    index, count = part_of
    return (
        try_lock(stack, folder, LOCK, shared=True)
        and try_lock(stack, folder, f"{LOCK}.{index}-of-{count}")
        and not any(is_locked(folder, name) for name in locks_of_others(folder, count))
    )


def locks_of_others(folder: Folder, count: int) -> list[str]:
    """The locks of parts of another number."""
    found = [(re.fullmatch(r"lock\.\d+-of-(\d+)", name), name) for name in folder.names(HIDDEN)]
    return [f"{HIDDEN}/{name}" for match, name in found if match and int(match[1]) != count]


def is_in_use(folder: Folder) -> bool:
    """Whether a run, or a part of one, holds a local folder; nothing is written to find out."""
    if not folder.local or fcntl is None:
        return False
    names = [f"{HIDDEN}/{name}" for name in folder.names(HIDDEN)]
    return any(is_locked(folder, name) for name in names if name.startswith(LOCK))


def is_locked(folder: Folder, name: str) -> bool:
    with ExitStack() as stack:
        return not try_lock(stack, folder, name, shared=True)  # who looks is in nobody's way


def try_lock(stack: ExitStack, folder: Folder, name: str, *, shared: bool = False) -> bool:
    """Lock a local file until `stack` closes, if nobody else has."""
    path = Path(folder.path(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    file = stack.enter_context(path.open("a+"))  # NFS wants to read for one, to write for the other
    return has_locked(file, shared=shared)


def has_locked(file: IO[Any], *, shared: bool = False) -> bool:
    """Lock an open file if nobody else has."""
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


@contextmanager
def held_elsewhere(folder: Folder, say: Callable[[str], None], part_of: Part) -> Iterator[bool]:
    """As `held`, by an object that is renewed.

    It is written first and the others are looked for then: of two runs that begin at the same
    moment at least one sees the other.
    """
    name = f"{LOCK}.{os.urandom(4).hex()}"
    stop = threading.Event()
    beating = threading.Thread(
        target=beat, args=(folder.url, name, stop, part_of), name="lock", daemon=True
    )
    folder.write(name, dump(0, part_of))
    beating.start()
    try:
        others = other_locks(folder, name)
        yield not any(is_held(folder, other, say, part_of) for other in others)
    finally:
        stop.set()
        beating.join()
        with suppress(OSError):  # it will be seen to be dead
            folder.remove([name])


def beat(url: str, name: str, stop: threading.Event, part_of: Part) -> None:
    """Write the lock anew until `stop`."""
    folder = Folder(url)  # connections belong to threads
    count = 0
    while not stop.wait(HEARTBEAT_S):
        count += 1
        with suppress(OSError):  # the store is down: perhaps the next time
            folder.write(name, dump(count, part_of))


def other_locks(folder: Folder, own: str) -> list[str]:
    names = [f"{HIDDEN}/{name}" for name in folder.names(HIDDEN)]
    return [name for name in names if name.startswith(f"{LOCK}.") and name != own]


def is_held(folder: Folder, name: str, say: Callable[[str], None], part_of: Part) -> bool:
    """Whether the run that `name` belongs to is alive, and not another part of ours; the lock of
    one that is dead is removed."""
    seen = content(folder, name)
    holder = holder_in(seen)
    if holder is not None and holder.is_beside(part_of):
        return False
    if holder is not None and holder.here:
        alive = holder.is_alive
    else:
        if seen is not None:
            say(
                f"another run may be writing to {folder.url}: looking for {LEASE_TIMEOUT_S:.0f} seconds"
            )
        alive = seen is not None and changes(folder, name, seen)
    if not alive:
        folder.remove([name])
    return alive


def changes(folder: Folder, name: str, seen: bytes) -> bool:
    """Whether the lock gives a sign of life, and does not go away."""
    end = monotonic() + LEASE_TIMEOUT_S
    pause = threading.Event()
    while monotonic() < end:
        pause.wait(POLL_INTERVAL_S)
        now = content(folder, name)
        if now != seen:
            return now is not None
    return False


def content(folder: Folder, name: str) -> bytes | None:
    try:
        return folder.read(name)
    except FileNotFoundError:
        return None


@dataclass(frozen=True, slots=True)
class Holder:
    """A process, told from all others of all machines."""

    machine: str
    """Since when it runs, and which processes it sees; empty if the system does not say."""
    pid: int
    started: str
    part_of: Part

    def is_beside(self, part_of: Part) -> bool:
        """Whether it is another part of the same number."""
        return self.part_of[1] == part_of[1] > 1 and self.part_of != part_of

    @property
    def here(self) -> bool:
        return bool(self.machine) and self.machine == this_machine()

    @property
    def is_alive(self) -> bool:
        return start_of(self.pid) == self.started


def this_machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def start_of(pid: int) -> str:
    """When a process began, as the system counts; empty if there is none of that number."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def dump(count: int, part_of: Part = (0, 1)) -> bytes:
    pid = os.getpid()
    values = {
        "machine": this_machine(), "pid": pid, "started": start_of(pid), "beat": count,
        "part": part_of,
    }  # fmt: skip
    return json.dumps(values).encode()


def holder_in(data: bytes | None) -> Holder | None:
    try:
        values: Any = json.loads(data or b"")
        index, count = values["part"]
        return Holder(values["machine"], values["pid"], values["started"], (index, count))
    except (ValueError, KeyError, TypeError):
        return None
