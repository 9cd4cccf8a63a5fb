"""Attempts -> those that may start now: a host is asked gently at first, and more while it is well.

Small servers drop connections when hundreds arrive at once, so a host starts with few at a time.
Every good answer allows a quarter of one more.  After the first sign of trouble (it refuses,
resets, times out, says 429 or 503, or its answers take far longer to begin than its quickest
did) they are halved, and grow by one a round, as TCP does.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from img2dataset.errors import Reason, http_label
from img2dataset.records import Body, Failure

GROWTH = 0.25
"""More at once for each good answer: a quarter more each round, 16 become 256 in 13 rounds.
Doubling, as TCP does, overran a server with a queue of 5 before its first late answer came."""
SLOW = 0.5
"""Seconds to the first byte that are never a sign of trouble if less."""
SLOWER = 5.0
"""Times its quickest first byte that a host may take."""
REST = 1.0
"""Seconds between two halvings: what was in flight at the first has the same cause."""

TROUBLE = frozenset(
    {Reason.CONNECT_FAILED, Reason.CONNECT_TIMEOUT, Reason.CONNECTION_LOST, Reason.TIMEOUT}
)
TOO_MUCH = frozenset({http_label(429), http_label(503)})

A = TypeVar("A")


@dataclass(eq=False, slots=True)
class Host(Generic[A]):
    """What is known of one host."""

    limit: float
    active: int = 0
    troubled: bool = False
    halved_at: float = -REST
    quickest: float = float("inf")
    """Seconds to the first byte, at best."""
    parked: deque[A] = field(default_factory=deque)


class Hosts(Generic[A]):
    """The hosts that are asked, and the attempts that wait for one of them."""

    def __init__(self, first: int, ceiling: int) -> None:
        """A host is asked `first` at once, and `ceiling` at most."""
        self._first = min(first, ceiling)
        self._ceiling = ceiling
        self._hosts: dict[str, Host[A]] = {}
        self._ready: deque[A] = deque()
        self._parked = 0

    def __len__(self) -> int:
        """Attempts that wait."""
        return self._parked + len(self._ready)

    def admit(self, url: str, attempt: A) -> bool:
        """Whether `attempt` may start now; if not, `next_ready` gives it out when it may."""
        host = self._hosts.setdefault(host_of(url), Host(limit=self._first))
        if host.active < host.limit:
            host.active += 1
            return True
        host.parked.append(attempt)
        self._parked += 1
        return False

    @property
    def any_ready(self) -> bool:
        return bool(self._ready)

    def next_ready(self) -> A:
        """An attempt whose host has a place for it now."""
        return self._ready.popleft()

    def ended(self, url: str, result: Body | Failure, first_byte: float, now: float) -> None:
        """Learn from an attempt that is over; `first_byte` in seconds, 0 = none came."""
        name = host_of(url)
        host = self._hosts[name]
        host.active -= 1
        if in_trouble(host, result, first_byte):
            if now >= host.halved_at + REST:
                host.halved_at = now
                host.troubled = True
                host.limit = max(1.0, host.limit / 2)
        elif host.active + 1 >= host.limit / 2:  # what is not used is not known to be good
            step = 1 / host.limit if host.troubled else GROWTH
            host.limit = min(float(self._ceiling), host.limit + step)
        if first_byte > 0:
            host.quickest = min(host.quickest, first_byte)
        while host.parked and host.active < host.limit:
            host.active += 1
            self._parked -= 1
            self._ready.append(host.parked.popleft())
        if host.active == 0 and not host.troubled:
            del self._hosts[name]  # lists have millions of hosts; what is well is soon learnt again


def host_of(url: str) -> str:
    """Scheme, name and port, as one text."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}"


def in_trouble(host: Host[A], result: Body | Failure, first_byte: float) -> bool:
    if isinstance(result, Failure) and (result.reason in TROUBLE or result.label in TOO_MUCH):
        return True
    return first_byte > max(SLOW, SLOWER * host.quickest)
