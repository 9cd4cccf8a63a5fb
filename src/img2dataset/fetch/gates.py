"""Attempts -> those that a host has a slot for: the three gates that each hop has to pass.

Is there a route to the host (`Router`: names, addresses, proxies)?  Does its robots.txt allow the
URL (`RobotsGate`)?  Has the host a slot (`Hosts`)?  Each gate lets an attempt through, fails it, or
keeps it until it can tell.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from img2dataset.accounting.account import Stage
from img2dataset.errors import Reason, RowError
from img2dataset.fetch.attempt import Attempt, AttemptState
from img2dataset.fetch.attempts import Attempts
from img2dataset.fetch.config import FetchConfig
from img2dataset.fetch.dns.lookups import Lookups
from img2dataset.fetch.hosts.hosts import Hosts
from img2dataset.fetch.outage import OutageGuard
from img2dataset.fetch.policy.refusals import list_our_names
from img2dataset.fetch.politeness import Politeness
from img2dataset.fetch.route.router import Route, Router
from img2dataset.options.choices import RobotsTxt
from img2dataset.records import Failure

if TYPE_CHECKING:
    from img2dataset.fetch.policy.robots_gate import RobotsGate

Fail = Callable[[Attempt, Failure, float], None]


class Gates:
    """Lets attempts through to their hosts, as far as each gets."""

    def __init__(  # noqa: PLR0913  (what stands behind the gates)
        self,
        config: FetchConfig,
        politeness: Politeness,
        *,
        router: Router,
        hosts: Hosts[Attempt],
        outage: OutageGuard[Attempt],
        attempts: Attempts,
        fail: Fail,
        note_resolved: Callable[[str, float], None],
    ) -> None:
        """`fail` takes an attempt that does not get through, and why; `note_resolved` hears of each name
        that a name server knew of, and when."""
        self._config = config
        self._router = router
        self._hosts = hosts
        self._outage = outage
        self._attempts = attempts
        self._fail = fail
        self._note_resolved = note_resolved
        self._lookups: Lookups[Attempt] = Lookups(politeness)
        self._robots = make_robots_gate(config, politeness)
        self.probes: deque[Attempt] = deque()
        """Probes that are through, and may start even while the network is out."""

    @property
    def names_awaited(self) -> int:
        """Attempts that wait for a name."""
        return self._lookups.attempts

    @property
    def waiting(self) -> int:
        """Attempts that wait for a name or for a robots.txt."""
        return self._lookups.attempts + len(self._robots or ())

    def may_begin(self, now: float) -> bool:
        """Return whether another name may be looked up."""
        return self._lookups.may_begin(now)

    def timeout(self, now: float) -> float | None:
        """Return the seconds until `take_names` has something to do; None = until a socket is ready."""
        if not self._lookups:
            return None
        seconds = self._router.next_timeout(now)
        overdue = self._lookups.next_time()
        if overdue is None:
            return seconds
        left = max(0.0, overdue - now)
        return left if seconds is None else min(seconds, left)

    # -- a route, robots.txt, a slot --

    def enter(self, attempt: Attempt, now: float) -> None:
        """Send an attempt through the gates, as far as it gets."""
        self._attempts.move(attempt, AttemptState.ENTERING)
        attempt.began = attempt.began or now
        if attempt.is_object:
            self._admit(attempt, 0.0, now)
            return
        match self._router.find(attempt.origin, attempt.listed_host):
            case Failure() as failure:
                self._fail(attempt, failure, now)
            case None:
                attempt.began = attempt.lookup_began = now
                self._attempts.move(attempt, AttemptState.RESOLVING)
                self._lookups.add(self._router.name_for(attempt.origin), attempt, now, attempt.left)
            case Route() as route:
                attempt.route = route
                self._ask_robots(attempt, now)

    def take_names(self) -> None:
        """Let the attempts go on whose names are known now, and fail those that waited too long."""
        if not self._lookups:
            return
        now = time.monotonic()
        found = self._router.found(now)
        for name, is_known in found:
            if is_known:
                self._note_resolved(name, now)
        for name, _ in found:
            for attempt in self._lookups.take(name):
                attempt.left -= now - attempt.lookup_began
                attempt.lookup_s += now - attempt.lookup_began
                self.enter(attempt, now)
        for attempt in self._lookups.overdue(now):
            self._attempts.clock.add(attempt.shard, Stage.DNS, now - attempt.lookup_began)
            self._fail(attempt, Failure.of(RowError(Reason.HOST_NOT_RESOLVED)), now)

    def forgive(self) -> None:
        """Forget what could not be had, names and robots.txt files: the network was out."""
        self._router.forgive()
        if self._robots is not None:
            self._robots.forgive()

    def count_waiting(self, attempt: Attempt) -> int:
        """Return how many attempts fail with this one, itself included."""
        if self._robots is None or attempt.robots_of is None:
            return 1
        return 1 + self._robots.count_waiting(attempt.robots_of)

    def probe(self, attempt: Attempt, now: float) -> None:
        """Send an attempt through the gates even if the network is out, by an address that is known
        now if names are in doubt."""
        attempt.probing = True
        if self._outage.of_names and not attempt.is_object:
            self._router.look_up_anew(attempt.origin)
        self.enter(attempt, now)

    def _ask_robots(self, attempt: Attempt, now: float) -> None:
        if self._robots is None or attempt.robots_of is not None:
            self._admit(attempt, 0.0, now)
            return
        origin = attempt.origin.name
        verdict = self._robots.check(origin, attempt.url, now)
        if verdict is not None:
            attempt.reserved = self._robots.reserves(origin, attempt.url)
            if self._config.save_opt_out_signals:
                attempt.note(self._robots.signals(origin, attempt.url))
        match verdict:
            case Failure() as failure:
                self._fail(attempt, failure, now)
            case None:
                self._attempts.move(attempt, AttemptState.AWAITING_ROBOTS)
                if self._robots.wait(origin, attempt):
                    self._ask_for(self._robots.where(attempt.url), attempt, origin, now)
            case delay:
                self._admit(attempt, delay * self._config.host_limit_share, now)

    def _admit(self, attempt: Attempt, delay: float, now: float) -> None:
        name = attempt.origin.name
        if attempt.probing and self._outage.is_out:
            if self._hosts.admit_anyway(name, now):
                self._attempts.move(attempt, AttemptState.AT_HOST)
                self.probes.append(attempt)
                return
            if attempt.is_only_probe:
                self._attempts.move(attempt, AttemptState.DONE)
                return
        match self._hosts.admit(name, attempt, now, delay):
            case Failure() as failure:
                self._fail(attempt, failure, now)
            case admitted:
                attempt.admitted = now - self._attempts.room_wait_s
                self._attempts.move(attempt, AttemptState.AT_HOST)
                if admitted:
                    self._hosts.make_ready(name, attempt)

    # -- the files of an origin --

    def _ask_for(self, file: str, attempt: Attempt, origin: str, now: float) -> None:
        """Ask for a file of the origin, on behalf of `attempt`."""
        asking = self._attempts.without_rows(file)
        asking.listed_host = attempt.listed_host
        asking.robots_of = origin
        asking.is_tdmrep = attempt.robots_of is not None
        asking.probing = attempt.probing
        self.enter(asking, now)

    def store_file(self, attempt: Attempt, status: int | None, data: bytes, now: float) -> None:
        """Note what came of asking for a file of an origin, and let go on what waited for it."""
        assert self._robots is not None  # noqa: S101  (for the type checker)
        assert attempt.robots_of is not None  # noqa: S101
        self._attempts.move(attempt, AttemptState.DONE)
        store = self._robots.store_tdmrep if attempt.is_tdmrep else self._robots.store
        for waiting in store(attempt.robots_of, status, data, now):
            self.enter(waiting, now)
        if not attempt.is_tdmrep and self._robots.wants_tdmrep(attempt.robots_of):
            file = self._robots.where_tdmrep(attempt.listed)
            self._ask_for(file, attempt, attempt.robots_of, now)


def make_robots_gate(config: FetchConfig, politeness: Politeness) -> RobotsGate[Attempt] | None:
    """Return the gate that knows robots.txt files; None = they are ignored."""
    if config.robots_txt != RobotsTxt.RESPECT:
        return None
    from img2dataset.fetch.policy.robots_gate import RobotsGate  # noqa: PLC0415  (few runs do)

    return RobotsGate(
        list_our_names(config),
        usage_counts=config.respect_content_usage,
        reservations_count=config.respect_tdm_reservation or config.save_opt_out_signals,
        politeness=politeness,
    )
