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
from img2dataset.fetch.politeness import POLITE, Politeness
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

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class HeldFailure(Generic[A]):
    """An attempt that has failed, and when."""

    time: float
    attempt: A
    failure: Failure


class OutageGuard(Generic[A]):
    """Watches how attempts end."""

    def __init__(self, say: Callable[[str], None], politeness: Politeness = POLITE) -> None:
        self._say = say
        self._politeness = politeness
        self._window: deque[tuple[str, Reason | None]] = deque()
        self._failures: Counter[str] = Counter()  # in it, by host
        self._good: deque[tuple[str, str]] = deque(maxlen=politeness.probe_urls)
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
        self._pauses = 0
        self._probes = politeness.probe_urls

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
            self._quiet_until = now + self._politeness.false_alarm_s
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
        if self._failures[host] >= self._politeness.max_outage_failures_per_host:
            return
        self._note(host, reason)
        may_be = self._began is None and not self._off and now >= self._quiet_until
        if may_be and self._looks_like_one():
            self._began = now
            self._what = self._description()
            self._rounds = 0
            self._pauses = 1
            self._probes = self._politeness.probe_urls
            self._sure = not self._good
            self._next_probe = now + self._pause_s if self._sure else now
            if self._sure:
                self._say(self._what)

    def keep(self, attempt: A, failure: Failure, now: float) -> None:
        """Keep a failure back; `overdue` gives it out again, unless `answered` does."""
        self._kept.append(HeldFailure(now, attempt, failure))

    def overdue(self, now: float, *, idle: bool) -> list[HeldFailure[A]]:
        """Failures that are not kept back any longer; `idle` = nothing else is under way."""
        if self._began is not None:
            if now < self._began + self._politeness.max_outage_s:
                return []
            self._say(
                f"the network has not come back for {self._politeness.max_outage_s:.0f} seconds: what fails "
                "now is recorded as failed, with a reason that may pass"
            )
            self._began = None
            self._off = True
            idle = True
        given_out = []
        while self._kept and (
            idle
            or self._off
            or len(self._kept) > self._politeness.max_held_failures
            or self._kept[0].time + self._politeness.max_held_s <= now
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
            self._pauses += 1
        self._next_probe = now + self._pause_s
        count = self._probes
        self._probes = min(2 * self._probes, self._politeness.max_probe_urls)
        return count

    def take_one(self) -> A | None:
        """One of those kept back, to be tried again."""
        return self._kept.popleft().attempt if self._kept else None

    def next_time(self) -> float | None:
        """When there is something to do."""
        if self._began is not None:
            return min(self._next_probe, self._began + self._politeness.max_outage_s)
        return self._kept[0].time + self._politeness.max_held_s if self._kept else None

    @property
    def _pause_s(self) -> float:
        return self._politeness.probe.delay(self._pauses)

    def _note(self, host: str, reason: Reason | None) -> None:
        if len(self._window) >= self._politeness.outage_window:
            oldest, why = self._window.popleft()
            if why is not None:
                self._failures[oldest] -= 1
                if not self._failures[oldest]:
                    del self._failures[oldest]
        self._window.append((host, reason))
        if reason is not None:
            self._failures[host] += 1

    def _looks_like_one(self) -> bool:
        if len(self._window) < self._politeness.outage_window:
            return False
        hosts = {host for host, reason in self._window if reason is not None}
        failed = sum(reason is not None for _, reason in self._window)
        nearly_all = failed >= self._politeness.outage_share * len(self._window)
        return nearly_all and len(hosts) >= self._politeness.min_outage_hosts

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
