"""The stages of a worker -> the accounts of its shards."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Collection

from img2dataset.accounting.account import IMAGE, TRANSFER, Account, Stage
from img2dataset.accounting.hosts import KEPT_OF_A_SHARD, HostCount, HostCounts

OF_NO_SHARD = -1
"""For what a worker does for all of its shards; it is charged to the next one that ends."""
QUEUED_IMAGE = (Stage.IMAGE_WAIT, *IMAGE)
MAX_SHOWN_HOSTS = 100
"""Hosts of a shard under way that are looked at; of more, no few hold up the others."""


def copy_account(account: Account) -> Account:
    few = len(account.hosts.by_host) <= MAX_SHOWN_HOSTS
    hosts = HostCounts(account.hosts.by_host.copy()) if few else HostCounts()
    return Account(account.seconds.copy(), account.sizes.copy(), hosts)


class StageClock:
    """Adds up what the shards of one worker take.  Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accounts: defaultdict[int, Account] = defaultdict(Account)

    def add(self, shard_id: int, stage: Stage, seconds: float) -> None:
        """Charge a stage to a shard."""
        with self._lock:
            self._accounts[shard_id].seconds[stage] += seconds

    def add_image(self, shard_id: int, seconds: tuple[float, ...], size: int) -> None:
        """Charge what one image took.

        Args:
            shard_id: the shard of its row.
            seconds: its wait for a thread, and those of the stages of IMAGE, in order.
            size: its bytes, 0 if there is none.
        """
        with self._lock:
            account = self._accounts[shard_id]
            for stage, each in zip(QUEUED_IMAGE, seconds, strict=True):
                if each > 0:
                    account.seconds[stage] += each
            account.sizes["stored"] += size

    def add_transfer(self, shard_id: int, seconds: tuple[float, ...]) -> None:
        """Charge a transfer that is over; `seconds` are those of the stages of TRANSFER, in order."""
        with self._lock:
            account = self._accounts[shard_id]
            account.sizes["transfers"] += 1
            for stage, each in zip(TRANSFER, seconds, strict=True):
                if each > 0:
                    account.seconds[stage] += each

    def add_host(self, shard_id: int, host: str, count: HostCount) -> None:
        """Count what a host did for rows that are over, and charge their wait for it."""
        with self._lock:
            account = self._accounts[shard_id]
            if count.waited > 0:
                account.seconds[Stage.HOST_WAIT] += count.waited
            account.sizes["downloaded"] += count.size
            account.hosts.add(host, count)

    def peek(self, shard_ids: Collection[int]) -> dict[int, Account]:
        """Return what shards under way have taken so far, with their hosts if they are few.  What
        is of no shard is with the first."""
        with self._lock:
            known = self._accounts
            found = {each: copy_account(known[each]) for each in shard_ids if each in known}
            first = next(iter(shard_ids), None)
            if first is not None and OF_NO_SHARD in known:
                found[first] = found.get(first, Account()) + known[OF_NO_SHARD]
        return found

    def take(self, shard_id: int) -> Account:
        """Return the account of a shard that is over, and forget it."""
        with self._lock:
            account = self._accounts.pop(shard_id, None) or Account()
            shared = self._accounts.pop(OF_NO_SHARD, None)
        hosts = account.hosts.trim(KEPT_OF_A_SHARD)
        own = Account(account.seconds, account.sizes, hosts)
        return own if shared is None else own + shared


class WorkerTime:
    """The time and the CPU time of a worker while it has shards open.  Called from one thread."""

    def __init__(self, clock: StageClock) -> None:
        self._clock = clock
        self._charged = (time.monotonic(), time.process_time())

    def charge(self, *, is_open: bool) -> None:
        """Charge the time since the last call; `is_open`: shards were open in it."""
        before, self._charged = self._charged, (time.monotonic(), time.process_time())
        if is_open:
            self._clock.add(OF_NO_SHARD, Stage.WORKER, self._charged[0] - before[0])
            self._clock.add(OF_NO_SHARD, Stage.WORKER_CPU, self._charged[1] - before[1])
