"""Rows -> bodies: hundreds in flight in one thread.

A row becomes an Attempt, which has to pass three gates at every hop (`_enter`): is there a way
to its host (`way`: names, addresses, proxies), does its robots.txt allow it (`robots_gate`), and
has the host a place for it (`hosts`)?  Each gate lets it through, fails it, or keeps it until it
can tell.  Then it is started (`_start_what_may`), and ends (`_end`): delivered, sent on by a
redirect, put aside until it may be tried again, or kept back in case it is our own network that
fails (`outage`).
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from img2dataset.errors import Reason, RowError
from img2dataset.fetch.attempt import Attempt
from img2dataset.fetch.budget import Budget
from img2dataset.fetch.config import FetchConfig
from img2dataset.fetch.dns.lookups import Lookups
from img2dataset.fetch.hosts.cost import is_good
from img2dataset.fetch.hosts.delay_queue import DelayQueue
from img2dataset.fetch.hosts.hosts import Hosts
from img2dataset.fetch.http.curl import Ended, Moved, Request, Transfers
from img2dataset.fetch.http.fd_limit import transfers_allowed
from img2dataset.fetch.http.redirects import target
from img2dataset.fetch.http.urls import sendable
from img2dataset.fetch.loop import Loop
from img2dataset.fetch.outage import MOST_CATCHES, NETWORK, OutageGuard, Times
from img2dataset.fetch.policy.refusals import Refusals, our_names
from img2dataset.fetch.read_ahead import ReadAhead
from img2dataset.fetch.retry import RETRIED, delay_before, seconds_to_wait
from img2dataset.fetch.route.router import Route, Router
from img2dataset.records import Body, Failure, Row
from img2dataset.tally import RestingHost

if TYPE_CHECKING:
    from img2dataset.fetch.policy.robots_gate import RobotsGate

log = logging.getLogger(__name__)

LONGEST_STOP = 2.0
"""Seconds that `stop` waits for the thread to end."""
MOST_REDIRECTS = 10
FEW_REDIRECTS = 3
"""More of them, and back to a host that was asked before, may be a loop."""
MOST_ROBOTS_REDIRECTS = 5
"""As RFC 9309 has it."""
LEAST_TIME = 0.05
"""Seconds; with less left nothing is asked."""
RESTING_EVERY_S = 0.5
"""Seconds between two looks at which hosts rest."""
LATE = frozenset({Reason.TIMEOUT, Reason.CONNECT_TIMEOUT})
Deliver = Callable[[Row, "Body | Failure"], None]


class Room(Protocol):
    """How much the stages after this one can take."""

    @property
    def full(self) -> bool:
        """Whether no other transfer may be started for now."""
        ...

    @property
    def free_bytes(self) -> int:
        """Bytes that bodies may take which are still arriving."""
        ...


class Engine:
    """Fetches the rows it is given and delivers each exactly once, in any order."""

    def __init__(
        self,
        config: FetchConfig,
        deliver: Deliver,
        room: Room,
        *,
        say: Callable[[str], None] = log.warning,
        outage_times: Times | None = None,
    ) -> None:
        """`deliver` is called in the engine's thread and must be quick; `say` takes a
        line for the user."""
        self._config = config
        self._deliver = deliver
        self._room = room
        self._ceiling = transfers_allowed(config.thread_count)
        self._loop = Loop()
        self._budget = Budget(lambda: room.free_bytes)
        self._ways = Router(config, self._loop)
        self._shared = None
        if config.shared_file is not None:
            from img2dataset.fetch.hosts.shared import Shared  # noqa: PLC0415  (not on Windows)

            self._shared = Shared(config.shared_file)
        self._hosts: Hosts[Attempt] = Hosts(
            config.first_here,
            self._ceiling,
            max_per_host=config.most_here,
            min_delay=config.min_delay * config.host_limit_share,
            shared=self._shared,
            timeout=config.timeout,
            say=say,
        )
        self._robots: RobotsGate[Attempt] | None = None
        if config.respect_robots_txt:
            from img2dataset.fetch.policy.robots_gate import RobotsGate  # noqa: PLC0415  (few runs do)

            self._robots = RobotsGate(
                our_names(config),
                usage_counts=config.respect_content_usage,
                reservations_count=config.respect_tdm_reservation or config.keep_signals,
            )
        self._outage: OutageGuard[Attempt] = OutageGuard(say, outage_times or Times())
        self._transfers: Transfers[Attempt] = Transfers(
            config,
            self._loop,
            budget=self._budget,
            kept_open=self._ceiling,
            refuses=Refusals(config),
            may_connect=None if config.private_addresses == "allow" else self._ways.may_connect,
        )
        self._queue: deque[Row] = deque()
        self._asked: dict[str, Attempt] = {}  # by the URL of the list, from queue to delivery
        self._lookups: Lookups[Attempt] = Lookups()
        self._retries: DelayQueue[Attempt] = DelayQueue()
        self._probes: deque[Attempt] = deque()  # which start even while it is out
        self._copies = 0  # rows whose URL is under way for another row
        self._reading_on = ReadAhead()
        self._resting: tuple[RestingHost, ...] = ()
        self._look_at_resting = 0.0
        self._waits_for_room = False
        self._stopping = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="img2dataset-fetch", daemon=True)

    def __repr__(self) -> str:
        return (
            f"<Engine: {self.waiting} waiting, {self.in_flight} in flight, "
            f"{len(self._hosts)} parked, {len(self._retries)} to be retried, "
            f"{len(self._lookups)} names looked up, {len(self._outage)} kept back, "
            f"{self._budget.reserved} bytes reserved>"
        )

    @property
    def waiting(self) -> int:
        """Rows submitted and not yet begun, those apart that cannot begin for now."""
        return len(self._queue) + self._reading_on.counted(self._aside)

    @property
    def _aside(self) -> int:
        """Rows that cannot begin for now."""
        waiting = len(self._hosts) + len(self._retries) + len(self._robots or ())
        return waiting + self._lookups.attempts + self._copies

    @property
    def in_flight(self) -> int:
        return len(self._transfers)

    @property
    def reserved_bytes(self) -> int:
        """Bytes of bodies that are held here, or will be."""
        return self._budget.reserved

    @property
    def resting(self) -> tuple[RestingHost, ...]:
        """Hosts for which rows wait, as of a moment ago; from any thread."""
        return self._resting

    def start(self) -> None:
        self._thread.start()

    def submit(self, rows: Iterable[Row]) -> None:
        """Add rows to fetch.  From any thread; never blocks."""
        self._queue.extend(list(rows))
        self._loop.poke()

    def wake(self) -> None:
        """Say that `room` has appeared.  From any thread; next to free if nothing waits for it."""
        if self._waits_for_room or self._budget.waiting:
            self._loop.poke()

    def stop(self) -> None:
        """Abandon everything: what is not delivered yet never is.  May be called again."""
        self._stopping = True
        if self._thread.ident is None:
            self._close()
        elif self._thread is not threading.current_thread():
            self._loop.poke()
            self._thread.join(LONGEST_STOP)

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._transfers.close()
        self._ways.close()
        self._loop.close()
        if self._shared is not None:
            self._shared.close()

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._turn()
        finally:
            self._close()

    def _turn(self) -> None:
        """Start what may start, sleep until something happens, and see to it."""
        now = time.monotonic()
        self._take_up(now)
        self._start_what_may(now)
        self._reading_on.look(self._aside, now, places_are_empty=self._places_are_empty)
        if now >= self._look_at_resting:
            self._look_at_resting = now + RESTING_EVERY_S
            self._resting = self._hosts.resting(now)
        self._loop.wait(self._patience(now))
        for ended in self._transfers.ended():
            self._end(ended)
        if self._lookups:
            self._take_answers()
        if self._outage or self._outage.is_out:
            self._give_up_overdue()

    # -- which attempt is next --

    def _take_up(self, now: float) -> None:
        """Let rows enter as long as there is a place for what comes of them."""
        if self._outage.is_out:
            self._probe(now)
            return
        due = self._hosts.next_time()
        if due is not None and due <= now:
            self._hosts.look(now)
            self._deliver_failed()
        while self._retries.is_due(now) and self._can_take(now):
            self._enter(self._retries.take(), now)
        while self._queue and self._can_take(now):
            attempt = self._new_attempt()
            if attempt is not None:
                self._enter(attempt, now)

    @property
    def _places_are_empty(self) -> bool:
        busy = self._queue or self._waits_for_room
        return not busy and len(self._transfers) < self._ceiling

    def _can_take(self, now: float) -> bool:
        free = self._places - len(self._transfers) - self._hosts.ready_count
        return free > 0 and self._lookups.may_begin(now)

    @property
    def _places(self) -> int:
        """Transfers that may be in flight: a connection that does not come about takes none."""
        if len(self._transfers) < self._ceiling:
            return self._ceiling
        return self._ceiling + min(self._transfers.stalled, self._ceiling)

    def _probe(self, now: float) -> None:
        """Try a few URLs, some that worked, one that failed, and new ones: is the network back?"""
        count = self._outage.probes_due(now)
        for url in self._outage.good if count else ():
            known = Attempt.at(url, self._config.timeout)
            known.probing = True
            self._enter(known, now)
        for number in range(count if self._outage.is_sure else 0):
            attempt = self._outage.take_one() if number == 0 or not self._queue else None
            while attempt is None and self._queue:
                attempt = self._new_attempt()
            if attempt is not None:
                attempt.begin_again(self._config.timeout)
                attempt.probing = True
                self._enter(attempt, now)

    def _new_attempt(self) -> Attempt | None:
        """An attempt at the next row; None if there is one under way, or can be none."""
        row = self._queue.popleft()
        if row.problem is not None:
            reason = Reason.MALFORMED_LINE
            self._deliver(row, Failure(reason, reason.label, row.problem))
            return None
        try:
            url = sendable(row.url)
        except RowError as error:
            self._deliver(row, Failure.of(error))
            return None
        attempt = self._asked.get(url)
        if attempt is not None:
            attempt.rows.append(row)
            self._copies += 1
            return None
        attempt = self._asked[url] = Attempt.at(url, self._config.timeout)
        attempt.rows.append(row)
        return attempt

    # -- the gates --

    def _enter(self, attempt: Attempt, now: float) -> None:
        """Through the gates, as far as it gets."""
        attempt.began = attempt.began or now
        match self._ways.find(attempt.place, attempt.listed_host):
            case Failure() as failure:
                self._failed(attempt, failure, now)
            case None:
                attempt.began = attempt.lookup_began = now
                name = self._ways.name_for(attempt.place)
                self._lookups.add(name, attempt, now, attempt.left)
            case Route() as way:
                attempt.way = way
                self._ask_robots(attempt, now)

    def _ask_robots(self, attempt: Attempt, now: float) -> None:
        """The second gate."""
        if self._robots is None or attempt.robots_of is not None:
            self._admit(attempt, 0.0, now)
            return
        told = self._robots.check(attempt.place.origin, attempt.url, now)
        if told is not None:
            attempt.reserved = self._robots.reserves(attempt.place.origin, attempt.url)
            if self._config.keep_signals:
                attempt.note(self._robots.signals(attempt.place.origin, attempt.url))
        match told:
            case Failure() as failure:
                self._conclude(attempt, failure)
            case None:
                self._wait_for_robots(attempt, now)
            case delay:
                self._admit(attempt, delay * self._config.host_limit_share, now)

    def _admit(self, attempt: Attempt, delay: float, now: float) -> None:
        """The third gate."""
        name = attempt.place.origin
        if attempt.probing and self._outage.is_out:
            if self._hosts.admit_anyway(name, now):
                self._probes.append(attempt)
                return
            if attempt.is_nobodys:
                return
        match self._hosts.admit(name, attempt, now, delay):
            case Failure() as failure:
                self._conclude(attempt, failure)
            case True:
                self._hosts.make_ready(name, attempt)

    def _wait_for_robots(self, attempt: Attempt, now: float) -> None:
        assert self._robots is not None  # noqa: S101  (for the type checker)
        origin = attempt.place.origin
        if self._robots.wait(origin, attempt):
            self._ask_for(self._robots.where(attempt.url), attempt, origin, now)

    def _ask_for(self, file: str, attempt: Attempt, origin: str, now: float) -> None:
        """Ask for a file of the origin, on behalf of `attempt`."""
        asking = Attempt.at(file, self._config.timeout)
        asking.listed_host = attempt.listed_host
        asking.robots_of = origin
        asking.is_tdmrep = attempt.robots_of is not None
        asking.probing = attempt.probing
        self._enter(asking, now)

    def _take_answers(self) -> None:
        """Let those go on whose names are known now."""
        now = time.monotonic()
        for name in self._ways.found(now):
            for attempt in self._lookups.take(name):
                attempt.left -= now - attempt.lookup_began
                self._enter(attempt, now)
        for attempt in self._lookups.overdue(now):
            self._failed(attempt, Failure.of(RowError(Reason.HOST_NOT_RESOLVED)), now)

    # -- starting --

    def _start_what_may(self, now: float) -> None:
        self._waits_for_room = False
        while self._probes or self._may_start_more:
            if not self._has_room():
                return
            attempt = self._probes.popleft() if self._probes else self._hosts.next_ready(now)
            if attempt is None:
                self._deliver_failed()
                continue
            if attempt.left < LEAST_TIME:
                self._hosts.learn_nothing(attempt.place.origin, now)
                self._failed(attempt, Failure.of(RowError(Reason.TIMEOUT)), now)
                continue
            attempt.began = now
            request = Request(
                attempt.url,
                attempt.left,
                attempt.way.resolved,
                attempt.way.proxy,
                attempt.robots_of is not None,
                attempt.reserved,
            )
            self._transfers.start(attempt, request)

    @property
    def _may_start_more(self) -> bool:
        ready = self._hosts.any_ready and not self._outage.is_out
        return ready and len(self._transfers) < self._places

    def _has_room(self) -> bool:
        if self._may_start():
            return True
        # say so before asking again: room that appears between the two would be missed
        self._waits_for_room = True
        self._waits_for_room = not self._may_start()
        return not self._waits_for_room

    def _may_start(self) -> bool:
        return not self._room.full and self._budget.reserved < self._room.free_bytes

    def _patience(self, now: float) -> float | None:
        """Seconds for which nothing has to be done unless a socket or a caller says so."""
        due = [self._transfers.patience(now)]
        if self._lookups:
            due.append(self._ways.patience(now))
        times = [None if self._outage.is_out else self._hosts.next_time()]
        times.append(self._reading_on.next_time())
        if self._lookups:
            times.append(self._lookups.next_time())
        if self._outage or self._outage.is_out:
            times.append(self._outage.next_time())
        if not self._outage.is_out and self._can_take(now):
            times.append(self._retries.next_time())
        due += [max(0.0, when - now) for when in times if when is not None]
        return min((seconds for seconds in due if seconds is not None), default=None)

    # -- what comes of it --

    def _end(self, ended: Ended[Attempt]) -> None:
        """Learn from a transfer, and see to its attempt."""
        now = time.monotonic()
        attempt, result = ended.key, ended.result
        if self._config.keep_signals:
            attempt.note(ended.signals)
        said = ended.retry_after
        wish = None if said is None else seconds_to_wait(said, time.time())
        self._learn(ended, now, wish)
        self._deliver_failed()
        if ended.status:
            if isinstance(result, Body) and attempt.robots_of is None:
                self._outage.worked(attempt.place.origin, attempt.listed)
            if self._outage.is_sure:
                self._hosts.forgive(now)
            for caught in self._outage.answered(attempt.place.origin, now):
                self._ask_again(caught, now)
        if attempt.robots_of is not None:
            self._end_robots(attempt, ended, now, wish)
        elif isinstance(result, Moved):
            self._follow(attempt, result, MOST_REDIRECTS, now)
        elif isinstance(result, Failure):
            self._failed(attempt, result, now, wish)
        else:
            self._conclude(attempt, result)

    def _learn(self, ended: Ended[Attempt], now: float, wish: float | None) -> None:
        """Learn of the hosts that were asked."""
        attempt, result = ended.key, ended.result
        granted, attempt.left = attempt.left, attempt.left - ended.seconds
        seen = None if isinstance(result, Moved) else result
        late = isinstance(result, Failure) and result.reason in LATE
        origin = attempt.place.origin
        others = origin not in attempt.passed
        if late and others and granted < self._config.timeout / 2:  # they had most of its time
            self._hosts.learn_nothing(origin, now)
        else:
            self._hosts.ended(origin, seen, ended.first_byte, now, wish)
        for passed in attempt.passed if is_good(seen) else ():
            self._hosts.credit(passed, now)

    def _follow(self, attempt: Attempt, moved: Moved, most: int, now: float) -> None:
        """Go where a redirect leads."""
        attempt.redirect = moved.fetched
        if attempt.hops >= most:
            self._hosts.blame(attempt.place.origin, now)
            self._deliver_failed()
            self._conclude(attempt, Failure.of(RowError(Reason.TOO_MANY_REDIRECTS)))
            return
        try:
            url = target(attempt.url, moved.location)
        except RowError as error:
            self._conclude(attempt, Failure.of(error))
            return
        attempt.go_to(url)
        if attempt.hops > FEW_REDIRECTS and attempt.place.origin in attempt.passed:
            self._hosts.blame(attempt.place.origin, now)  # taken back if a good answer comes of it
            self._deliver_failed()
        self._enter(attempt, now)

    def _end_robots(
        self, attempt: Attempt, ended: Ended[Attempt], now: float, wish: float | None
    ) -> None:
        match ended.result:
            case Moved() as moved if attempt.hops < MOST_ROBOTS_REDIRECTS:
                self._follow(attempt, moved, MOST_ROBOTS_REDIRECTS, now)
            case Body(data=data):
                self._know_robots(attempt, ended.status, data, now)
            case Moved() | Failure(reason=Reason.HTTP_STATUS | Reason.BODY_EMPTY):
                self._know_robots(attempt, ended.status, b"", now)
            case Failure() as failure:  # nothing, or a part of a file: that allows nothing
                self._failed(attempt, failure, now, wish)

    def _know_robots(self, attempt: Attempt, status: int | None, data: bytes, now: float) -> None:
        assert self._robots is not None  # noqa: S101  (for the type checker)
        assert attempt.robots_of is not None  # noqa: S101
        store = self._robots.store_tdmrep if attempt.is_tdmrep else self._robots.store
        for waiting in store(attempt.robots_of, status, data, now):
            self._enter(waiting, now)
        if not attempt.is_tdmrep and self._robots.wants_tdmrep(attempt.robots_of):
            file = self._robots.where_tdmrep(attempt.listed)
            self._ask_for(file, attempt, attempt.robots_of, now)

    def _failed(
        self, attempt: Attempt, failure: Failure, now: float, wish: float | None = None
    ) -> None:
        """Put an attempt aside to be tried again, or keep it back, or deliver the failure."""
        is_network = failure.reason in NETWORK
        if is_network:
            self._outage.failed(attempt.place.origin, failure.reason, now)
        if attempt.is_nobodys:
            return
        if is_network and attempt.catches < MOST_CATCHES:
            if self._outage.is_sure:
                self._outage.keep(attempt, failure, now)
                return
            if attempt.began < self._outage.over_at:  # it began before others had more luck
                self._ask_again(attempt, now)
                return
        given_up = self._hosts.is_given_up(attempt.place.origin, now)
        if failure.reason in RETRIED and attempt.number < self._config.retries and not given_up:
            delay = delay_before(attempt.number + 1, wish, random.random())  # noqa: S311  (jitter)
            if delay is not None:
                attempt.number += 1
                attempt.begin_again(self._config.timeout)
                self._retries.add(attempt, now + delay)
                return
        if is_network and attempt.catches < MOST_CATCHES:
            self._outage.keep(attempt, failure, now)
        else:
            self._conclude(attempt, failure)

    def _ask_again(self, attempt: Attempt, now: float) -> None:
        """An outage had caught it."""
        attempt.catches += 1
        attempt.begin_again(self._config.timeout)
        self._retries.add(attempt, now)

    def _give_up_overdue(self) -> None:
        """Deliver the failures that were kept back for nothing."""
        waiting = self._queue or self._lookups.attempts or self._hosts.any_ready
        idle = not (self._transfers or waiting)
        for kept in self._outage.overdue(time.monotonic(), idle=idle):
            self._conclude(kept.attempt, kept.failure)

    def _deliver_failed(self) -> None:
        """Deliver the attempts that waited for a host which has been given up."""
        now = time.monotonic()
        failed = self._hosts.failed()
        for name, failure in self._hosts.given_up().items():
            failed += [(attempt, failure) for attempt in self._retries_at(name)]
        for attempt, failure in failed:
            if attempt.robots_of is not None:
                self._know_robots(attempt, None, b"", now)
            elif failure.reason is Reason.HOST_GIVEN_UP and attempt.catches < MOST_CATCHES:
                self._outage.keep(attempt, failure, now)  # in case it is not the host's fault
            else:
                self._conclude(attempt, failure)

    def _retries_at(self, origin: str) -> list[Attempt]:
        """Those that waited to ask this host again: they need not wait any longer."""
        return self._retries.remove(lambda attempt: attempt.place.origin == origin)

    def _conclude(self, attempt: Attempt, outcome: Body | Failure) -> None:
        """Deliver: the one place where a row that was asked for leaves."""
        if attempt.robots_of is not None:
            self._know_robots(attempt, None, b"", time.monotonic())
            return
        if attempt.is_nobodys:
            return
        del self._asked[attempt.listed]
        self._copies -= len(attempt.rows) - 1
        if attempt.redirect is not None and isinstance(outcome, Failure) and not outcome.fetched:
            outcome = replace(outcome, fetched=attempt.redirect)
        if attempt.signals:
            outcome = replace(outcome, signals=tuple(attempt.signals))
        for row in attempt.rows:
            self._deliver(row, outcome)
