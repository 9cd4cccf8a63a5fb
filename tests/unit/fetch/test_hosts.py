"""A host is asked gently at first, more while it is well, less at once when it is not."""

from __future__ import annotations

import pytest

from img2dataset.errors import Reason, RowError, http_label
from img2dataset.fetch.hosts import REST, Hosts, host_of
from img2dataset.records import Body, Failure

FIRST = 16
URL = "http://a/1.jpg"
GOOD = Body(b"")


def failure(reason: Reason, label: str = "") -> Failure:
    return Failure.of(RowError(reason, label))


def fill(hosts: Hosts[int], count: int, url: str = URL) -> int:
    """Offer `count` attempts; return how many may start."""
    return sum(hosts.admit(url, number) for number in range(count))


def start_ready(hosts: Hosts[int]) -> int:
    started = 0
    while hosts.any_ready:
        hosts.next_ready()
        started += 1
    return started


def test_a_host_starts_small_and_others_do_not_wait_for_it() -> None:
    hosts: Hosts[int] = Hosts(FIRST, 256)

    assert fill(hosts, 100) == FIRST
    assert len(hosts) == 100 - FIRST
    assert hosts.admit("http://b/", 1)


def test_a_host_that_is_well_gets_a_quarter_more_each_round_up_to_the_ceiling() -> None:
    hosts: Hosts[int] = Hosts(FIRST, 30)
    active = fill(hosts, 10_000)
    rounds = []
    for _ in range(5):
        for _ in range(active):
            hosts.ended(URL, GOOD, 0.01, now=0.0)
        active = start_ready(hosts)
        rounds.append(active)

    assert rounds == [20, 25, 30, 30, 30]


@pytest.mark.parametrize(
    "result",
    [
        failure(Reason.CONNECT_TIMEOUT),
        failure(Reason.CONNECTION_LOST),
        failure(Reason.HTTP_STATUS_TRANSIENT, http_label(429)),
        failure(Reason.HTTP_STATUS_TRANSIENT, http_label(503)),
    ],
    ids=lambda result: result.label,
)
def test_trouble_halves_once_and_growth_is_slow_after_it(result: Failure) -> None:
    hosts: Hosts[int] = Hosts(FIRST, 256)
    fill(hosts, 1000)
    for _ in range(FIRST):  # all of them fail of the same cause
        hosts.ended(URL, result, 0.0, now=5.0)
    active = start_ready(hosts)
    assert active == FIRST // 2

    for _ in range(active):
        hosts.ended(URL, GOOD, 0.01, now=5.0 + REST)
    assert start_ready(hosts) in (active, active + 1)


def test_a_host_in_trouble_is_still_asked_one_at_a_time() -> None:
    hosts: Hosts[int] = Hosts(FIRST, 256)
    active = fill(hosts, 1000)
    for second in range(20):
        for _ in range(active):
            hosts.ended(URL, failure(Reason.TIMEOUT), 0.0, now=float(second))
        active = start_ready(hosts)
    assert active == 1


def test_answers_that_take_far_longer_to_begin_are_trouble_slow_ones_are_not() -> None:
    for first_bytes, least, most in (([0.1] * 8 + [2.0] * 8, 8, 10), ([2.0] * 16, 20, 20)):
        hosts: Hosts[int] = Hosts(FIRST, 256)
        fill(hosts, 1000)
        for first_byte in first_bytes:
            hosts.ended(URL, GOOD, first_byte, now=0.0)
        assert least <= start_ready(hosts) <= most


def test_a_page_that_is_not_there_is_no_trouble() -> None:
    hosts: Hosts[int] = Hosts(FIRST, 256)
    fill(hosts, 1000)
    for _ in range(FIRST):
        hosts.ended(URL, failure(Reason.HTTP_STATUS, http_label(404)), 0.01, now=0.0)
    assert start_ready(hosts) == FIRST + FIRST // 4


def test_everyone_who_waits_gets_a_turn() -> None:
    hosts: Hosts[int] = Hosts(FIRST, 4)
    running = [number for number in range(50) if hosts.admit(URL, number)]
    seen = list(running)
    while running:
        running.pop()
        hosts.ended(URL, failure(Reason.CONNECTION_LOST), 0.0, now=float(len(seen)))
        while hosts.any_ready:
            running.append(hosts.next_ready())
            seen.append(running[-1])
    assert sorted(seen) == list(range(50))
    assert len(hosts) == 0


def test_a_host_is_its_scheme_name_and_port() -> None:
    assert host_of("http://user:pw@a:8080/x@y/z?q#f") == "http://a:8080"
    assert host_of("https://a/x") != host_of("http://a/x")
