"""Ends of attempts -> whether our own network is out, and what to do until it is back.

If nearly everything fails without any answer, over many hosts, the hosts are hardly the cause.
Going on would burn through the list, so the engine pauses and probes a few URLs at growing
intervals.  The first probe comes at once, with URLs that have just been fetched: at the end of a
list only dead hosts may be left, and nothing is wrong.  Attempts that an outage catches are
repeated; so that they are at hand, failures of the network are held for a moment before they count.

Look-ups are watched apart from downloads: while the resolver is down, hosts whose names are known
go on to answer, and prove nothing.  An outage of names is over when a name server answers.
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
"""Failures that our own network may have caused.  ("No such host" is an answer of a name server.)"""

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class HeldFailure(Generic[A]):
    """A failed attempt, and when it failed."""

    time: float
    attempt: A
    failure: Failure


class Window:
    """The last ends of one kind, and whether nearly all of them are failures, over many hosts."""

    def __init__(self, politeness: Politeness) -> None:
        self._politeness = politeness
        self._ends: deque[tuple[str, Reason | None]] = deque()
        self._failures: Counter[str] = Counter()  # by host

    def note(self, host: str, reason: Reason | None) -> None:
        """Note an end; None = an answer.  Of one host only so many failures count."""
        most = self._politeness.max_outage_failures_per_host
        if reason is not None and self._failures[host] >= most:
            return
        if len(self._ends) >= self._politeness.outage_window:
            oldest, why = self._ends.popleft()
            if why is not None:
                self._failures[oldest] -= 1
                if not self._failures[oldest]:
                    del self._failures[oldest]
        self._ends.append((host, reason))
        if reason is not None:
            self._failures[host] += 1

    def clear(self) -> None:
        self._ends.clear()
        self._failures.clear()

    @property
    def looks_like_outage(self) -> bool:
        if len(self._ends) < self._politeness.outage_window:
            return False
        failed = sum(reason is not None for _, reason in self._ends)
        nearly_all = failed >= self._politeness.outage_share * len(self._ends)
        return nearly_all and len(self._failures) >= self._politeness.min_outage_hosts

    def describe(self) -> str:
        reasons = Counter(reason for _, reason in self._ends if reason is not None)
        reason, count = reasons.most_common(1)[0]
        if reason is Reason.HOST_NOT_RESOLVED:
            return f"DNS fails for {count / len(self._ends):.0%} of names: is the resolver down?"
        share = sum(reasons.values()) / len(self._ends)
        return (
            f"{share:.0%} of downloads fail, over {len(self._failures)} hosts (mostly: "
            f"{reason.label}): is the network down?"
        )


class OutageGuard(Generic[A]):
    """Detects outages of our own network from how attempts end."""

    def __init__(self, say: Callable[[str], None], politeness: Politeness = POLITE) -> None:
        self._say = say
        self._politeness = politeness
        self._downloads = Window(politeness)
        self._lookups = Window(politeness)
        self.of_names = False
        """Whether the last one, suspected or sure, is of the resolver alone."""
        self._known_good: deque[tuple[str, str]] = deque(maxlen=politeness.probe_urls)
        self._held: deque[HeldFailure[A]] = deque()
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
        """Attempts that are held."""
        return len(self._held)

    @property
    def is_out(self) -> bool:
        """Whether nothing but probes may start."""
        return self._began is not None

    @property
    def is_sure(self) -> bool:
        """Whether an outage is confirmed, not only suspected."""
        return self._began is not None and self._sure

    @property
    def known_good(self) -> list[str]:
        """URLs that were fetched not long ago."""
        return [url for _, url in self._known_good]

    def note_success(self, host: str, url: str) -> None:
        """Note that `url` has been fetched."""
        if not self._known_good or self._known_good[-1][0] != host:
            self._known_good.append((host, url))

    def note_answer(self, host: str, now: float) -> list[A] | None:
        """Note that `host` answered; if that ends an outage, return the attempts that it had caught."""
        self._downloads.note(host, None)
        return None if self.of_names else self._end(now)

    def note_resolved(self, name: str, now: float) -> list[A] | None:
        """Note that a name server knew of `name`, be it that there is no such host; return as
        `note_answer`."""
        self._lookups.note(name, None)
        return self._end(now) if self.of_names else None

    def _end(self, now: float) -> list[A] | None:
        was_off, self._off = self._off, False
        if self._began is None:
            return [] if was_off else None
        began, self._began = self._began, None
        self._downloads.clear()
        self._lookups.clear()
        if not self._sure:
            self._quiet_until = now + self._politeness.false_alarm_s
            return None
        self._say(
            f"the network is back after {now - began:.0f} seconds: downloads go on, "
            f"{len(self._held)} that had failed are tried again"
        )
        self.over_at = now
        again = [kept.attempt for kept in self._held]
        self._held.clear()
        return again

    def note_failure(self, host: str, reason: Reason, now: float, attempts: int = 1) -> None:
        """Note that nothing came from `host`, for so many attempts at once."""
        for _ in range(min(attempts, self._politeness.max_outage_failures_per_host)):
            self._downloads.note(host, reason)
            if reason is Reason.HOST_NOT_RESOLVED:
                self._lookups.note(host, reason)
        if self._began is not None or self._off or now < self._quiet_until:
            return
        of_names = self._lookups.looks_like_outage
        if of_names or self._downloads.looks_like_outage:
            self._began = now
            self.of_names = of_names
            window = self._lookups if of_names else self._downloads
            self._what = f"{window.describe()} Downloads pause until something answers"
            self._rounds = 0
            self._pauses = 1
            self._probes = self._politeness.probe_urls
            self._sure = not self._known_good
            self._next_probe = now + self._pause_s if self._sure else now
            if self._sure:
                self._say(self._what)

    def hold(self, attempt: A, failure: Failure, now: float) -> None:
        """Hold a failure, until `release_held` or `note_answer` returns it."""
        self._held.append(HeldFailure(now, attempt, failure))

    def release_held(self, now: float, *, idle: bool) -> list[HeldFailure[A]]:
        """Return the failures that are held no longer; `idle` = nothing else is under way."""
        if self._began is not None:
            if now < self._began + self._politeness.max_outage_s:
                return []
            self._say(
                f"the network has not come back for {self._politeness.max_outage_s:.0f} seconds: what fails "
                "now is recorded as failed, with a transient reason"
            )
            self._began = None
            self._off = True
            idle = True
        given_out = []
        while self._held and (
            idle
            or self._off
            or len(self._held) > self._politeness.max_held_failures
            or self._held[0].time + self._politeness.max_held_s <= now
        ):
            given_out.append(self._held.popleft())
        return given_out

    def probes_due(self, now: float) -> int:
        """Return how many URLs to probe now, while the network is out."""
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

    def take_held(self) -> A | None:
        """Return a held attempt to probe with, if there is one."""
        return self._held.popleft().attempt if self._held else None

    def next_time(self) -> float | None:
        """Return when `probes_due` or `release_held` has something to do."""
        if self._began is not None:
            return min(self._next_probe, self._began + self._politeness.max_outage_s)
        return self._held[0].time + self._politeness.max_held_s if self._held else None

    @property
    def _pause_s(self) -> float:
        return self._politeness.probe.delay(self._pauses)
