"""Rows -> bodies: hundreds in flight in one thread.

A row becomes an Attempt (`attempts`), which passes three gates at every hop (`gates`: a route, the
host's robots.txt, a slot of the host), is transferred (`http.curl`), and ends (`endings`).

    state            the attempt is kept in    and goes on to
    ENTERING         nothing: it is passing    RESOLVING, AWAITING_ROBOTS, AT_HOST, or fails
    RESOLVING        Gates: Lookups            ENTERING, when its name is known, or fails
    AWAITING_ROBOTS  Gates: RobotsGate         ENTERING, when the file is known
    AT_HOST          Hosts                     IN_FLIGHT, when its host has a slot for it and the
                                               stages after this one have room; or fails with it
    IN_FLIGHT        Transfers                 ENTERING by a redirect; DONE with a body; or fails
    DELAYED          Endings: retries          ENTERING, when its next try is due
    HELD             OutageGuard               DELAYED when the network is back, else DONE
    DONE             nothing: it is delivered

To fail is to be DELAYED if it is tried again, HELD if an outage of our own network may explain it,
and DONE else.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from img2dataset.accounting.account import Stage
from img2dataset.accounting.clock import OF_NO_SHARD, StageClock
from img2dataset.errors import Reason, RowError
from img2dataset.fetch.attempt import Attempt, AttemptState
from img2dataset.fetch.attempts import Attempts
from img2dataset.fetch.budget import Budget
from img2dataset.fetch.config import FetchConfig
from img2dataset.fetch.delivery import Deliver, Room
from img2dataset.fetch.endings import Endings
from img2dataset.fetch.gates import Gates
from img2dataset.fetch.hosts.hosts import Hosts
from img2dataset.fetch.http.fd_limit import transfers_allowed
from img2dataset.fetch.http.request import Request
from img2dataset.fetch.loop import Loop
from img2dataset.fetch.outage import OutageGuard
from img2dataset.fetch.politeness import POLITE, Politeness
from img2dataset.fetch.read_ahead import ReadAhead
from img2dataset.fetch.route.router import Router
from img2dataset.fetch.transfers import open_transfers
from img2dataset.records import Failure, Row
from img2dataset.tally import RestingHost

if TYPE_CHECKING:
    from img2dataset.fetch.hosts.shared import SharedLimits

log = logging.getLogger(__name__)

JOIN_TIMEOUT_S = 2.0
"""How long `stop` waits for the thread to end."""
RESTING_INTERVAL_S = 0.5
"""Between two looks at which hosts rest."""


class Engine:
    """Fetches the rows it is given and delivers each exactly once, in any order."""

    def __init__(  # noqa: PLR0913  (what the engine stands between)
        self,
        config: FetchConfig,
        deliver: Deliver,
        room: Room,
        *,
        say: Callable[[str], None] = log.warning,
        politeness: Politeness = POLITE,
        clock: StageClock | None = None,
    ) -> None:
        """`deliver` is called in the engine's thread and must be quick; `say` takes a
        line for the user, from any thread; `clock` adds up what rows take."""
        self._clock = clock or StageClock()
        config = config.for_one_worker()
        self._politeness = politeness
        self._room = room
        self._max_transfers = transfers_allowed(config.thread_count)
        self._loop = Loop()
        self._budget = Budget(lambda: room.free_bytes)
        self._router = Router(config, self._loop, politeness)
        self._shared = open_shared(config)
        self._hosts: Hosts[Attempt] = Hosts(
            config.first_connections_per_host,
            self._max_transfers,
            max_connections_per_host=config.max_connections_per_host,
            min_delay_per_host=config.min_delay_per_host,
            shared=self._shared,
            timeout=config.timeout,
            say=say,
            politeness=politeness,
        )
        self._outage: OutageGuard[Attempt] = OutageGuard(say, politeness)
        self._attempts = Attempts(config.timeout, deliver, config.url_rules, self._clock)
        self._gates = Gates(
            config,
            politeness,
            router=self._router,
            hosts=self._hosts,
            outage=self._outage,
            attempts=self._attempts,
            fail=self._fail,
            note_resolved=self._note_resolved,
        )
        self._endings = Endings(
            config,
            politeness,
            gates=self._gates,
            hosts=self._hosts,
            outage=self._outage,
            attempts=self._attempts,
        )
        self._transfers = open_transfers(
            config,
            self._loop,
            budget=self._budget,
            router=self._router,
            kept_open=self._max_transfers,
            say=say,
            politeness=politeness,
        )
        self._queue: deque[Row] = deque()
        self._read_ahead = ReadAhead(politeness)
        self._resting: tuple[RestingHost, ...] = ()
        self._look_at_resting = 0.0
        self._cpu_used = 0.0
        self._waits_for_room = False
        self._stopping = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="img2dataset-fetch", daemon=True)

    def __repr__(self) -> str:
        counts = [f"{count} {state.value}" for state, count in self.counts.items()]
        return (
            f"<Engine: {', '.join([f'{len(self._queue)} queued', *counts])}, "
            f"{self._budget.reserved} bytes reserved>"
        )

    @property
    def counts(self) -> dict[AttemptState, int]:
        """How many attempts are in each state; states of none are left out."""
        return self._attempts.counts

    @property
    def waiting(self) -> int:
        """Rows submitted and not yet begun, without those that wait aside for now."""
        return len(self._queue) + self._read_ahead.counted(self._aside)

    @property
    def _aside(self) -> int:
        """Rows that cannot begin for now."""
        waiting = len(self._hosts) + len(self._endings.retries) + self._gates.waiting
        return waiting + self._attempts.duplicates

    @property
    def in_flight(self) -> int:
        return len(self._transfers)

    @property
    def reserved_bytes(self) -> int:
        """Bytes of bodies that are held here, or will be."""
        return self._budget.reserved

    @property
    def resting(self) -> tuple[RestingHost, ...]:
        """Hosts for which rows wait, as of a moment ago.  Thread-safe."""
        return self._resting

    def start(self) -> None:
        self._thread.start()

    def submit(self, rows: Iterable[Row]) -> None:
        """Add rows to fetch.  Thread-safe; never blocks."""
        self._queue.extend(list(rows))
        self._loop.ring()

    def wake(self) -> None:
        """Note that there is room again.  Thread-safe; costs next to nothing if nothing waits for it."""
        if self._waits_for_room or self._budget.waiting:
            self._loop.ring()

    def stop(self) -> None:
        """Abandon everything: what is not delivered yet never is.  May be called again."""
        self._stopping = True
        if self._thread.ident is None:
            self._close()
        elif self._thread is not threading.current_thread():
            self._loop.ring()
            self._thread.join(JOIN_TIMEOUT_S)

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._transfers.close()
        self._router.close()
        self._loop.close()
        if self._shared is not None:
            self._shared.close()

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._run_once()
        finally:
            self._close()

    def _run_once(self) -> None:
        """Start what may start, sleep until something happens, and handle it."""
        now = time.monotonic()
        self._take_up(now)
        self._start_ready(now)
        self._read_ahead.look(self._aside, now, slots_are_empty=self._slots_are_empty)
        if now >= self._look_at_resting:
            self._look_at_resting = now + RESTING_INTERVAL_S
            self._resting = self._hosts.resting(now)
            used = time.thread_time()
            self._clock.add(OF_NO_SHARD, Stage.FETCH_CPU, used - self._cpu_used)
            self._cpu_used = used
        self._loop.wait(self._next_timeout(now))
        if self._waits_for_room:
            waited = time.monotonic() - now
            self._attempts.room_wait_s += waited
            self._clock.add(OF_NO_SHARD, Stage.ROOM_WAIT, waited)
        for ended in self._transfers.ended():
            self._endings.end(ended)
        self._gates.take_names()
        if self._outage or self._outage.is_out:
            self._endings.deliver_held(idle=not self._has_more_to_end)

    @property
    def _has_more_to_end(self) -> bool:
        """Whether more attempts than those that are held will end; which wait for a robots.txt may
        wait for one of these."""
        at_host = self._hosts or self._hosts.any_ready or self._transfers
        return bool(self._queue or self._gates.names_awaited or at_host or self._endings.retries)

    def _fail(self, attempt: Attempt, failure: Failure, now: float) -> None:
        self._endings.fail(attempt, failure, now)

    def _note_resolved(self, name: str, now: float) -> None:
        self._endings.note_resolved(name, now)

    # -- which attempt is next --

    def _take_up(self, now: float) -> None:
        """Let rows enter as long as there is a slot for what comes of them."""
        if self._outage.is_out:
            self._probe(now)
            return
        due = self._hosts.next_time()
        if due is not None and due <= now:
            self._hosts.look(now)
            self._endings.deliver_given_up()
        while self._endings.retries.is_due(now) and self._can_take(now):
            self._gates.enter(self._endings.retries.take(), now)
        while self._queue and self._can_take(now):
            attempt = self._attempts.of_row(self._queue.popleft())
            if attempt is not None:
                self._gates.enter(attempt, now)

    @property
    def _slots_are_empty(self) -> bool:
        busy = self._queue or self._waits_for_room
        return not busy and len(self._transfers) < self._max_transfers

    def _can_take(self, now: float) -> bool:
        free = self._slots - len(self._transfers) - self._hosts.ready_count
        return free > 0 and self._gates.may_begin(now)

    @property
    def _slots(self) -> int:
        """Transfers that may be in flight: a connection that does not come about takes none."""
        if len(self._transfers) < self._max_transfers:
            return self._max_transfers
        return self._max_transfers + min(self._transfers.stalled, self._max_transfers)

    def _probe(self, now: float) -> None:
        """Try a few URLs, some that worked, one that failed, and new ones: is the network back?"""
        count = self._outage.probes_due(now)
        if count:  # what is remembered of names would tell nothing
            self._gates.forgive()
        for url in self._outage.known_good if count else ():
            self._gates.probe(self._attempts.without_rows(url), now)
        for number in range(count if self._outage.is_sure else 0):
            attempt = self._outage.take_held() if number == 0 or not self._queue else None
            while attempt is None and self._queue:
                attempt = self._attempts.of_row(self._queue.popleft())
            if attempt is not None:
                self._attempts.begin_again(attempt)
                self._gates.probe(attempt, now)

    # -- starting --

    def _start_ready(self, now: float) -> None:
        """Start the transfers for which there is a slot and room."""
        self._waits_for_room = False
        probes = self._gates.probes
        while probes or self._may_start_more:
            if not self._has_room():
                return
            attempt = probes.popleft() if probes else self._hosts.next_ready(now)
            if attempt is None:
                self._endings.deliver_given_up()
            elif attempt.left < self._politeness.min_request_s:
                self._hosts.learn_nothing(attempt.origin.name, now)
                self._fail(attempt, Failure.of(RowError(Reason.TIMEOUT)), now)
            else:
                self._start(attempt, now)

    def _start(self, attempt: Attempt, now: float) -> None:
        attempt.began = now
        self._attempts.end_wait(attempt, now)
        self._attempts.move(attempt, AttemptState.IN_FLIGHT)
        request = Request(
            attempt.url,
            attempt.left,
            attempt.route.resolved,
            attempt.route.proxy,
            attempt.robots_of is not None,
            attempt.reserved,
        )
        self._transfers.start(attempt, request)

    @property
    def _may_start_more(self) -> bool:
        ready = self._hosts.any_ready and not self._outage.is_out
        return ready and len(self._transfers) < self._slots

    def _has_room(self) -> bool:
        if self._may_start():
            return True
        # say so before asking again: room that appears between the two would be missed
        self._waits_for_room = True
        self._waits_for_room = not self._may_start()
        return not self._waits_for_room

    def _may_start(self) -> bool:
        return not self._room.full and self._budget.reserved < self._room.free_bytes

    def _next_timeout(self, now: float) -> float | None:
        """Return the seconds for which there is nothing to do, unless a socket or a caller wakes us."""
        due = [self._transfers.next_timeout(now), self._gates.timeout(now)]
        times = [self._read_ahead.next_time()]
        if not self._outage.is_out:
            times.append(self._hosts.next_time())
        if self._outage or self._outage.is_out:
            times.append(self._outage.next_time())
        if not self._outage.is_out and self._can_take(now):
            times.append(self._endings.retries.next_time())
        due += [max(0.0, when - now) for when in times if when is not None]
        return min((seconds for seconds in due if seconds is not None), default=None)


def open_shared(config: FetchConfig) -> SharedLimits | None:
    """Open the file that the processes of this machine share, if there are several."""
    if config.shared_file is None:
        return None
    from img2dataset.fetch.hosts.shared import SharedLimits  # noqa: PLC0415  (not on Windows)

    return SharedLimits(config.shared_file)
