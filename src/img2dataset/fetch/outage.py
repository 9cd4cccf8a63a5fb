"""How attempts end -> whether it is our own network that fails, and what to do until it is back.

If nearly everything fails without any answer, over many hosts, it is hardly the hosts.  To go on
would burn through the list, so the engine pauses and tries a few URLs now and then, at growing
intervals: at first at once, with some that have just been fetched, for at the end of a list the
dead hosts are among themselves, and nothing is wrong.  What was caught in it is asked for again;
to have it at hand, failures of the network are kept back for a moment before they count.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from img2dataset.errors import Reason
from img2dataset.records import Failure

NETWORK = frozenset(
    {
        Reason.HOST_NOT_RESOLVED,
        Reason.CONNECT_FAILED,
        Reason.CONNECT_TIMEOUT,
        Reason.PROXY_FAILED,
        Reason.CONNECTION_LOST,
        Reason.TLS,
        Reason.TIMEOUT,
    }
)
"""Failures that our own network could be to blame for.  (That a name server says there is no
such host is an answer.)"""

WINDOW = 100
"""The last attempts that are looked at."""
NEARLY_ALL = 0.95
MANY_HOSTS = 20
SAME_HOST = WINDOW // MANY_HOSTS
"""Failures of one host that count: its rows often stand together in a list."""
QUIET = 10.0
"""Seconds after a false alarm in which there is no other."""
KEPT_BACK = 500
"""Failures kept back at most, and ..."""
KEPT_BACK_FOR = 10.0
"""... for how many seconds."""
FIRST_PROBE = 1.0
LONGEST_PROBE = 60.0
"""Seconds between two probes."""
PROBES = 4
"""URLs tried in the first probe; then twice as many each time, as long as there are fewer than:"""
MOST_PROBES = 32
LONGEST_OUTAGE = 600.0
"""Seconds; after that failures count as such, and the list goes on."""
MOST_CATCHES = 3
"""Times that a URL may be caught in an outage."""

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds; to be changed in tests."""

    first_probe: float = FIRST_PROBE
    longest: float = LONGEST_OUTAGE


@dataclass(frozen=True, slots=True)
class HeldFailure(Generic[A]):
    """An attempt that has failed, and when."""

    time: float
    attempt: A
    failure: Failure


class OutageGuard(Generic[A]):
    """Watches how attempts end."""

    def __init__(self, say: Callable[[str], None], times: Times) -> None:
        self._say = say
        self._times = times
        self._window: deque[tuple[str, Reason | None]] = deque()
        self._failures: Counter[str] = Counter()  # in it, by host
        self._good: deque[tuple[str, str]] = deque(maxlen=PROBES)
        self._kept: deque[HeldFailure[A]] = deque()
        self._off = False  # an outage that was too long to wait for: until something answers
        self._began: float | None = None
        self._sure = False
        self._what = ""
        self._quiet_until = 0.0
        self.over_at = 0.0
        """When the last one ended."""
        self._rounds = 0
        self._next_probe = 0.0
        self._pause = 0.0
        self._probes = PROBES

    def __len__(self) -> int:
        """Attempts that are kept back."""
        return len(self._kept)

    @property
    def is_out(self) -> bool:
        """Whether nothing but probes may start."""
        return self._began is not None

    @property
    def is_sure(self) -> bool:
        """Whether it is an outage, not only the look of one."""
        return self._began is not None and self._sure

    @property
    def good(self) -> list[str]:
        """URLs that were fetched not long ago."""
        return [url for _, url in self._good]

    def worked(self, host: str, url: str) -> None:
        """`url` has been fetched."""
        if not self._good or self._good[-1][0] != host:
            self._good.append((host, url))

    def answered(self, host: str, now: float) -> list[A]:
        """Something came from `host`.  Returns what has to be asked for again."""
        self._note(host, None)
        self._off = False
        if self._began is None:
            return []
        began, self._began = self._began, None
        self._window.clear()
        self._failures.clear()
        if not self._sure:
            self._quiet_until = now + QUIET
            return []
        self._say(
            f"the network is back after {now - began:.0f} seconds: downloads go on, "
            f"{len(self._kept)} that had failed are tried again"
        )
        self.over_at = now
        again = [kept.attempt for kept in self._kept]
        self._kept.clear()
        return again

    def failed(self, host: str, reason: Reason, now: float) -> None:
        """Nothing came from `host`."""
        if self._failures[host] >= SAME_HOST:
            return
        self._note(host, reason)
        may_be = self._began is None and not self._off and now >= self._quiet_until
        if may_be and self._looks_like_one():
            self._began = now
            self._what = self._description()
            self._rounds = 0
            self._pause = self._times.first_probe
            self._probes = PROBES
            self._sure = not self._good
            self._next_probe = now + self._pause if self._sure else now
            if self._sure:
                self._say(self._what)

    def keep(self, attempt: A, failure: Failure, now: float) -> None:
        """Keep a failure back; `overdue` gives it out again, unless `answered` does."""
        self._kept.append(HeldFailure(now, attempt, failure))

    def overdue(self, now: float, *, idle: bool) -> list[HeldFailure[A]]:
        """Failures that are not kept back any longer; `idle` = nothing else is under way."""
        if self._began is not None:
            if now < self._began + self._times.longest:
                return []
            self._say(
                f"the network has not come back for {self._times.longest:.0f} seconds: what fails "
                "now is recorded as failed, with a reason that may pass"
            )
            self._began = None
            self._off = True
            idle = True
        given_out = []
        while self._kept and (
            idle
            or self._off
            or len(self._kept) > KEPT_BACK
            or self._kept[0].time + KEPT_BACK_FOR <= now
        ):
            given_out.append(self._kept.popleft())
        return given_out

    def probes_due(self, now: float) -> int:
        """How many URLs to try now; to be asked only while it is out."""
        if now < self._next_probe:
            return 0
        self._rounds += 1
        if not self._sure and self._rounds > 1:  # nothing came of the first
            self._sure = True
            self._say(self._what)
        if self._sure:
            self._pause = min(2 * self._pause, LONGEST_PROBE)
        self._next_probe = now + self._pause
        count, self._probes = self._probes, min(2 * self._probes, MOST_PROBES)
        return count

    def take_one(self) -> A | None:
        """One of those kept back, to be tried again."""
        return self._kept.popleft().attempt if self._kept else None

    def next_time(self) -> float | None:
        """When there is something to do."""
        if self._began is not None:
            return min(self._next_probe, self._began + self._times.longest)
        return self._kept[0].time + KEPT_BACK_FOR if self._kept else None

    def _note(self, host: str, reason: Reason | None) -> None:
        if len(self._window) >= WINDOW:
            oldest, why = self._window.popleft()
            if why is not None:
                self._failures[oldest] -= 1
                if not self._failures[oldest]:
                    del self._failures[oldest]
        self._window.append((host, reason))
        if reason is not None:
            self._failures[host] += 1

    def _looks_like_one(self) -> bool:
        if len(self._window) < WINDOW:
            return False
        hosts = {host for host, reason in self._window if reason is not None}
        failed = sum(reason is not None for _, reason in self._window)
        return failed >= NEARLY_ALL * len(self._window) and len(hosts) >= MANY_HOSTS

    def _description(self) -> str:
        reasons = Counter(reason for _, reason in self._window if reason is not None)
        hosts = {host for host, reason in self._window if reason is not None}
        reason, count = reasons.most_common(1)[0]
        share = sum(reasons.values()) / len(self._window)
        if reason is Reason.HOST_NOT_RESOLVED:
            what = f"DNS fails for {count / len(self._window):.0%} of names: is the resolver down?"
        else:
            what = (
                f"{share:.0%} of downloads fail, over {len(hosts)} hosts (mostly: {reason.label}): "
                "is the network down?"
            )
        return f"{what} Downloads pause until something answers"
