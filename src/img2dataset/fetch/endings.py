"""Transfers that are over -> bodies and failures delivered, and attempts that go on.

An attempt is delivered, follows a redirect, waits for its next try (`retries`), or is held back in
case our own network fails (`OutageGuard`).
"""

from __future__ import annotations

import time

from img2dataset.errors import Reason, RowError
from img2dataset.fetch.attempt import Attempt, AttemptState
from img2dataset.fetch.attempts import Attempts
from img2dataset.fetch.config import FetchConfig
from img2dataset.fetch.gates import Gates
from img2dataset.fetch.hosts.cost import is_good
from img2dataset.fetch.hosts.delay_queue import DelayQueue
from img2dataset.fetch.hosts.hosts import Hosts
from img2dataset.fetch.http.redirects import resolve_redirect
from img2dataset.fetch.http.request import Finished, Moved
from img2dataset.fetch.outage import NETWORK, OutageGuard
from img2dataset.fetch.politeness import Politeness
from img2dataset.fetch.retry import RETRIED, delay_before, seconds_to_wait
from img2dataset.records import Body, Failure

LATE = frozenset({Reason.TIMEOUT, Reason.CONNECT_TIMEOUT})


class Endings:
    """Decides what comes of attempts whose transfers are over, or that failed before."""

    def __init__(  # noqa: PLR0913  (what an end concerns)
        self,
        config: FetchConfig,
        politeness: Politeness,
        *,
        gates: Gates,
        hosts: Hosts[Attempt],
        outage: OutageGuard[Attempt],
        attempts: Attempts,
    ) -> None:
        self._config = config
        self._politeness = politeness
        self._gates = gates
        self._hosts = hosts
        self._outage = outage
        self._attempts = attempts
        self.retries: DelayQueue[Attempt] = DelayQueue()
        """Attempts that wait for their next try."""

    def end(self, ended: Finished[Attempt]) -> None:
        """Learn from a transfer that is over, and see to its attempt."""
        now = time.monotonic()
        attempt, result = ended.key, ended.result
        if self._config.save_opt_out_signals:
            attempt.note(ended.signals)
        header = ended.retry_after
        retry_after = None if header is None else seconds_to_wait(header, time.time())
        self._account(attempt, ended)
        self._learn(ended, now, retry_after)
        self.deliver_given_up()
        if ended.status:
            self._note_answer(attempt, result, now)
        if attempt.robots_of is not None:
            self._end_file(attempt, ended, now, retry_after)
        elif isinstance(result, Moved):
            self._follow(attempt, result, self._politeness.max_redirects, now)
        elif isinstance(result, Failure):
            self.fail(attempt, result, now, retry_after)
        else:
            self._conclude(attempt, result)

    def _account(self, attempt: Attempt, ended: Finished[Attempt]) -> None:
        """Charge a transfer to the shard that wanted it."""
        body = ended.seconds - ended.connect - ended.tls - ended.wait
        self._attempts.clock.add_transfer(
            attempt.shard, (attempt.lookup_s, ended.connect, ended.tls, ended.wait, body)
        )
        attempt.lookup_s = 0.0
        attempt.spent_s += ended.seconds

    def _learn(self, ended: Finished[Attempt], now: float, retry_after: float | None) -> None:
        """Learn about the hosts that were asked."""
        attempt, result = ended.key, ended.result
        granted, attempt.left = attempt.left, attempt.left - ended.seconds
        seen = None if isinstance(result, Moved) else result
        late = isinstance(result, Failure) and result.reason in LATE
        origin = attempt.origin.name
        others = origin not in attempt.passed
        if late and others and granted < self._config.timeout / 2:  # they had most of its time
            self._hosts.learn_nothing(origin, now)
        else:
            self._hosts.ended(origin, seen, ended.first_byte, now, retry_after)
        for passed in attempt.passed if is_good(seen) else ():
            self._hosts.credit(passed, now)

    def _note_answer(self, attempt: Attempt, result: object, now: float) -> None:
        """Something answered: our own network is not out."""
        if isinstance(result, Body) and attempt.robots_of is None:
            self._outage.note_success(attempt.origin.name, attempt.listed)
        self._go_on(self._outage.note_answer(attempt.origin.name, now), now)

    def note_resolved(self, name: str, now: float) -> None:
        """A name server answered: it is not down."""
        self._go_on(self._outage.note_resolved(name, now), now)

    def _go_on(self, caught: list[Attempt] | None, now: float) -> None:
        """If an outage is over, forget the failures of which it was the cause, and repeat what it
        caught."""
        if caught is None:
            return
        self._hosts.forgive(now)
        self._gates.forgive()
        for attempt in caught:
            self._ask_again(attempt, now)

    def _follow(self, attempt: Attempt, moved: Moved, most: int, now: float) -> None:
        """Go where a redirect leads."""
        attempt.redirect = moved.fetched
        if attempt.hops >= most:
            self._hosts.blame(attempt.origin.name, now)
            self.deliver_given_up()
            self._conclude(attempt, Failure.of(RowError(Reason.TOO_MANY_REDIRECTS)))
            return
        try:
            url = resolve_redirect(attempt.url, moved.location)
        except RowError as error:
            self._conclude(attempt, Failure.of(error))
            return
        attempt.go_to(url)
        may_be_loop = attempt.hops >= self._politeness.min_loop_redirects
        if may_be_loop and attempt.origin.name in attempt.passed:
            self._hosts.blame(attempt.origin.name, now)  # taken back if a good answer comes of it
            self.deliver_given_up()
        self._gates.enter(attempt, now)

    def _end_file(
        self, attempt: Attempt, ended: Finished[Attempt], now: float, retry_after: float | None
    ) -> None:
        """See to a robots.txt or tdmrep.json."""
        most = self._politeness.max_robots_redirects
        match ended.result:
            case Moved() as moved if attempt.hops < most:
                self._follow(attempt, moved, most, now)
            case Body(data=data):
                self._gates.store_file(attempt, ended.status, data, now)
            case Moved() | Failure(reason=Reason.HTTP_STATUS | Reason.BODY_EMPTY):
                self._gates.store_file(attempt, ended.status, b"", now)
            case Failure() as failure:  # nothing, or a part of a file: that allows nothing
                self.fail(attempt, failure, now, retry_after)

    # -- failures --

    def fail(
        self, attempt: Attempt, failure: Failure, now: float, retry_after: float | None = None
    ) -> None:
        """Let an attempt wait for its next try, or hold it back, or deliver the failure."""
        is_network = failure.reason in NETWORK
        if is_network:
            attempts = self._gates.count_waiting(attempt)
            self._outage.note_failure(attempt.origin.name, failure.reason, now, attempts)
        if attempt.is_only_probe:
            self._attempts.move(attempt, AttemptState.DONE)
            return
        may_be_outage = is_network and attempt.outages < self._politeness.max_outages
        if may_be_outage and self._outage.is_sure:
            self._hold(attempt, failure, now)
        elif may_be_outage and attempt.began < self._outage.over_at:
            self._ask_again(attempt, now)  # it began before others had more luck
        elif self._retry(attempt, failure, now, retry_after):
            pass
        elif may_be_outage:
            self._hold(attempt, failure, now)
        else:
            self._conclude(attempt, failure)

    def _retry(
        self, attempt: Attempt, failure: Failure, now: float, retry_after: float | None
    ) -> bool:
        """Let an attempt wait for its next try; return False if there is none."""
        if failure.reason not in RETRIED or attempt.failures >= self._config.retries:
            return False
        if self._hosts.is_given_up(attempt.origin.name, now):
            return False
        delay = delay_before(attempt.failures + 1, retry_after, self._politeness)
        if delay is None:
            return False
        attempt.failures += 1
        self._wait_until(attempt, now + delay)
        return True

    def _ask_again(self, attempt: Attempt, now: float) -> None:
        """Repeat an attempt that an outage had caught."""
        attempt.outages += 1
        self._wait_until(attempt, now)

    def _wait_until(self, attempt: Attempt, when: float) -> None:
        self._attempts.begin_again(attempt)
        self._attempts.move(attempt, AttemptState.DELAYED)
        self.retries.add(attempt, when)

    def _hold(self, attempt: Attempt, failure: Failure, now: float) -> None:
        self._attempts.move(attempt, AttemptState.HELD)
        self._outage.hold(attempt, failure, now)

    def deliver_held(self, *, idle: bool) -> None:
        """Deliver the failures that no outage explains; `idle` = nothing else is under way."""
        for held in self._outage.release_held(time.monotonic(), idle=idle):
            self._conclude(held.attempt, held.failure)

    def deliver_given_up(self) -> None:
        """Deliver the attempts that waited for a host which has been given up."""
        now = time.monotonic()
        failed = self._hosts.failed()
        for name, failure in self._hosts.given_up().items():
            failed += [(attempt, failure) for attempt in self._retries_at(name)]
        for attempt, failure in failed:
            self._attempts.end_wait(attempt, now)
            may_be_outage = attempt.outages < self._politeness.max_outages
            if attempt.robots_of is not None:
                self._gates.store_file(attempt, None, b"", now)
            elif failure.reason is Reason.HOST_GIVEN_UP and may_be_outage:
                self._hold(attempt, failure, now)  # in case it is not the host's fault
            else:
                self._conclude(attempt, failure)

    def _retries_at(self, origin: str) -> list[Attempt]:
        """Take out the attempts that waited to ask this host again: they need not wait longer."""
        return self.retries.remove(lambda attempt: attempt.origin.name == origin)

    def _conclude(self, attempt: Attempt, outcome: Body | Failure) -> None:
        if attempt.robots_of is not None:
            self._gates.store_file(attempt, None, b"", time.monotonic())
        else:
            self._attempts.deliver(attempt, outcome)
