"""A host is asked gently at first, more while it is well, less at once when it is not."""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.errors import Reason, RowError, format_http_label
from img2dataset.fetch.hosts.host import TOO_MUCH
from img2dataset.fetch.hosts.hosts import Hosts
from img2dataset.fetch.politeness import POLITE, Politeness
from img2dataset.records import Body, Failure
from tests.quick import few_quick

FIRST = 16
STREAK = POLITE.max_consecutive_failures
TRIALS = POLITE.max_trials
HOST = "http://a"
GOOD = Body(b"")


def failure(reason: Reason, label: str = "") -> Failure:
    return Failure.of(RowError(reason, label))


def status(code: int) -> Failure:
    return failure(Reason.HTTP_STATUS_TRANSIENT, format_http_label(code))


REFUSED = failure(Reason.CONNECT_FAILED)
TIMEOUT = failure(Reason.TIMEOUT)
LOST = failure(Reason.CONNECTION_LOST)
NOT_FOUND = failure(Reason.HTTP_STATUS, format_http_label(404))


@dataclass
class Caller:
    """What the engine does with one host; time is what the tests say it is."""

    hosts: Hosts[int]
    now: float = 100.0
    asked: int = 0
    order: list[int] = field(default_factory=list)
    """Attempts as they began."""
    running: list[int] = field(default_factory=list)
    started: list[float] = field(default_factory=list)
    """When each request began."""
    failed: list[Failure] = field(default_factory=list)

    def ask(self, count: int = 1, delay: float = 0.0) -> int:
        """Offer attempts; how many are under way after it."""
        for _ in range(count):
            self.asked += 1
            match self.hosts.admit(HOST, self.asked, self.now, delay):
                case True:
                    self.hosts.make_ready(HOST, self.asked)
                case Failure() as failed:
                    self.failed.append(failed)
        return self._start()

    def end(self, result: Body | Failure | None = GOOD, first_byte: float = 0.01) -> int:
        """End the oldest request."""
        self.running.pop(0)
        self.hosts.ended(HOST, result, first_byte, self.now)
        return self._start()

    def end_with_wish(self, result: Failure, wish: float | None) -> int:
        self.running.pop(0)
        self.hosts.ended(HOST, result, 0.01, self.now, wish)
        return self._start()

    def end_all(self, result: Body | Failure | None = GOOD, first_byte: float = 0.01) -> int:
        """End all requests that are under way now."""
        for _ in range(len(self.running)):
            self.running.pop(0)
            self.hosts.ended(HOST, result, first_byte, self.now)
        return self._start()

    def wait(self, seconds: float) -> int:
        """Let time pass, looking at the hosts whenever they want it."""
        until = self.now + seconds
        while (due := self.hosts.next_time()) is not None and due <= until:
            self.now = max(self.now, due)
            self.hosts.look(self.now)
            self._start()
        self.now = until
        return len(self.running)

    def _start(self) -> int:
        while self.hosts.any_ready:
            attempt = self.hosts.next_ready(self.now)
            if attempt is not None:
                self.order.append(attempt)
                self.running.append(attempt)
                self.started.append(self.now)
        self.failed += [failed for _, failed in self.hosts.failed()]
        return len(self.running)


def caller(ceiling: int = 256, first: int = FIRST, min_delay_per_host: float = 0.0) -> Caller:
    return Caller(Hosts(first, ceiling, min_delay_per_host=min_delay_per_host))


# -- growing and shrinking --


def test_a_host_starts_small_and_others_do_not_wait_for_it() -> None:
    one = caller()

    assert one.ask(100) == FIRST
    assert len(one.hosts) == 100 - FIRST
    assert one.hosts.admit("http://b", 1, one.now) is True


def test_a_host_that_is_well_gets_a_quarter_more_each_round_up_to_the_ceiling() -> None:
    one = caller(ceiling=30)
    one.ask(10_000)

    assert [one.end_all() for _ in range(5)] == [20, 25, 30, 30, 30]


def test_what_is_not_used_does_not_grow() -> None:
    one = caller()
    one.ask()
    for _ in range(1000):  # two at a time say nothing about many
        one.ask()
        one.end()

    assert one.ask(1000) == FIRST


@pytest.mark.parametrize("result", [REFUSED, TIMEOUT, LOST, status(429), status(503)],
                         ids=lambda result: result.label)  # fmt: skip
def test_trouble_halves_once_and_growth_is_slow_after_it(result: Failure) -> None:
    one = caller()
    one.ask(1000)
    for _ in range(STREAK - 1):  # these fail of the same cause
        one.end(result)
    assert one.wait(60) == FIRST - STREAK + 1, "nothing new is started"

    assert one.end_all() in {FIRST // 2 + 1, FIRST // 2 + 2}


def test_a_host_in_trouble_is_still_asked_one_at_a_time() -> None:
    one = caller()
    one.ask(1000)
    for _ in range(20):
        one.end_all(LOST)
        one.wait(POLITE.halving_interval_s)

    assert len(one.running) == 1
    assert one.end() == 2


@pytest.mark.parametrize(
    ("first_bytes", "least", "most"),
    [
        ([0.1] * 8 + [2.0] * 8, 8, 10),
        ([2.0] * 16, 20, 20),  # slow, but always was
        ([0.01] * 8 + [0.4] * 8, 20, 20),  # forty times as slow, and still quick
        ([0.3] * 8 + [1.4] * 8, 20, 20),
    ],
)
def test_answers_that_take_far_longer_to_begin_are_trouble_slow_ones_are_not(
    first_bytes: list[float], least: int, most: int
) -> None:
    one = caller()
    one.ask(1000)
    for first_byte in first_bytes:
        active = one.end(GOOD, first_byte)

    assert least <= active <= most


@pytest.mark.parametrize(
    "result",
    [NOT_FOUND, status(500), failure(Reason.OPTED_OUT), failure(Reason.BODY_INCOMPLETE), None],
)
def test_a_page_that_is_not_there_or_elsewhere_is_no_trouble(result: Failure | None) -> None:
    one = caller()
    one.ask(1000)

    assert one.end_all(result) == FIRST + FIRST // 4


def test_a_ceiling_below_the_start_holds_from_the_start() -> None:
    one = Caller(Hosts(FIRST, 256, max_connections_per_host=3))
    assert one.ask(100) == 3
    assert [one.end_all() for _ in range(9)] == [3] * 9


def test_nobody_is_overtaken() -> None:
    one = caller(first=1, min_delay_per_host=1.0)
    one.ask(3)
    one.end()
    one.now += 5.0  # the loop is late: nobody has looked yet
    one.ask()
    one.wait(10.0)
    one.end_all()
    one.wait(10.0)
    assert one.order == sorted(one.order)


# -- "too many" --


@dataclass
class Server:
    """Answers `at_once` requests in `seconds` each, and more with a 429 at once."""

    caller: Caller
    at_once: int = 5
    seconds: float = 0.05
    wish: float | None = 2.0
    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    _ends: list[tuple[float, bool]] = field(default_factory=list)
    _begun: int = 0
    _inside: int = 0
    _chance: random.Random = field(default_factory=lambda: random.Random(7))

    def run(self, until: float) -> None:
        """Until then by the clock; there is always something to ask for."""
        one = self.caller
        one.ask(FIRST + int((until - one.now) / self.seconds * self.at_once))
        while True:
            for start in one.started[self._begun :]:
                self._begin(start)
            self._begun = len(one.started)
            end = self._ends[0][0] if self._ends else inf
            look = one.hosts.next_time() or inf
            if min(end, look) > until:
                one.now = until
                return
            if look < end:
                one.wait(look - one.now)
            else:
                self._answer()

    def _begin(self, start: float) -> None:
        fits = self._inside < self.at_once
        self._inside += fits
        seconds = self.seconds * self._chance.uniform(0.8, 1.2) if fits else 0.005
        heappush(self._ends, (start + seconds, fits))

    def _answer(self) -> None:
        self.caller.now, fitted = heappop(self._ends)
        self._inside -= fitted
        if fitted:
            self.answered.append(self.caller.now)
            self.caller.end(GOOD, self.seconds)
        else:
            self.refused.append(self.caller.now)
            self.caller.end_with_wish(status(429), self.wish)

    def share_refused(self, since: float) -> float:
        refused = len(self.refused) - bisect(self.refused, since)
        return refused / (refused + len(self.answered) - bisect(self.answered, since))

    def throughput(self, since: float, until: float) -> float:
        return (len(self.answered) - bisect(self.answered, since)) / (until - since)


@pytest.mark.slow
@pytest.mark.parametrize("wish", [2.0, None])
@pytest.mark.parametrize("at_once", [1, 5, 50])
def test_a_host_that_refuses_more_than_a_few_at_once_soon_gets_what_it_can_take(
    at_once: int, wish: float | None
) -> None:
    server = Server(Caller(Hosts(FIRST, 256), now=0.0), at_once, wish=wish)
    server.run(until=60)

    assert server.share_refused(since=10) < 0.03
    assert server.throughput(since=10, until=60) >= 0.6 * at_once / server.seconds


@pytest.mark.slow
def test_the_number_that_was_too_many_is_tried_again_after_a_while() -> None:
    server = Server(Caller(Hosts(FIRST, 256), now=0.0))
    server.run(until=60)
    assert server.refused[-1] < 10, "it was remembered"

    server.at_once = 50
    server.run(until=300)
    assert server.throughput(since=290, until=300) >= 0.6 * 50 / server.seconds


def test_a_burst_of_refusals_is_one_refusal() -> None:
    one = caller()
    one.ask(1000)
    for _ in range(FIRST):
        one.end_with_wish(status(429), None)

    assert one.wait(0.9) == 0
    assert one.wait(0.2) > 0, "after the rest of a first refusal"


def test_a_host_that_goes_on_refusing_rests_longer_each_time_up_to_a_limit() -> None:
    one = caller()
    one.ask(100)
    rests = []
    for _ in range(8):
        one.end_with_wish(status(429), None)
        while one.running:
            one.end_with_wish(status(429), None)
        before = one.now
        one.wait(POLITE.rest.longest)
        rests.append(one.started[-1] - before)
        one.now = one.started[-1]
    assert rests == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_503_is_believed_to_be_the_hosts_only_when_it_is_said_again_and_again() -> None:
    one = caller(first=1)
    one.ask(100)
    assert [one.end_with_wish(status(503), None) for _ in range(3)] == [1, 1, 0]
    assert one.wait(4.0) == 1


@pytest.mark.parametrize("code", [429, 503])
def test_a_wish_is_obeyed_by_all_who_wait_and_all_who_come(code: int) -> None:
    one = caller()
    one.ask(100)
    active = one.end_with_wish(status(code), 20.0)
    assert active == FIRST - 1
    while one.running:
        one.end()
    begun = len(one.started)
    assert one.ask(10) == 0
    assert one.wait(19.9) == 0
    assert one.wait(0.2) > 0
    assert len(one.started) > begun


def test_a_longer_wish_is_not_cut_short_by_those_that_come_after_it() -> None:
    one = caller()
    one.ask(FIRST)
    one.end_with_wish(status(429), 50.0)
    for _ in range(5):
        one.end_with_wish(status(429), 1.0)
    for _ in range(FIRST - 6):
        one.end(TIMEOUT)  # more than enough to be tried singly, after a second's rest
    one.wait(5)
    assert one.ask() == 0
    assert one.wait(44.9) == 0
    assert one.wait(0.2) == 1


def test_who_wishes_for_longer_than_we_wait_is_given_up_for_as_long() -> None:
    one = caller()
    one.ask(20)
    one.end_with_wish(status(429), POLITE.max_retry_after_s + 30)

    assert [failed.reason for failed in one.failed] == [Reason.HOST_ASKS_FOR_REST] * 4
    assert len(one.hosts) == 0
    one.end_all()
    one.wait(POLITE.max_retry_after_s + 29)
    assert one.ask() == 0
    assert one.failed[-1].reason is Reason.HOST_ASKS_FOR_REST
    one.wait(1)
    assert one.ask() == 1


@pytest.mark.parametrize("level", few_quick(range(1, 40, 3), 4))
def test_a_number_that_was_refused_is_not_reached_again_for_a_while(level: int) -> None:
    server = Server(Caller(Hosts(FIRST, 64), now=0.0), at_once=level, wish=1.0)
    server.run(until=POLITE.bad_level.first)
    bursts = {round(time) for time in server.refused}

    assert len(bursts) <= 6  # 16, 8, 4, 2, 1 and one try above what it was halved to


# -- giving up and coming back --


def fall_silent(one: Caller, result: Failure = TIMEOUT) -> None:
    """All that is asked for fails from now on, until it is given up."""
    while not one.failed:
        if one.running:
            one.end_all(result, first_byte=0.0)
        else:
            due = one.hosts.next_time()
            assert due is not None
            one.wait(due - one.now)


@pytest.mark.parametrize("result", [REFUSED, TIMEOUT, LOST, failure(Reason.CONNECT_TIMEOUT)])
def test_a_host_that_only_fails_is_tried_singly_with_growing_rests_then_given_up(
    result: Failure,
) -> None:
    one = caller(first=STREAK)
    one.ask(100)
    fall_silent(one, result)

    tries = [start - 100.0 for start in one.started if start > 100.0]
    assert tries == [1.0, 3.0, 7.0]
    assert len(one.started) <= 2 * STREAK + TRIALS
    assert len(one.failed) == 100 - len(one.started)
    assert {failed.reason for failed in one.failed} == {Reason.HOST_GIVEN_UP}
    assert len(one.hosts) == 0


def test_a_host_that_was_given_up_is_tried_again_singly_and_given_up_for_longer() -> None:
    one = caller(first=STREAK)
    one.ask(100)
    fall_silent(one)
    rests = []
    for _ in range(6):
        given_up = one.now
        while not one.running:
            one.wait(1.0)
            one.ask()
        rests.append(one.now - given_up)
        one.failed.clear()
        assert one.ask(5) == 1
        one.end(TIMEOUT, 0.0)
        assert len(one.failed) == 5, "at the first failure"

    assert rests == [60, 120, 240, 480, 600, 600]


def test_a_host_that_comes_back_is_trusted_again() -> None:
    one = caller(first=STREAK)
    one.ask(100)
    fall_silent(one)
    one.now += POLITE.give_up.first
    assert one.ask(100) == 1
    one.end(GOOD)
    for _ in range(10):
        one.ask(100)
        one.end_all(GOOD)
    assert len(one.running) >= 8

    one.failed.clear()
    fall_silent(one)
    given_up = one.now
    while one.ask() == 0:
        one.wait(1.0)
    assert one.now - given_up == POLITE.give_up.first, "not longer than the first time"


@pytest.mark.slow
@pytest.mark.parametrize("sign", [NOT_FOUND, GOOD, None, LOST, status(503)])
def test_any_sign_of_life_ends_the_streak(sign: Body | Failure | None) -> None:
    one = caller()
    one.ask(100_000)
    for _ in range(500):
        for _ in range(STREAK - 1):
            one.end(TIMEOUT, 0.0)
        one.wait(POLITE.rest.longest)
        one.end(sign)
        one.wait(POLITE.rest.longest)

    assert one.failed == []


def test_what_was_on_its_way_when_the_streak_was_full_does_not_count_as_a_trial() -> None:
    one = caller(first=64)
    one.ask(1000)
    for _ in range(64):
        assert one.failed == []
        one.end(TIMEOUT, 0.0)

    assert one.failed == []
    assert one.wait(1.0) == 1


# -- when it was our own network --


def test_a_host_that_was_given_up_for_nothing_is_forgiven() -> None:
    one = caller(first=STREAK)
    one.ask(100)
    fall_silent(one)
    one.failed.clear()
    one.hosts.forgive(one.now)

    assert one.ask(100) == 1, "carefully"
    for _ in range(STREAK - 1):
        one.end(TIMEOUT, 0.0)
    assert one.failed == [], "and its failures count from the beginning"


def test_those_who_wait_for_a_host_that_is_forgiven_go_on_at_once() -> None:
    one = caller(first=STREAK)
    one.ask(100)
    while not one.hosts.next_time():
        one.end(TIMEOUT, 0.0)
    one.end_all(TIMEOUT, 0.0)
    assert one.running == []
    one.hosts.forgive(one.now)

    one.hosts.look(one.now)
    assert one._start() == 1


def test_who_asked_for_a_rest_is_not_forgotten_for_that() -> None:
    one = caller()
    one.ask(20)
    one.end_with_wish(status(429), POLITE.max_retry_after_s + 30)
    one.hosts.forgive(one.now)
    assert one.ask() == FIRST - 1
    assert one.failed[-1].reason is Reason.HOST_ASKS_FOR_REST


def test_a_host_rests_as_long_as_it_asked_whatever_it_answers_meanwhile() -> None:
    one = caller()
    one.ask(20)
    one.end_with_wish(status(429), 20.0)
    one.end_all(GOOD)
    (resting,) = one.hosts.resting(one.now + 1.0)
    assert (resting.name, resting.rows, resting.seconds) == (HOST, 20 - FIRST, 19.0)
    assert not one.hosts.admit_anyway(HOST, one.now + 1.0), "a probe respects it too"
    one.wait(20.1)
    assert one.hosts.resting(one.now) == ()


def test_a_probe_is_admitted_whatever_is_known_of_its_host() -> None:
    one = caller(first=1)
    one.ask(3)
    assert one.hosts.admit_anyway(HOST, one.now)
    one.hosts.make_ready(HOST, 0)
    assert one._start() == 2
    one.end()
    one.end()
    assert one.running, "and those who wait go on after it"


# -- delays --


def test_between_two_starts_there_is_the_delay() -> None:
    one = caller(min_delay_per_host=0.5)
    one.ask(5)
    one.wait(10)

    assert [start - 100.0 for start in one.started] == [0.0, 0.5, 1.0, 1.5, 2.0]


def test_no_delay_is_saved_up() -> None:
    one = caller(min_delay_per_host=0.5)
    one.ask()
    one.wait(100)
    one.ask(3)
    one.wait(10)

    assert [start - 200.0 for start in one.started[1:]] == [0.0, 0.5, 1.0]


def test_the_delay_is_remembered_when_nobody_asks() -> None:
    one = caller(min_delay_per_host=0.5)
    for _ in range(3):
        one.ask()
        one.wait(0.4)
        if one.running:
            one.end()

    assert [start - 100.0 for start in one.started] == [0.0, 0.5, 1.0]


def test_the_hosts_own_wish_for_a_delay_counts_if_it_is_longer() -> None:
    for min_delay_per_host, wished, delay in ((0.5, 2.0, 2.0), (2.0, 0.5, 2.0), (0.0, 3.0, 3.0)):
        one = caller(min_delay_per_host=min_delay_per_host)
        one.ask(3, delay=wished)
        one.wait(10)
        assert [start - 100.0 for start in one.started] == [0.0, delay, 2 * delay]


def test_a_delay_that_becomes_known_later_counts_from_then_on() -> None:
    one = caller()
    one.ask()  # for its robots.txt
    one.end(status(503))  # which is remembered of it
    one.ask(3, delay=10.0)
    one.wait(60)

    starts = one.started[1:]
    assert [later - earlier for earlier, later in pairwise(starts)] == [10, 10]


def test_after_a_rest_there_still_is_the_delay() -> None:
    one = caller(min_delay_per_host=1.0)
    one.ask(10)
    one.end_with_wish(status(429), 5.5)
    one.wait(60)

    assert [start - 100.0 for start in one.started[:4]] == [0.0, 5.5, 6.5, 7.5]


def test_a_time_that_could_not_be_used_is_not_used_later() -> None:
    one = caller(first=4, min_delay_per_host=10.0)
    one.ask(10)
    one.wait(21)  # three are under way, and the next is to start at 30
    one.end(LOST)  # but now two are as many as may be
    one.wait(14)
    one.end()
    one.end()
    one.wait(60)

    starts = one.started
    assert len(starts) > 4
    assert all(later - earlier >= 10 for earlier, later in pairwise(starts))


# -- everything at once --

RESULTS: list[Body | Failure | None] = [
    GOOD, NOT_FOUND, TIMEOUT, REFUSED, LOST, status(429), status(503), None,
]  # fmt: skip
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(1, 40)),
        st.tuples(st.just("end"), st.sampled_from(RESULTS), st.sampled_from([None, 0, 5, 61])),
        st.tuples(st.sampled_from(["wait", "lag"]), st.sampled_from([0.1, 0.7, 3.0, 40.0])),
    ),
    max_size=60,
)


@given(
    STEPS,
    st.sampled_from([0.0, 0.3, 2.0]),
    st.sampled_from([1, 4, FIRST]),
    st.sampled_from([None, 1, 3]),
)
def test_everyone_gets_a_turn_or_a_reason_and_no_rule_is_broken(
    steps: Iterable[tuple[object, ...]], delay: float, first: int, most: int | None
) -> None:
    one = Caller(Hosts(first, 20, max_connections_per_host=most, min_delay_per_host=delay))
    rest_until = 0.0
    for step in steps:
        begun = len(one.started)
        match step:
            case ("ask", int(count)):
                one.ask(count)
            case ("end", result, wish) if one.running:
                assert result is None or isinstance(result, (Body, Failure))
                if isinstance(result, Failure) and result.label in TOO_MUCH:
                    assert wish is None or isinstance(wish, int)
                    rest_until = max(rest_until, one.now + (wish or 0))
                    one.end_with_wish(result, wish)
                else:
                    one.end(result)
            case ("wait", float(seconds)):
                one.wait(seconds)
            case ("lag", float(seconds)):
                one.now += seconds
        assert one.order == sorted(one.order)
        assert len(one.running) <= min(20, most or 20)
        assert all(start >= rest_until for start in one.started[begun:])
        waiting = one.asked - len(one.started) - len(one.failed)
        assert len(one.hosts) == waiting
        assert not waiting or one.running or one.hosts.next_time() is not None

    starts = one.started
    assert all(later - earlier >= delay - 1e-9 for earlier, later in pairwise(starts))
    for _ in range(2000):  # it gets well: all are served
        while one.running:
            one.end()
        if not len(one.hosts):
            break
        one.wait(3.0)
    assert one.asked == len(one.started) + len(one.failed)


# -- memory --


def test_what_is_well_is_forgotten_and_what_is_not_is_not() -> None:
    hosts: Hosts[int] = Hosts(FIRST, 256)
    for number in range(1000):
        hosts.admit(f"http://{number}", 1, 0.0)
        hosts.ended(f"http://{number}", TIMEOUT if number % 10 == 0 else NOT_FOUND, 0.0, 0.0)

    assert len(hosts._hosts) == 100


def test_hosts_of_which_nothing_good_is_known_are_forgotten_when_there_are_too_many() -> None:
    hosts: Hosts[int] = Hosts(FIRST, 256, politeness=Politeness(max_hosts=100))
    for number in range(5000):
        hosts.admit(f"http://{number}", 1, 0.0)
        hosts.ended(f"http://{number}", TIMEOUT, 0.0, 0.0)
        assert len(hosts._hosts) <= 100


def test_who_rests_is_forgotten_last_and_who_is_asked_never() -> None:
    hosts: Hosts[int] = Hosts(FIRST, 256, politeness=Politeness(max_hosts=100))
    assert hosts.admit("http://asked", 1, 0.0) is True
    for number in range(1000):
        name = "http://resting" if number == 500 else f"http://{number}"
        hosts.admit(name, 1, 0.0)
        hosts.ended(name, status(429) if number == 500 else TIMEOUT, 0.0, 0.0, 30.0)

    assert hosts.admit("http://resting", 2, 29.0) is False
    hosts.ended("http://asked", GOOD, 0.0, 29.0)


# -- what was ready and could not start at once --


def test_what_is_ready_waits_all_the_same_if_its_host_asks_for_a_rest_meanwhile() -> None:
    one = caller(first=4)
    assert one.ask(1) == 1
    for number in (7, 8):
        assert one.hosts.admit(HOST, number, one.now) is True
        one.hosts.make_ready(HOST, number)
    one.running.pop()
    one.hosts.ended(HOST, status(429), 0.01, one.now, 3.0)
    assert one._start() == 0
    assert one.wait(2.9) == 0
    assert one.wait(0.2) > 0


def test_what_became_ready_while_there_was_no_room_starts_one_at_a_time() -> None:
    one = caller(min_delay_per_host=0.5)
    for number in range(5):
        one.hosts.admit(HOST, number, one.now)
    one.hosts.make_ready(HOST, 0)
    for _ in range(20):  # nobody starts them: there is no room
        one.now += 0.25
        one.hosts.look(one.now)
    one._start()
    one.wait(10)
    gaps = [after - before for before, after in zip(one.started, one.started[1:], strict=False)]
    assert len(one.started) == 5
    assert min(gaps) >= 0.49


def test_a_host_whose_bodies_take_too_long_is_alive() -> None:
    one = caller()
    one.ask(40)
    for _ in range(40):
        one.end(failure(Reason.TIMEOUT), first_byte=0.2)
        one.wait(0.1)
    assert not one.failed
