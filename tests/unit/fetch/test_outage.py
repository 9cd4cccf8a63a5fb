"""It pauses when the network is gone, not when hosts are; time is what the tests say it is."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.errors import Reason
from img2dataset.fetch.outage import NETWORK, OutageGuard
from img2dataset.fetch.politeness import POLITE
from img2dataset.records import Failure

WINDOW = POLITE.outage_window
MANY_HOSTS = POLITE.min_outage_hosts
PROBES = POLITE.probe_urls

FAILURE = Failure(Reason.TIMEOUT, "timed out")


class Guarded:
    """A guard, and what it said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.guard: OutageGuard[int] = OutageGuard(self.said.append)

    def fail(
        self,
        count: int = WINDOW,
        hosts: int = 2 * MANY_HOSTS,
        reason: Reason = Reason.TIMEOUT,
        now: float = 0.0,
    ) -> None:
        for number in range(count):
            self.guard.note_failure(f"http://{number % hosts}", reason, now)

    def work(self, count: int = WINDOW, now: float = 0.0) -> None:
        for number in range(count):
            self.guard.note_success(f"http://good-{number}", f"http://good-{number}/1.jpg")
            self.guard.note_answer(f"http://good-{number}", now)


def probes_until(guard: OutageGuard[int], end: float) -> list[tuple[float, int]]:
    """When, and how many URLs at once."""
    probes = []
    while (due := guard.next_time()) is not None and due < end:
        if count := guard.probes_due(due):
            probes.append((due, count))
        else:
            break
    return probes


# -- when it is one --


def test_it_is_out_when_nearly_everything_fails_over_many_hosts() -> None:
    one = Guarded()
    one.fail(WINDOW - 1)
    assert not one.guard.is_out
    one.fail(1)
    assert one.guard.is_out
    assert one.guard.is_sure
    assert len(one.said) == 1


@pytest.mark.parametrize("hosts", [1, 5, MANY_HOSTS - 1])
def test_a_few_hosts_may_fail_for_ever(hosts: int) -> None:
    one = Guarded()
    for number in range(10 * WINDOW):
        if number % 20 == 0:
            one.guard.note_answer("http://good", 0.0)
        one.guard.note_failure(f"http://{number % hosts}", Reason.TIMEOUT, 0.0)
        assert not one.guard.is_out


@pytest.mark.parametrize("good", [1, 5, 6, 50])
def test_a_few_answers_are_what_nearly_leaves_out(good: int) -> None:
    one = Guarded()
    for number in range(3 * WINDOW):
        if number % WINDOW < good:
            one.guard.note_answer(f"http://{number}", 0.0)
        else:
            one.guard.note_failure(f"http://{number}", Reason.TIMEOUT, 0.0)
    assert one.guard.is_out is (good <= (1 - POLITE.outage_share) * WINDOW + 1e-9)


def test_only_the_last_attempts_count() -> None:
    one = Guarded()
    one.work(10 * WINDOW)
    one.fail(WINDOW)
    assert one.guard.is_out


def test_of_one_host_a_few_failures_count_however_many_there_are() -> None:
    one = Guarded()
    one.fail(WINDOW // 2)
    one.fail(50 * WINDOW, hosts=1)
    assert not one.guard.is_out
    for number in range(WINDOW // 2):
        one.guard.note_failure(f"http://other-{number}", Reason.TIMEOUT, 0.0)
    assert one.guard.is_out


def test_a_host_counts_again_once_it_has_left_the_window() -> None:
    one = Guarded()
    one.fail(POLITE.max_outage_failures_per_host, hosts=1)
    one.work()
    one.fail(WINDOW, hosts=MANY_HOSTS)
    assert one.guard.is_out


@pytest.mark.parametrize("reason", Reason)
def test_which_failures_our_own_network_could_be_to_blame_for(reason: Reason) -> None:
    assert (reason in NETWORK) is (
        reason.value
        in {
            "host_not_resolved",
            "connect_failed",
            "connect_timeout",
            "proxy_failed",
            "connection_lost",
            "tls",
            "timeout",
        }
    )


def test_it_says_what_fails() -> None:
    names, hosts = Guarded(), Guarded()
    names.fail(reason=Reason.HOST_NOT_RESOLVED)
    hosts.fail(reason=Reason.CONNECT_FAILED)
    assert "DNS fails for 100% of names" in names.said[0]
    assert "100% of downloads fail, over 40 hosts" in hosts.said[0]
    assert Reason.CONNECT_FAILED.label in hosts.said[0]


# -- while it is out --


def test_probes_come_at_growing_intervals_and_in_growing_numbers() -> None:
    one = Guarded()
    one.fail(now=100.0)
    probes = probes_until(one.guard, 500.0)
    times = [time - 100.0 for time, _ in probes]
    assert times[:7] == [1, 3, 7, 15, 31, 63, 123]
    assert {later - earlier for earlier, later in pairwise(times[6:])} == {POLITE.probe.longest}
    counts = [count for _, count in probes]
    assert counts[:5] == [
        PROBES,
        2 * PROBES,
        4 * PROBES,
        POLITE.max_probe_urls,
        POLITE.max_probe_urls,
    ]


def test_between_two_probes_there_is_none() -> None:
    one = Guarded()
    one.fail(now=100.0)
    assert one.guard.probes_due(100.9) == 0
    assert one.guard.probes_due(101.0) == PROBES
    assert one.guard.probes_due(101.0) == 0


def test_what_was_caught_comes_back_with_the_first_answer() -> None:
    one = Guarded()
    for number in range(3):
        one.guard.hold(number, FAILURE, 0.0)
    one.fail()
    one.guard.hold(3, FAILURE, 0.0)
    assert one.guard.take_held() == 0, "the oldest is tried now and then"
    assert one.guard.release_held(POLITE.max_held_s + 1, idle=True) == []
    assert len(one.guard) == 3

    assert one.guard.note_answer("http://any", 65.0) == [1, 2, 3]
    assert not one.guard.is_out
    assert len(one.guard) == 0
    assert one.guard.take_held() is None
    assert "back after 65 seconds" in one.said[-1]


def test_after_an_outage_it_takes_a_whole_window_to_see_another() -> None:
    one = Guarded()
    one.fail(hosts=MANY_HOSTS)
    assert one.guard.probes_due(1.0) == PROBES
    one.guard.note_answer("http://any", 1.0)
    one.fail(WINDOW - 1, hosts=MANY_HOSTS, now=1.0)
    assert not one.guard.is_out
    one.fail(hosts=2 * MANY_HOSTS, now=1.0)
    assert one.guard.is_out
    assert one.guard.probes_due(2.0) == PROBES


def test_it_is_given_up_after_a_time_that_is_said_and_not_declared_again() -> None:
    one = Guarded()
    one.fail(now=100.0)
    one.guard.hold(1, FAILURE, 100.0)
    end = 100.0 + POLITE.max_outage_s
    assert one.guard.release_held(end - 0.1, idle=False) == []
    probes_until(one.guard, end)
    assert one.guard.next_time() == end, "nobody sleeps past it"
    assert [kept.attempt for kept in one.guard.release_held(end, idle=False)] == [1]
    assert f"{POLITE.max_outage_s:.0f} seconds" in one.said[-1]
    assert not one.guard.is_out

    one.fail(10 * WINDOW, now=end)
    assert not one.guard.is_out, "the list goes on"
    one.guard.hold(2, FAILURE, end)
    assert [kept.attempt for kept in one.guard.release_held(end, idle=False)] == [2]

    assert one.guard.note_answer("http://any", end) == [], (
        "it is over now, and nothing waits for it"
    )
    assert one.guard.note_answer("http://any", end) is None
    one.fail(now=end)
    assert one.guard.is_out, "another outage"


# -- of names --


def test_while_names_fail_no_host_whose_name_is_known_proves_anything() -> None:
    one = Guarded()
    for number in range(WINDOW):
        one.guard.note_failure(f"http://{number}", Reason.HOST_NOT_RESOLVED, 0.0)
        one.work(1)
    assert one.guard.is_out
    assert one.guard.of_names
    one.guard.hold(1, FAILURE, 0.0)
    assert one.guard.note_answer("http://good-0", 0.5) is None
    assert one.guard.probes_due(1.0) == PROBES
    assert one.guard.probes_due(2.0)
    assert one.said[0].startswith("DNS fails for 100% of names")
    assert one.guard.note_answer("http://good-0", 2.5) is None
    assert one.guard.note_resolved("new.test", 3.0) == [1]
    assert not one.guard.is_out
    assert "back after 3 seconds" in one.said[-1]


def test_names_that_are_found_between_others_are_what_nearly_leaves_out() -> None:
    one = Guarded()
    for number in range(10 * WINDOW):
        if number % 15 == 0:
            assert one.guard.note_resolved(f"good-{number}", 0.0) is None
        one.guard.note_failure(f"http://{number}", Reason.HOST_NOT_RESOLVED, 0.0)
        one.guard.note_answer("http://good", 0.0)
        assert not one.guard.is_out


def test_where_connections_fail_it_takes_an_answer_of_a_host() -> None:
    one = Guarded()
    one.fail(reason=Reason.CONNECT_FAILED)
    assert one.guard.note_resolved("a.test", 1.0) is None
    assert one.guard.is_out
    assert one.guard.note_answer("http://a.test", 1.0) == []


def test_an_attempt_for_which_others_wait_fails_for_them_too() -> None:
    one = Guarded()
    for host in range(MANY_HOSTS):
        assert not one.guard.is_out
        one.guard.note_failure(f"http://{host}", Reason.TIMEOUT, 0.0, attempts=1000)
    assert one.guard.is_out


# -- false alarms --


def test_where_something_has_worked_it_is_tried_first_and_nothing_is_said() -> None:
    one = Guarded()
    one.work()
    one.guard.hold(1, FAILURE, 100.0)
    one.fail(now=100.0)
    assert (one.guard.is_out, one.guard.is_sure, one.said) == (True, False, [])
    assert one.guard.next_time() == 100.0
    assert len(one.guard.known_good) == PROBES
    assert one.guard.probes_due(100.0) == PROBES

    assert one.guard.note_answer("http://good-1", 100.2) is None, "what failed has failed"
    assert not one.guard.is_out
    assert one.said == []
    assert len(one.guard) == 1


def test_after_a_false_alarm_there_is_quiet_for_a_while() -> None:
    one = Guarded()
    one.work()
    one.fail(now=100.0)
    one.guard.note_answer("http://good-1", 100.2)
    one.fail(2 * WINDOW, now=100.2)
    assert not one.guard.is_out
    one.guard.note_failure("http://new", Reason.TIMEOUT, 100.2 + POLITE.false_alarm_s)
    assert one.guard.is_out


def test_it_is_an_outage_when_what_had_worked_does_not_either() -> None:
    one = Guarded()
    one.work()
    one.fail(now=100.0)
    probes = probes_until(one.guard, 140.0)
    assert [time - 100.0 for time, _ in probes] == [0, 1, 3, 7, 15, 31]
    assert one.guard.is_sure
    assert len(one.said) == 1


def test_what_is_known_to_work_is_of_several_hosts() -> None:
    one = Guarded()
    for host in "aaabbbcd":
        one.guard.note_success(f"http://{host}", f"http://{host}/1.jpg")
    assert one.guard.known_good == [f"http://{host}/1.jpg" for host in "abcd"]


# -- what is kept back --


def test_failures_are_kept_back_for_a_moment() -> None:
    one = Guarded()
    one.guard.hold(1, FAILURE, 100.0)
    one.guard.hold(2, FAILURE, 103.0)
    assert one.guard.next_time() == 100.0 + POLITE.max_held_s
    assert one.guard.release_held(100.0 + POLITE.max_held_s - 0.1, idle=False) == []
    given_out = one.guard.release_held(100.0 + POLITE.max_held_s, idle=False)
    assert [(kept.attempt, kept.failure) for kept in given_out] == [(1, FAILURE)]
    assert one.guard.next_time() == 103.0 + POLITE.max_held_s


def test_not_if_nothing_else_is_under_way() -> None:
    one = Guarded()
    one.guard.hold(1, FAILURE, 100.0)
    assert len(one.guard.release_held(100.0, idle=True)) == 1
    assert one.guard.next_time() is None


def test_of_too_many_the_oldest_are_not_kept_back_any_longer() -> None:
    one = Guarded()
    for number in range(POLITE.max_held_failures + 3):
        one.guard.hold(number, FAILURE, 100.0)
    assert [kept.attempt for kept in one.guard.release_held(100.0, idle=False)] == [0, 1, 2]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("fail"), st.integers(1, 150)),
            st.tuples(st.just("answer"), st.booleans()),
            st.tuples(st.just("wait"), st.sampled_from([0.5, 5.0, 70.0, 700.0])),
        ),
        max_size=40,
    )
)
def test_what_is_kept_comes_out_once(steps: list[tuple[str, float]]) -> None:
    one = Guarded()
    now = 0.0
    kept = 0
    out: list[int] = []
    for kind, value in steps:
        if kind == "fail":
            for number in range(int(value)):
                one.guard.note_failure(f"http://{number}", Reason.TIMEOUT, now)
                one.guard.hold(kept, FAILURE, now)
                kept += 1
        elif kind == "answer":
            if value:
                one.guard.note_success("http://a", "http://a/1.jpg")
            out += one.guard.note_answer("http://a", now) or []
        else:
            now += value
            if one.guard.is_out and one.guard.probes_due(now):
                taken = one.guard.take_held()
                out += [] if taken is None else [taken]
        out += [one.attempt for one in one.guard.release_held(now, idle=False)]
        assert one.guard.is_out or len(one.guard) <= POLITE.max_held_failures
        due = one.guard.next_time()
        assert due is None or not one.guard.is_out or due <= now + POLITE.max_outage_s

    now += 2 * POLITE.max_outage_s
    out += [one.attempt for one in one.guard.release_held(now, idle=True)]
    assert out == list(range(kept))
    assert len(one.guard) == 0
