"""An output folder -> locked by one run at a time; a crash leaves no lock behind.

On a local disk the lock is the system's, which ends with its process.  In a store elsewhere each
run has an object of its own, a heartbeat (see `lease`), which it removes at its end.  A run that
finds another one's object waits to see whether it changes; the object of a dead process of this
machine is known by its process number.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from img2dataset.dataset.file_lock import HAS_FILE_LOCKS, open_lock_file, try_lock
from img2dataset.dataset.lease import Heartbeat, HolderWatch, LeaseTimes, read_or_none
from img2dataset.storage.folder import HIDDEN, LOCK, Folder

RUN_LEASE = LeaseTimes(heartbeat_s=10.0, timeout_s=35.0, poll_s=1.0)

Part = tuple[int, int]
"""(i, N): part i of N of a list; (0, 1) is all of it."""


@contextmanager
def acquire_run_lock(
    folder: Folder,
    say: Callable[[str], None],
    part_of: Part = (0, 1),
    times: LeaseTimes = RUN_LEASE,
) -> Iterator[bool]:
    """Lock the folder for this process; yield False if another run has it.

    Parts of a run share the folder with each other, but not with a whole run, nor with parts of
    another N, nor with the same part once more.
    """
    if not folder.local:
        with acquire_elsewhere(folder, say, part_of, times) as acquired:
            yield acquired
    elif HAS_FILE_LOCKS:
        with ExitStack() as stack:
            yield lock_part(stack, folder, part_of) if part_of[1] > 1 else lock(stack, folder, LOCK)
    else:
        yield True


# -- on a local disk


def lock_part(stack: ExitStack, folder: Folder, part_of: Part) -> bool:
    index, count = part_of
    return (
        lock(stack, folder, LOCK, shared=True)
        and lock(stack, folder, f"{LOCK}.{index}-of-{count}")
        and not any(is_locked(folder, name) for name in list_other_parts(folder, count))
    )


def list_other_parts(folder: Folder, count: int) -> list[str]:
    """The locks of parts of another number."""
    found = [(re.fullmatch(r"lock\.\d+-of-(\d+)", name), name) for name in folder.names(HIDDEN)]
    return [f"{HIDDEN}/{name}" for match, name in found if match and int(match[1]) != count]


def is_in_use(folder: Folder) -> bool:
    """True if a run, or a part of one, has locked a local folder; writes nothing to find out."""
    if not folder.local or not HAS_FILE_LOCKS:
        return False
    names = [f"{HIDDEN}/{name}" for name in folder.names(HIDDEN)]
    return any(is_locked(folder, name) for name in names if name.startswith(LOCK))


def can_see_parts(folder: Folder) -> bool:
    """Whether a process can tell which others are writing into the folder."""
    return HAS_FILE_LOCKS or not folder.local


def is_any_alive(folder: Folder, times: LeaseTimes = RUN_LEASE) -> bool:
    """True if a run, or a part of one, is writing into the folder.

    In a store elsewhere it may take as long as `times` says, and locks of dead runs are removed.
    """
    if folder.local:
        return is_in_use(folder)
    others = list_other_locks(folder, own="")
    return any(is_alive(folder, each, lambda _: None, (0, 1), times) for each in others)


def is_locked(folder: Folder, name: str) -> bool:
    """True if another process has locked a local file.

    The file is only read: the folder may be of another owner, or on a read-only file system.
    """
    try:
        with Path(folder.path(name)).open("rb") as file:
            # a shared lock disturbs no other process that only looks
            return not try_lock(file, shared=True)
    except FileNotFoundError:  # removed at the end of its run
        return False


def lock(stack: ExitStack, folder: Folder, name: str, *, shared: bool = False) -> bool:
    """Lock a local file until `stack` closes; False if another process has."""
    file = stack.enter_context(open_lock_file(Path(folder.path(name))))
    return try_lock(file, shared=shared)


# -- in a store elsewhere


@contextmanager
def acquire_elsewhere(
    folder: Folder, say: Callable[[str], None], part_of: Part, times: LeaseTimes
) -> Iterator[bool]:
    """As `acquire_run_lock`, by a heartbeat.

    Its object is written first, then others are looked for: of two runs that begin at the same
    moment at least one sees the other.
    """
    name = f"{LOCK}.{os.urandom(4).hex()}"
    heartbeat = Heartbeat(folder, name, partial(dump, part_of=part_of), times.heartbeat_s)
    folder.write(name, dump(0, part_of))
    heartbeat.start()
    try:
        others = list_other_locks(folder, name)
        yield not any(is_alive(folder, other, say, part_of, times) for other in others)
    finally:
        heartbeat.stop()
        with suppress(OSError):  # it will be seen to be dead
            folder.remove([name])


def list_other_locks(folder: Folder, own: str) -> list[str]:
    names = [f"{HIDDEN}/{name}" for name in folder.names(HIDDEN)]
    return [name for name in names if name.startswith(f"{LOCK}.") and name != own]


def is_alive(
    folder: Folder, name: str, say: Callable[[str], None], part_of: Part, times: LeaseTimes
) -> bool:
    """True if the run of the lock `name` is alive, and not another part of this one; removes the
    lock of a dead run."""
    seen = read_or_none(folder, name)
    holder = parse_holder(seen)
    if holder is not None and holder.is_beside(part_of):
        return False
    if holder is not None and holder.here:
        alive = holder.is_alive
    elif seen is None:
        alive = False
    else:
        say(
            f"another run may be writing to {folder.url}: looking for {times.timeout_s:.0f} seconds"
        )
        alive = changes(folder, name, seen, times)
    if not alive:
        folder.remove([name])
    return alive


def changes(folder: Folder, name: str, seen: bytes, times: LeaseTimes) -> bool:
    """True if the lock has a heartbeat; False if it has none, or goes away."""
    watch = HolderWatch(times)
    deadline = monotonic() + times.acquire_s
    pause = threading.Event()
    now: bytes | None = seen
    while not watch.is_dead(now) and monotonic() < deadline:
        pause.wait(times.poll_s)
        now = read_or_none(folder, name)
        if now != seen:
            return now is not None
    return monotonic() >= deadline  # a store too slow to tell: the safe answer


@dataclass(frozen=True, slots=True)
class Holder:
    """A process, identified among those of all machines."""

    machine: str
    """Its boot and its pid namespace; empty if the system does not say."""
    pid: int
    started: str
    part_of: Part

    def is_beside(self, part_of: Part) -> bool:
        """True if it is another part of the same number."""
        return self.part_of[1] == part_of[1] > 1 and self.part_of != part_of

    @property
    def here(self) -> bool:
        return bool(self.machine) and self.machine == name_machine()

    @property
    def is_alive(self) -> bool:
        return find_start(self.pid) == self.started


def name_machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def find_start(pid: int) -> str:
    """When a process began, in ticks of the system; empty if no process has that number."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def dump(count: int, part_of: Part = (0, 1)) -> bytes:
    pid = os.getpid()
    values = {
        "machine": name_machine(), "pid": pid, "started": find_start(pid), "beat": count,
        "part": part_of,
    }  # fmt: skip
    return json.dumps(values).encode()


def parse_holder(data: bytes | None) -> Holder | None:
    try:
        values: Any = json.loads(data or b"")
        index, count = values["part"]
        return Holder(values["machine"], values["pid"], values["started"], (index, count))
    except (ValueError, KeyError, TypeError):
        return None
