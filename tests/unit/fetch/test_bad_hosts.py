"""Whatever a host does, it costs a run little: 2 % of 5,000 rows on bad hosts, by a made-up clock."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf

import pytest

from img2dataset.errors import Reason, RowError, format_http_label
from img2dataset.fetch.hosts.hosts import Hosts
from img2dataset.fetch.politeness import POLITE
from img2dataset.records import Body, Failure

TIMEOUT = 10.0
PLACES = 256
FIRST = 16
ROWS = 5000
BAD_ROWS = 100
GOOD = Body(b"")
MOVED = None


def failure(reason: Reason, label: str = "") -> Failure:
    return Failure.of(RowError(reason, label))


def status(code: int) -> Failure:
    return failure(Reason.HTTP_STATUS_TRANSIENT, format_http_label(code))


@dataclass(frozen=True)
class End:
    """How a request ends, and after how long."""

    seconds: float
    result: Body | Failure | None
    first_byte: float = 0.0
    wish: float | None = None


Behaviour = Callable[[int, float], End]
"""The number of the request at its host, from 0, and when it comes -> its end."""


def always(end: End) -> Behaviour:
    return lambda _hash_host, _now: end


def loop_of(seconds: float) -> Behaviour:
    return always(End(seconds, MOVED, seconds))


WELL = always(End(1.0, GOOD, 1.0))
TOO_OFTEN = status(429)
BUSY = status(503)
LOST = failure(Reason.CONNECTION_LOST)

BAD: dict[str, Behaviour] = {
    "silent": always(End(TIMEOUT, failure(Reason.TIMEOUT))),
    "closes after 3 s": always(End(3.0, LOST)),
    "closes after 9 s": always(End(9.0, LOST)),
    "resets": always(End(0.01, LOST)),
    "refuses connections": always(End(0.01, failure(Reason.CONNECT_FAILED))),
    "black hole": always(End(5.0, failure(Reason.CONNECT_TIMEOUT))),
    "hangs in TLS": always(End(5.0, failure(Reason.TLS))),
    "500": always(End(0.05, status(500), 0.05)),
    "504 after 9 s": always(End(9.0, status(504), 9.0)),
    "503": always(End(0.05, BUSY, 0.05)),
    "503, Retry-After: 5": always(End(0.05, BUSY, 0.05, 5.0)),
    "429": always(End(0.05, TOO_OFTEN, 0.05)),
    "429, Retry-After: 30": always(End(0.05, TOO_OFTEN, 0.05, 30.0)),
    "429, Retry-After: 60": always(End(0.05, TOO_OFTEN, 0.05, 60.0)),
    "429, Retry-After: 3600": always(End(0.05, TOO_OFTEN, 0.05, 3600.0)),
    "drips": always(End(TIMEOUT, failure(Reason.TIMEOUT), 0.1)),
    "drips, is too slow": always(End(3.4, failure(Reason.TOO_SLOW), 0.1)),
    "breaks off": always(End(4.0, failure(Reason.BODY_INCOMPLETE), 0.1)),
    "leads in circles": loop_of(0.05),
    "leads in circles slowly": loop_of(1.5),
}


def in_turn(*ends: End) -> Behaviour:
    return lambda number, _now: ends[number % len(ends)]


BAD["429, Retry-After: 60, and 500"] = in_turn(
    End(0.05, TOO_OFTEN, 0.05, 60.0), End(0.3, status(500), 0.3)
)
BAD["429, Retry-After: 60, and silence"] = in_turn(
    End(0.05, TOO_OFTEN, 0.05, 60.0), End(TIMEOUT, failure(Reason.TIMEOUT))
)
BAD["503, resets and late closes"] = in_turn(End(0.05, BUSY, 0.05), End(0.01, LOST), End(3.0, LOST))


@dataclass
class Run:
    """What the engine does with its hosts, by a clock of its own."""

    behaviours: dict[str, Behaviour]
    now: float = 0.0
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    _ends: list[tuple[float, int, str, int, float, End]] = field(default_factory=list)
    _started: int = 0

    def __post_init__(self) -> None:
        self.hosts: Hosts[tuple[str, int, float]] = Hosts(FIRST, 256, timeout=TIMEOUT)

    def of(self, rows: list[str]) -> Run:
        waiting = rows[::-1]
        while True:
            self.hosts.look(self.now)
            self._give_out()
            while waiting and len(self._ends) + self.hosts.ready_count < PLACES:
                self._enter(waiting.pop(), 0, TIMEOUT)
            self._give_out()
            soonest = min(self._ends[0][0] if self._ends else inf, self.hosts.next_time() or inf)
            if not (waiting or self._ends or len(self.hosts) or self.hosts.any_ready):
                return self
            assert soonest < inf
            self.now = max(self.now, soonest)
            while self._ends and self._ends[0][0] <= self.now:
                self._end()

    def _enter(self, name: str, hops: int, left: float) -> None:
        attempt = (name, hops, left)
        match self.hosts.admit(name, attempt, self.now):
            case Failure() as failed:
                self._note(name, failed)
            case True:
                self.hosts.make_ready(name, attempt)

    def _give_out(self) -> None:
        while self.hosts.any_ready and len(self._ends) < PLACES:
            attempt = self.hosts.next_ready(self.now)
            if attempt is not None:
                self._start(*attempt)
        for (name, _, _), failed in self.hosts.failed():
            self._note(name, failed)

    def _start(self, name: str, hops: int, left: float) -> None:
        end = self.behaviours[name](self.requests[name], self.now)
        if end.seconds > left:
            end = End(left, failure(Reason.TIMEOUT))
        self.requests[name] += 1
        self._started += 1
        heappush(self._ends, (self.now + end.seconds, self._started, name, hops, left, end))

    def _end(self) -> None:
        _, _, name, hops, left, end = heappop(self._ends)
        self.hosts.ended(name, end.result, end.first_byte, self.now, end.wish)
        if end.result is not MOVED:
            self._note(name, end.result)
        elif hops == 10:
            self.hosts.blame(name, self.now)
            self._note(name, failure(Reason.TOO_MANY_REDIRECTS))
        else:
            if hops + 1 >= POLITE.min_loop_redirects:
                self.hosts.blame(name, self.now)
            self._enter(name, hops + 1, left - end.seconds)

    def _note(self, name: str, outcome: Body | Failure) -> None:
        word = outcome.reason.value if isinstance(outcome, Failure) else "success"
        self.outcomes.setdefault(name, Counter())[word] += 1


def listed(bad_hosts: int, order: str) -> list[str]:
    """A list's hosts, row by row."""
    good = [f"good-{number % 50}" for number in range(ROWS - BAD_ROWS)]
    bad = [f"bad-{number % bad_hosts}" for number in range(BAD_ROWS if bad_hosts else 0)]
    if order == "bad first":
        return bad + good
    if order == "bad last":
        return good + bad
    rows = good + bad
    random.Random(bad_hosts).shuffle(rows)
    return rows


def run_of(rows: list[str], bad: Behaviour) -> Run:
    return Run({name: bad if name.startswith("bad") else WELL for name in rows}).of(rows)


@pytest.fixture(scope="module")
def alone() -> float:
    """Seconds of the list without them."""
    return run_of(listed(0, "bad last"), WELL).now


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bad_hosts", "order"),
    [(1, "bad first"), (1, "bad last"), (100, "mixed")],
)
@pytest.mark.parametrize("kind", BAD)
def test_bad_hosts_cost_a_run_little_and_the_good_ones_nothing(
    kind: str, bad_hosts: int, order: str, alone: float
) -> None:
    rows = listed(bad_hosts, order)
    run = run_of(rows, BAD[kind])

    assert run.now <= 1.3 * alone + TIMEOUT
    asked = Counter(rows)
    for name, outcomes in run.outcomes.items():
        assert outcomes.total() == asked[name]
        if name.startswith("good"):
            assert outcomes == {"success": asked[name]}


# -- hosts that work, after their fashion --


def quota(per_minute: int, wish: float | None = None) -> Behaviour:
    """So many a minute; then 429, with the time until the minute is over if `wish` is None."""
    seen: Counter[int] = Counter()

    def answer(_hash_host: int, now: float) -> End:
        minute = int(now // 60)
        seen[minute] += 1
        if seen[minute] <= per_minute:
            return End(0.1, GOOD, 0.1)
        return End(0.05, TOO_OFTEN, 0.05, 60.0 - now % 60 if wish is None else wish)

    return answer


def test_a_cdn_that_is_the_whole_list_may_rest_for_a_minute_again_and_again() -> None:
    run = Run({"cdn": quota(per_minute=200, wish=60.0)}).of(["cdn"] * 2000)

    refused = run.outcomes["cdn"]["http_status_transient"]
    assert run.outcomes["cdn"] == {"success": 2000 - refused, "http_status_transient": refused}
    assert refused < 300, "those on their way when it began to refuse"


def test_even_if_it_refuses_at_first() -> None:
    def answer(_hash_host: int, now: float) -> End:
        return End(0.1, GOOD, 0.1) if now >= 60.0 else End(0.05, TOO_OFTEN, 0.05, 60.0)

    run = Run({"cdn": answer}).of(["cdn"] * 2000)

    assert run.outcomes["cdn"]["success"] >= 2000 - FIRST


def test_a_cdn_that_refuses_for_ever_is_given_up_in_the_end() -> None:
    run = Run({"cdn": BAD["429"]}).of(["cdn"] * 2000)

    assert run.now <= POLITE.main_host_units * TIMEOUT
    assert run.outcomes["cdn"]["host_given_up"] > 1900


@pytest.mark.parametrize("every", [2, 3])
def test_a_host_that_refuses_now_and_then_is_not_given_up(every: int) -> None:
    def answer(number: int, _now: float) -> End:
        return End(0.1, BUSY, 0.1) if number % every else End(0.1, GOOD, 0.1)

    rows = listed(1, "mixed")
    run = run_of(rows, answer)

    assert "host_given_up" not in run.outcomes["bad-0"]


def test_a_host_that_was_well_may_rest_for_a_minute_and_no_longer() -> None:
    def answer(number: int, _now: float) -> End:
        return End(0.1, GOOD, 0.1) if number < 50 else End(0.05, TOO_OFTEN, 0.05, 60.0)

    rows = listed(1, "mixed")
    run = run_of(rows, answer)

    assert run.outcomes["bad-0"]["host_given_up"] > 0
    assert run.now <= (POLITE.max_credit_units + 1) * TIMEOUT + 1.3 * TIMEOUT


def test_good_answers_between_rests_earn_the_next_rest_also_where_others_have_most_rows() -> None:
    """Each rest is longer than what a host is allowed that has given nothing."""
    run = run_of(listed(1, "mixed"), quota(per_minute=30))

    assert "host_given_up" not in run.outcomes["bad-0"]
    assert run.outcomes["bad-0"]["success"] > 0.7 * BAD_ROWS


def test_slow_answers_are_waited_for() -> None:
    run = run_of(listed(1, "mixed"), always(End(9.0, GOOD, 9.0)))

    assert run.outcomes["bad-0"] == {"success": BAD_ROWS}


def test_a_host_asked_singly_that_is_silent_is_given_up_after_three_tries() -> None:
    run = Run({"bad": BAD["silent"], "good": WELL})
    run.hosts = Hosts(FIRST, 256, max_connections_per_host=1, timeout=TIMEOUT)
    run.of(["good"] * 500 + ["bad"] * 100)

    assert run.requests["bad"] == 3


def test_a_redirect_is_worth_what_it_leads_to() -> None:
    """A shortener that is busy now and then, and never gives an image itself."""
    run = Run({"short": always(End(TIMEOUT, BUSY, 0.1)), "good": WELL})
    hosts, one = run.hosts, ("short", 0, TIMEOUT)
    for number in range(20):
        assert hosts.admit("short", one, 100.0 * number) is True
        hosts.make_ready("short", one)
        hosts.next_ready(100.0 * number)
        result = failure(Reason.TOO_SLOW) if number % 2 else MOVED
        hosts.ended("short", result, 0.1, 100.0 * number + 9)
        if result is MOVED:
            hosts.credit("short", 100.0 * number + 9)
    assert not hosts.is_given_up("short", 2000.0)
