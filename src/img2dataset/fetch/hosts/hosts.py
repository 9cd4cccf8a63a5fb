"""Attempts -> those that may start now: each host has slots, rests and delays.

Small servers drop connections when hundreds arrive at once, so a host starts with few at a time;
`host` decides how that changes.  An attempt that cannot start yet is parked at its host.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from operator import attrgetter
from typing import TYPE_CHECKING, Generic, TypeVar

from img2dataset.fetch.hosts.cost import allowed_time, choose_unit
from img2dataset.fetch.hosts.host import Host
from img2dataset.fetch.hosts.host_notices import HostNotices
from img2dataset.fetch.politeness import POLITE, Politeness
from img2dataset.records import Body, Failure
from img2dataset.tally import RestingHost

if TYPE_CHECKING:
    from img2dataset.fetch.hosts.shared import SharedLimits

log = logging.getLogger(__name__)

MAX_RESTING_SHOWN = 3
"""Resting hosts that are shown at once."""
A = TypeVar("A")


class Hosts(Generic[A]):
    """The hosts that are asked, and the attempts that wait for one of them."""

    def __init__(  # noqa: PLR0913  (each is a limit of its own)
        self,
        first_connections_per_host: int,
        max_transfers: int,
        *,
        max_connections_per_host: int | None = None,
        min_delay_per_host: float = 0.0,
        shared: SharedLimits | None = None,
        timeout: float = inf,
        say: Callable[[str], None] = log.debug,
        politeness: Politeness = POLITE,
    ) -> None:
        """A host has `first_connections_per_host` slots at first, `max_transfers` at most.

        `max_connections_per_host` and `min_delay_per_host` hold together with the other processes that have the same
        `shared` file; `timeout` is what a host's time is counted in; `say` takes a line for the
        user.
        """
        self._max_connections_per_host = max_connections_per_host
        self._max_active = min(max_transfers, max_connections_per_host or max_transfers)
        self._first_connections_per_host = min(first_connections_per_host, self._max_active)
        self._min_delay_per_host = min_delay_per_host
        self._shared = shared
        self._politeness = politeness
        self._unit_s = choose_unit(timeout, politeness)
        self._asked = 0
        self._news = HostNotices(say, politeness)
        self._hosts: dict[str, Host[A]] = {}
        self._ready: deque[tuple[str, A]] = deque()
        self._failed: list[tuple[A, Failure]] = []
        self._standings: dict[str, tuple[int, float]] = {}  # of forgotten hosts; oldest first
        self._given_up: dict[str, Failure] = {}
        self._resting: list[tuple[float, str]] = []  # a heap of when to look at a host again
        self._parked = 0

    def __len__(self) -> int:
        """Attempts that wait for their host."""
        return self._parked

    def admit(self, name: str, attempt: A, now: float, delay: float = 0.0) -> bool | Failure:
        """Return whether `attempt` may start now; else `next_ready` or `failed` returns it later.

        `delay` = seconds between two requests that the host wishes, if any.
        """
        host = self._host(name)
        host.charge(now)
        host.asked += 1
        self._asked += 1
        if delay > host.delay:  # its wish is not known yet when it is asked for its robots.txt
            host.delay = delay
            self._news.see_wish(name, delay, now)
        if host.given_up_until > now:
            return host.failure
        if not host.parked and self._may_start(host, now):
            return True
        host.parked.append(attempt)
        self._parked += 1
        return False

    def admit_anyway(self, name: str, now: float) -> bool:
        """Take a slot of the host, whatever its failures: while our own network is out, hosts
        seem worse than they are.  Rests that it asked for, and hard limits, still count."""
        host = self._host(name)
        if host.wants_rest(now) or host.active >= self._max_active or not self._take_slot(host):
            return False
        self._start(host, now)
        host.active += 1
        return True

    def is_given_up(self, name: str, now: float) -> bool:
        """Whether a host's rows fail at once."""
        host = self._hosts.get(name)
        return host is not None and host.given_up_until > now

    def credit(self, name: str, now: float) -> None:
        """Credit a host whose redirect has led to a good answer."""
        if (host := self._hosts.get(name)) is not None:
            host.credit(now, self._unit_s)

    def blame(self, name: str, now: float) -> None:
        """Charge a host whose redirects lead only to itself."""
        host = self._host(name)
        host.charge(now)
        host.cost.fruitless += 1
        self._weigh(host, now)
        self._start_parked(host, now)

    def forgive(self, now: float) -> None:
        """Forget the failures in which the hosts had no part: the network was out."""
        for host in self._hosts.values():
            host.forgive(now)
            self._start_parked(host, now)

    def make_ready(self, name: str, attempt: A) -> None:
        """Queue an attempt that was admitted for `next_ready`."""
        self._ready.append((name, attempt))

    @property
    def any_ready(self) -> bool:
        return bool(self._ready)

    def next_ready(self, now: float) -> A | None:
        """Take an attempt whose host has a slot for it; None if the host rests since."""
        name, attempt = self._ready.popleft()
        host = self._hosts[name]
        if host.given_up_until > now:
            self._leave(host)
            self._failed.append((attempt, host.failure))
            return None
        soonest = host.started + host.delay if host.delay else 0.0
        if host.next_start > now and not host.reserved:
            soonest = max(soonest, host.next_start)
        if soonest > now:
            self._leave(host)
            host.parked.appendleft(attempt)
            self._parked += 1
            host.reserved = False
            host.next_start = max(host.next_start, soonest)
            self._rest(host, host.next_start)
            return None
        self._start(host, now)
        return attempt

    @property
    def ready_count(self) -> int:
        return len(self._ready)

    def failed(self) -> list[tuple[A, Failure]]:
        """Take the attempts that waited for a host which has been given up."""
        failed, self._failed = self._failed, []
        return failed

    def given_up(self) -> dict[str, Failure]:
        """Take the hosts given up since the last call, and the failure of their rows."""
        given_up, self._given_up = self._given_up, {}
        return given_up

    def resting(self, now: float) -> tuple[RestingHost, ...]:
        """Return the hosts that asked for a rest and for which most rows wait."""
        names = {name for _, name in self._resting}
        hosts = [host for name in names if (host := self._hosts.get(name)) is not None]
        waiting = [host for host in hosts if host.parked and host.wants_rest(now)]
        waiting.sort(key=lambda host: (-len(host.parked), host.name))
        return tuple(
            RestingHost(host.name, len(host.parked), host.next_start - now)
            for host in waiting[:MAX_RESTING_SHOWN]
        )

    def next_time(self) -> float | None:
        """When `look` has something to do; None = not before another attempt ends."""
        return self._resting[0][0] if self._resting else None

    def look(self, now: float) -> None:
        """Let the hosts whose rest is over go on."""
        while self._resting and self._resting[0][0] <= now:
            until, name = heappop(self._resting)
            host = self._hosts.get(name)
            if host is not None and host.queued_until == until:  # else it is outdated
                host.queued_until = float("inf")
                self._start_parked(host, now)

    def ended(
        self,
        name: str,
        result: Body | Failure | None,
        first_byte: float,
        now: float,
        wish: float | None = None,
    ) -> None:
        """Learn from an attempt that is over.

        `result` None = it was sent elsewhere; `first_byte` in seconds, 0 = none came; `wish` =
        seconds for which the host wants to be left alone.
        """
        host = self._hosts[name]
        level = host.active
        self._stop(host, now)
        host.learn(
            result,
            first_byte,
            now,
            wish=wish,
            level=level,
            max_active=self._max_active,
            unit_s=self._unit_s,
        )
        self._weigh(host, now)
        if host.next_start > now or host.given_up_until > now:
            self._news.see(host, now)
        self._start_parked(host, now)
        if host.is_forgettable(now):
            self._standings[name] = (host.asked, host.cost.spent_s)
            if len(self._standings) > self._politeness.max_standings:
                del self._standings[next(iter(self._standings))]
            del self._hosts[name]

    def learn_nothing(self, name: str, now: float) -> None:
        """Give back the slot of an attempt whose end is not about the host."""
        host = self._hosts[name]
        self._stop(host, now)
        self._start_parked(host, now)

    def _host(self, name: str) -> Host[A]:
        host = self._hosts.get(name)
        if host is None:
            if len(self._hosts) >= self._politeness.max_hosts:
                self._forget_some()
            host = self._hosts[name] = Host(
                name, self._politeness, self._first_connections_per_host, self._min_delay_per_host
            )
            host.asked, host.cost.spent_s = self._standings.pop(name, (0, 0.0))
        return host

    def _start(self, host: Host[A], now: float) -> None:
        host.charge(now)
        host.running += 1
        host.started = now

    def _stop(self, host: Host[A], now: float) -> None:
        host.charge(now)
        host.running -= 1
        self._leave(host)

    def _weigh(self, host: Host[A], now: float) -> None:
        allowed_s = allowed_time(self._unit_s, host.asked, self._asked, self._politeness)
        host.weigh(now, allowed_s)
        if host.given_up_until > now:
            self._given_up[host.name] = host.failure

    def _leave(self, host: Host[A]) -> None:
        host.active -= 1
        self._give_back_slot(host)

    def _give_back_slot(self, host: Host[A]) -> None:
        if self._shared is not None and host.slots:
            self._shared.give_back(host.slots.pop())

    def _may_start(self, host: Host[A], now: float) -> bool:
        """Take a slot of the host, if one is free and it is time."""
        if host.active >= host.limit:
            host.reserved = False  # used later than given, a time would be too near to the next
            return False
        if host.next_start > now:
            self._rest(host, host.next_start)
            return False
        if not self._take_slot(host):
            host.reserved = False
            host.polls += 1
            self._rest(host, now + self._politeness.shared_slot_poll.delay(host.polls))
            return False
        if not self._is_time(host, now):
            self._give_back_slot(host)
            self._rest(host, host.next_start)
            return False
        host.active += 1
        host.reserved = False
        host.free_at = now + host.delay
        return True

    def _take_slot(self, host: Host[A]) -> bool:
        """Take one of the slots that the processes share, if they do."""
        if self._shared is None or self._max_connections_per_host is None:
            return True
        slot = self._shared.take_slot(host.name, self._max_connections_per_host)
        if slot is None:
            return False
        host.slots.append(slot)
        host.polls = 0
        return True

    def _is_time(self, host: Host[A], now: float) -> bool:
        """Whether a request may start; where there must be a delay, its time is reserved."""
        if host.delay and not host.reserved:
            start = max(now, host.free_at)
            if self._shared is not None:
                start = self._shared.reserve_time(host.name, host.delay, start)
            host.next_start = start
            host.reserved = True
        return host.next_start <= now

    def _start_parked(self, host: Host[A], now: float) -> None:
        host.charge(now)
        if host.given_up_until > now:
            while host.parked:
                self._parked -= 1
                self._failed.append((host.parked.popleft(), host.failure))
            return
        while host.parked and self._may_start(host, now):
            self._parked -= 1
            self._ready.append((host.name, host.parked.popleft()))

    def _rest(self, host: Host[A], until: float) -> None:
        """Schedule the next look at the host."""
        if until < host.queued_until:
            host.queued_until = until
            heappush(self._resting, (until, host.name))

    def _forget_some(self) -> None:
        """Forget a quarter of the idle hosts, first those whose rests are over longest."""
        idle = [host for host in self._hosts.values() if not host.active and not host.parked]
        for host in sorted(idle, key=attrgetter("waits_until"))[: self._politeness.max_hosts // 4]:
            del self._hosts[host.name]
