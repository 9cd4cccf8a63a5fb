"""The stages of a worker -> the accounts of its shards."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from img2dataset.accounting.account import IMAGE, TRANSFER, Account, Stage
from img2dataset.accounting.hosts import KEPT_OF_A_SHARD, HostCount, HostCounts

OF_NO_SHARD = -1
"""For what a worker does for all of its shards; it is charged to the next one that ends."""
QUEUED_IMAGE = (Stage.IMAGE_WAIT, *IMAGE)
MAX_SHOWN_HOSTS = 100
"""Hosts of a shard under way that are looked at; of more, no few hold up the others."""


MAX_NOTED = 4096
"""Rows of which no more is noted before it is added up, if nobody asks."""

N = TypeVar("N", bound=tuple[Any, ...])


def group(noted: deque[N]) -> dict[int, list[N]]:
    """Take what was noted, by shard; others may note more meanwhile."""
    by_shard: defaultdict[int, list[N]] = defaultdict(list)
    for _ in range(len(noted)):
        one = noted.popleft()
        by_shard[one[0]].append(one)
    return by_shard


def charge(account: Account, stages: Sequence[Stage], seconds: Sequence[Sequence[float]]) -> None:
    """Charge rows to stages; each row has the seconds of all stages, in order."""
    for stage, each in zip(stages, zip(*seconds, strict=True), strict=True):
        if total := sum(each):
            account.seconds[stage] += total


def copy_account(account: Account) -> Account:
    few = len(account.hosts.by_host) <= MAX_SHOWN_HOSTS
    hosts = HostCounts(account.hosts.by_host.copy()) if few else HostCounts()
    return Account(account.seconds.copy(), account.sizes.copy(), hosts)


class StageClock:
    """Adds up what the shards of one worker take.  Thread-safe.

    What each row takes is only noted, and added up for many rows at once: so it costs a row little.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accounts: defaultdict[int, Account] = defaultdict(Account)
        self._images: deque[tuple[int, tuple[float, ...], int]] = deque()
        self._transfers: deque[tuple[int, tuple[float, ...]]] = deque()
        self._hosts: deque[tuple[int, str, HostCount]] = deque()

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
        self._images.append((shard_id, seconds, size))
        if len(self._images) > MAX_NOTED:
            self._add_up()

    def add_transfer(self, shard_id: int, seconds: tuple[float, ...]) -> None:
        """Charge a transfer that is over; `seconds` are those of the stages of TRANSFER, in order."""
        self._transfers.append((shard_id, seconds))
        if len(self._transfers) > MAX_NOTED:
            self._add_up()

    def add_host(self, shard_id: int, host: str, count: HostCount) -> None:
        """Count what a host did for rows that are over, and charge their wait for it."""
        self._hosts.append((shard_id, host, count))
        if len(self._hosts) > MAX_NOTED:
            self._add_up()

    def _add_up(self) -> None:
        """Charge what was noted."""
        with self._lock:
            for shard_id, images in group(self._images).items():
                account = self._accounts[shard_id]
                _, seconds, sizes = zip(*images, strict=True)
                charge(account, QUEUED_IMAGE, seconds)
                account.sizes["stored"] += sum(sizes)
            for shard_id, transfers in group(self._transfers).items():
                account = self._accounts[shard_id]
                charge(account, TRANSFER, [seconds for _, seconds in transfers])
                account.sizes["transfers"] += len(transfers)
            for shard_id, noted in group(self._hosts).items():
                self._add_hosts(self._accounts[shard_id], noted)

    def _add_hosts(self, account: Account, noted: list[tuple[int, str, HostCount]]) -> None:
        by_host: defaultdict[str, list[HostCount]] = defaultdict(list)
        for _, host, count in noted:
            by_host[host].append(count)
        for host, counts in by_host.items():
            total = counts[0] if len(counts) == 1 else HostCount.sum(counts)
            if total.waited:
                account.seconds[Stage.HOST_WAIT] += total.waited
            account.sizes["downloaded"] += total.size
            account.hosts.add(host, total)

    def peek(self, shard_ids: Collection[int]) -> dict[int, Account]:
        """Return what shards under way have taken so far, with their hosts if they are few.  What
        is of no shard is with the first."""
        self._add_up()
        with self._lock:
            known = self._accounts
            found = {each: copy_account(known[each]) for each in shard_ids if each in known}
            first = next(iter(shard_ids), None)
            if first is not None and OF_NO_SHARD in known:
                found[first] = found.get(first, Account()) + known[OF_NO_SHARD]
        return found

    def take(self, shard_id: int) -> Account:
        """Return the account of a shard that is over, and forget it."""
        self._add_up()
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
