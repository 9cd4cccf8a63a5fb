"""Attempts -> those that may start now: a host is asked gently at first, and more while it is well.

Small servers drop connections when hundreds arrive at once, so a host starts with few at a time.
Every good answer allows a quarter of one more.  After the first sign of trouble (it refuses,
resets, times out, says 429 or 503, or its answers take far longer to begin than its quickest
did) they are halved, and grow by one a round, as TCP does.  A host that says "too many" or asks
for a rest is left alone for as long as it asks; where that level was is remembered, and tried
again only after a good while.  A host that does nothing but fail gets longer and longer rests,
and is given up for a while after a few of them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Generic, TypeVar

from img2dataset.errors import Reason, RowError, http_label
from img2dataset.fetch.retry import FIRST_REST, LONGEST_OBEYED, rest_after
from img2dataset.records import Body, Failure

if TYPE_CHECKING:
    from img2dataset.fetch.shared import Shared

GROWTH = 0.25
"""More at once for each good answer: a quarter more each round, 16 become 256 in 13 rounds.
Doubling, as TCP does, overran a server with a queue of 5 before its first late answer came."""
SLOW = 0.5
"""Seconds to the first byte that are never a sign of trouble if less."""
SLOWER = 5.0
"""Times its quickest first byte that a host may take."""
BETWEEN_HALVINGS = 1.0
"""Seconds: what was in flight at the first has the same cause."""
BAD_LEVEL_COUNTS = 30.0
"""Seconds that a host is kept below the number at which it said "too many"; doubles each time."""
LONGEST_BAD_LEVEL = 600.0

STREAK = 8
"""Failures in a row, without any answer, after which a host has to be tried singly."""
TRIALS = 3
"""Single tries that may fail too, after rests of 1, 2, 4 seconds, before it is given up."""
GIVEN_UP = 60.0
"""Seconds until a host that was given up is tried again; doubles each time."""
LONGEST_GIVEN_UP = 600.0
MOST_HOSTS = 100_000
"""Hosts remembered (1.2 kB each); then a quarter of those that are not being asked is forgotten."""
ASK_AGAIN = 0.02
LONGEST_POLL = 0.5
"""Seconds until it is looked again whether another process has given back a place; twice as long
each time."""

DEAD = frozenset({Reason.CONNECT_FAILED, Reason.CONNECT_TIMEOUT, Reason.TIMEOUT})
"""No sign of life."""
TROUBLE = DEAD | {Reason.CONNECTION_LOST}
TOO_MUCH = frozenset({http_label(429), http_label(503)})

A = TypeVar("A")


@dataclass(eq=False, slots=True)
class Host(Generic[A]):
    """What is known of one host.  Times are of the monotonic clock."""

    name: str
    limit: float
    delay: float
    """Seconds between the starts of two requests."""
    active: int = 0
    started: float = float("-inf")
    """When it was asked last."""
    next_start: float = 0.0
    """No request may start before."""
    reserved: bool = False
    """Whether `next_start` is a time that was given to us, not a rest."""
    free_at: float = 0.0
    """When the next request may start for all we know, if there is a delay between two."""
    troubled: bool = False
    halved_at: float = -BETWEEN_HALVINGS
    quickest: float = float("inf")
    """Seconds to the first byte, at best."""
    bad_level: float = float("inf")
    """How many at once were too many."""
    bad_until: float = 0.0
    bad_for: float = BAD_LEVEL_COUNTS / 2
    refusals: int = 0
    """Times in a row that it said "too much"."""
    failures: int = 0
    """In a row without a sign of life."""
    trials: int = 0
    """Single tries since then."""
    given_up_until: float = 0.0
    given_up_times: int = 0
    why: Reason = Reason.HOST_GIVEN_UP
    parked: deque[A] = field(default_factory=deque)
    queued_until: float = float("inf")
    """When it is looked at again, if it waits for its time."""
    poll: float = ASK_AGAIN
    """Seconds until it is looked again for a place that another process may have given back."""
    places: list[int] = field(default_factory=list)


class Hosts(Generic[A]):
    """The hosts that are asked, and the attempts that wait for one of them."""

    def __init__(
        self,
        first: int,
        ceiling: int,
        *,
        max_per_host: int | None = None,
        min_delay: float = 0.0,
        shared: Shared | None = None,
    ) -> None:
        """A host is asked `first` at once, and `ceiling` at most.

        `max_per_host` and `min_delay` hold together with the other processes that have the same
        `shared` file.
        """
        self._ceiling = min(ceiling, max_per_host or ceiling)
        self._first = min(first, self._ceiling)
        self._max_per_host = max_per_host
        self._min_delay = min_delay
        self._shared = shared
        self._hosts: dict[str, Host[A]] = {}
        self._ready: deque[tuple[str, A]] = deque()
        self._failed: list[tuple[A, Failure]] = []
        self._resting: list[tuple[float, str]] = []  # a heap of when to look at a host again
        self._parked = 0

    def __len__(self) -> int:
        """Attempts that wait for their host."""
        return self._parked

    def admit(self, name: str, attempt: A, now: float, delay: float = 0.0) -> bool | Failure:
        """Whether `attempt` may start now; if not, `next_ready` or `failed` give it out later.

        `delay` = seconds between two requests that the host wishes, if any.
        """
        host = self._host(name)
        # its wish is not known yet when it is asked for its robots.txt
        host.delay = max(host.delay, delay)
        if host.given_up_until > now:
            return _given_up(host)
        if not host.parked and self._may_start(host, now):
            return True
        host.parked.append(attempt)
        self._parked += 1
        return False

    def admit_anyway(self, name: str, now: float) -> bool:
        """Take a place of the host, whatever its failures: while our own network is out, hosts
        seem worse than they are.  What it asked for itself, and hard limits, count all the same."""
        host = self._host(name)
        resting = host.next_start > now and bool(host.refusals or host.reserved or host.delay)
        wants_rest = host.given_up_until > now and host.why is Reason.HOST_ASKS_FOR_REST
        if resting or wants_rest or host.active >= self._ceiling or not self._take_place(host):
            return False
        host.active += 1
        host.started = now
        return True

    def forgive(self, now: float) -> None:
        """Forget the failures in which the hosts had no part: the network was out."""
        for host in self._hosts.values():
            if host.failures >= STREAK and not host.reserved:
                host.next_start = now
            if host.why is Reason.HOST_GIVEN_UP:
                host.given_up_until = 0.0
            host.failures = host.trials = host.given_up_times = 0
            self._start_parked(host, now)

    def make_ready(self, name: str, attempt: A) -> None:
        """Give out, by `next_ready`, an attempt that was admitted."""
        self._ready.append((name, attempt))

    @property
    def any_ready(self) -> bool:
        return bool(self._ready)

    def next_ready(self, now: float) -> A | None:
        """An attempt whose host has a place for it now; None if its host wants a rest since."""
        name, attempt = self._ready.popleft()
        host = self._hosts[name]
        if host.given_up_until > now:
            self._leave(host)
            self._failed.append((attempt, _given_up(host)))
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
        host.started = now
        return attempt

    @property
    def ready_count(self) -> int:
        return len(self._ready)

    def failed(self) -> list[tuple[A, Failure]]:
        """Attempts that had to wait and whose host has been given up since."""
        failed, self._failed = self._failed, []
        return failed

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
        self._leave(host)
        self._count_failures(host, result if first_byte == 0 else None, now)
        if isinstance(result, Failure) and result.label in TOO_MUCH:
            self._obey(host, result.label, level, wish, now)
        else:
            host.refusals = 0
        if in_trouble(host, result, first_byte):
            self._halve(host, now)
        elif level >= host.limit / 2:  # what is not used is not known to be good
            self._grow(host, now)
        if first_byte > 0:
            host.quickest = min(host.quickest, first_byte)
        self._start_parked(host, now)
        if host.active == 0 and not host.parked and _is_forgettable(host, now):
            del self._hosts[name]

    def learn_nothing(self, name: str, now: float) -> None:
        """Give back the place of an attempt whose end says nothing of the host."""
        host = self._hosts[name]
        self._leave(host)
        self._start_parked(host, now)

    def _host(self, name: str) -> Host[A]:
        host = self._hosts.get(name)
        if host is None:
            if len(self._hosts) >= MOST_HOSTS:
                self._forget_some()
            host = self._hosts[name] = Host(name, self._first, self._min_delay)
        return host

    def _leave(self, host: Host[A]) -> None:
        host.active -= 1
        self._give_back_place(host)

    def _give_back_place(self, host: Host[A]) -> None:
        # one that was admitted anyway has none
        if self._shared is not None and len(host.places) > host.active:
            self._shared.give_back(host.places.pop())

    def _may_start(self, host: Host[A], now: float) -> bool:
        """Take a place of the host, if there is one and it is time."""
        if host.active >= host.limit:
            host.reserved = False  # used later than given, a time would be too near to the next
            return False
        if host.next_start > now:
            self._rest(host, host.next_start)
            return False
        if not self._take_place(host):
            host.reserved = False
            self._rest(host, now + host.poll)
            host.poll = min(2 * host.poll, LONGEST_POLL)
            return False
        if not self._is_time(host, now):
            self._give_back_place(host)
            self._rest(host, host.next_start)
            return False
        host.active += 1
        host.reserved = False
        host.free_at = now + host.delay
        return True

    def _take_place(self, host: Host[A]) -> bool:
        """Take one of the places that the processes share, if they do."""
        if self._shared is None or self._max_per_host is None:
            return True
        place = self._shared.take_place(host.name, self._max_per_host)
        if place is None:
            return False
        host.places.append(place)
        host.poll = ASK_AGAIN
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
        if host.given_up_until > now:
            while host.parked:
                self._parked -= 1
                self._failed.append((host.parked.popleft(), _given_up(host)))
            return
        while host.parked and self._may_start(host, now):
            self._parked -= 1
            self._ready.append((host.name, host.parked.popleft()))

    def _rest(self, host: Host[A], until: float) -> None:
        """Look at the host again then, if anybody waits for it or will."""
        if until < host.queued_until:
            host.queued_until = until
            heappush(self._resting, (until, host.name))

    def _count_failures(self, host: Host[A], result: Body | Failure | None, now: float) -> None:
        if not isinstance(result, Failure) or result.reason not in DEAD:
            if host.trials and not host.reserved:  # a probe: it need not rest any longer
                host.next_start = min(host.next_start, now)
            host.failures = host.trials = host.given_up_times = 0
            return
        host.failures += 1
        if host.failures < STREAK:
            return
        host.limit = 1.0
        if host.active > 0:  # what started before the last rest says nothing new
            return
        if host.trials < TRIALS:
            _put_off(host, now + FIRST_REST * 2.0**host.trials)
            host.trials += 1
            return
        host.given_up_until = now + min(GIVEN_UP * 2.0**host.given_up_times, LONGEST_GIVEN_UP)
        host.given_up_times += 1
        host.why = Reason.HOST_GIVEN_UP

    def _obey(self, host: Host[A], label: str, level: int, wish: float | None, now: float) -> None:
        """The host said "too much"; `level` = how much it was."""
        if host.next_start <= now or host.reserved or not host.refusals:
            host.refusals += 1  # else what it refuses was on its way already
        if now >= host.halved_at + BETWEEN_HALVINGS:
            host.bad_level = min(host.limit, float(level))
            host.bad_for = min(2 * host.bad_for, LONGEST_BAD_LEVEL)
            host.bad_until = now + host.bad_for
        rest = rest_after(host.refusals, wish, sure=label == http_label(429))
        if rest > LONGEST_OBEYED:
            host.given_up_until = now + rest
            host.why = Reason.HOST_ASKS_FOR_REST
        else:
            _put_off(host, now + rest)

    def _forget_some(self) -> None:
        """Make room for others; those whose rests are over longest, or who had none, go first."""
        idle = [host for host in self._hosts.values() if not host.active and not host.parked]
        for host in sorted(idle, key=_waits_until)[: MOST_HOSTS // 4]:
            del self._hosts[host.name]

    def _halve(self, host: Host[A], now: float) -> None:
        if now >= host.halved_at + BETWEEN_HALVINGS:
            host.halved_at = now
            host.troubled = True
            host.limit = max(1.0, host.limit / 2)

    def _grow(self, host: Host[A], now: float) -> None:
        step = 1 / host.limit if host.troubled else GROWTH
        limit = min(float(self._ceiling), host.limit + step)
        if host.bad_until > now:
            limit = min(limit, max(1.0, host.bad_level - 1))
        host.limit = max(host.limit, limit)


def _put_off(host: Host[A], until: float) -> None:
    """Let no request start before `until`."""
    if until > host.next_start:
        host.next_start = until
        host.reserved = False


def _waits_until(host: Host[A]) -> float:
    return max(host.next_start, host.free_at, host.given_up_until)


def _is_forgettable(host: Host[A], now: float) -> bool:
    """Lists have millions of hosts, and what is well is soon learnt again."""
    return not (host.troubled or host.failures) and _waits_until(host) <= now


def _given_up(host: Host[A]) -> Failure:
    return Failure.of(RowError(host.why))


def in_trouble(host: Host[A], result: Body | Failure | None, first_byte: float) -> bool:
    if isinstance(result, Failure) and (result.reason in TROUBLE or result.label in TOO_MUCH):
        return True
    return first_byte > max(SLOW, SLOWER * host.quickest)
