"""Requests of all processes of a run on one machine -> whether a host may have one more.

One file holds the state.  A slot of a host is a lock on one byte, which the system gives back when
its process dies; the time of a host's next request is a number in a table.  Locks of fcntl belong
to a process, so a process must open the file only once.
"""

from __future__ import annotations

import fcntl
import os
import struct
from hashlib import blake2b

TABLE_SIZE = 65_536
"""Numbers in the table; hosts that share one are asked as if they were one host."""
NUMBER = struct.Struct("d")
TABLE_LOCKS = 1 << 62
"""Where the locks of the table's numbers begin; below are those of the slots."""
MAX_SLOTS_PER_HOST = 1 << 14
"""Of one host."""


class SharedLimits:
    """The shared file.  Times are of the monotonic clock, which all processes of a machine share."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._taken: set[int] = set()

    def take_slot(self, host: str, max_connections_per_host: int) -> int | None:
        """Take one of a host's slots; None = all are taken.  Never waits."""
        start = (_hash_host(host) >> 16) * MAX_SLOTS_PER_HOST
        for slot in range(start, start + min(max_connections_per_host, MAX_SLOTS_PER_HOST)):
            if slot not in self._taken and self._lock(slot):
                self._taken.add(slot)
                return slot
        return None

    def give_back(self, slot: int) -> None:
        self._taken.discard(slot)
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)

    def reserve_time(self, host: str, delay: float, now: float) -> float:
        """When a request to the host may start: `delay` after the one reserved before."""
        entry = _hash_host(host) % TABLE_SIZE
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, TABLE_LOCKS + entry)
        try:
            stored = os.pread(self._file, NUMBER.size, entry * NUMBER.size)
            last = NUMBER.unpack(stored)[0] if len(stored) == NUMBER.size else 0.0
            start = max(now, last)
            os.pwrite(self._file, NUMBER.pack(start + delay), entry * NUMBER.size)
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, TABLE_LOCKS + entry)
        return start

    def close(self) -> None:
        os.close(self._file)  # which gives all slots back

    def _lock(self, slot: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except OSError:
            return False
        return True


def _hash_host(host: str) -> int:
    """63 bits less those of a host's slots, the same in every process."""
    return int.from_bytes(blake2b(host.encode(), digest_size=8).digest(), "big") >> 2
