"""Manners: no host gets more than it takes well, and none waits for another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from img2dataset import download
from img2dataset.backoff import Backoff
from img2dataset.errors import Reason
from img2dataset.fetch import Politeness
from img2dataset.fetch.politeness import POLITE
from img2dataset.records import Body
from tests.e2e.fetching import (
    CONFIG,
    ClosedPort,
    different,
    fetch,
    reasons,
    rows,
    running,
)
from tests.site import Request, Site

QUICK = Politeness(rest=Backoff(0.01))


@pytest.fixture(scope="module")
def other() -> Iterator[Site]:
    with Site() as running:
        yield running


def token_of(request: Request) -> str:
    return request.query.get("token", [""])[0]


def span(requests: list[Request]) -> float:
    """Seconds from the first to the last.  (Of the gaps between two nothing can be said: on a busy
    machine one comes late, and the next seems early.)"""
    return requests[-1].time - requests[0].time


# Retry-After


BUSY = {
    "busy-a.localhost": "/retry-after?seconds=1&status=429&token=a",
    "busy-b.localhost": "/retry-after?seconds=1&status=503&token=b",
    "busy-c.localhost": "/retry-after?seconds=2&form=date&status=429&token=c",
    "busy-d.localhost": "/retry-after?seconds=2&form=date&status=503&token=d",
}


@pytest.mark.slow
def test_hosts_that_ask_for_a_rest_get_it_and_others_go_on(site: Site, other: Site) -> None:
    with running(replace(CONFIG, first_connections_per_host=1, retries=1)) as (engine, fetched):
        for host, busy in BUSY.items():
            # the next ones to it wait as well, though they never failed
            images = [site.url(f"/image/{number}.jpg", host=host) for number in range(3)]
            engine.submit(rows(site.url(busy, host=host), *images, start=100))
        site.until(lambda: {*BUSY} <= {request.host for request in site.requests})
        engine.submit(rows(*different(other.url("/image/1.jpg"), 50)))
        fetched.until_count(50)
        assert {index for index, _ in fetched.outcomes} == set(range(50))
        assert engine.in_flight == 0
        fetched.until_count(50 + 4 * len(BUSY))
    assert fetched.reasons == [None] * (50 + 4 * len(BUSY))
    for host in BUSY:
        refused, *after = [request for request in site.requests if request.host == host]
        assert len(after) == 4
        assert after[0].time - refused.time >= 0.9  # a date is a whole second, rounded down


def test_a_host_that_asks_for_a_very_long_rest_is_left_alone(site: Site, other: Site) -> None:
    busy = "/retry-after?seconds=3600&times=99&token=an-hour"
    with running(replace(CONFIG, first_connections_per_host=2, retries=3)) as (engine, fetched):
        engine.submit(rows(*different(site.url(busy), 100), other.url("/image/1.jpg")))
        fetched.until_count(101)
        engine.submit(rows(site.url("/image/1.jpg"), start=101))
        fetched.until_count(102)
    assert site.counts["an-hour"] <= 2
    assert fetched.reasons.count(Reason.HTTP_STATUS_TRANSIENT) == site.counts["an-hour"]
    assert set(fetched.reasons[2:100]) <= {Reason.HOST_ASKS_FOR_REST, Reason.HTTP_STATUS_TRANSIENT}
    assert fetched.reasons[100:] == [None, Reason.HOST_ASKS_FOR_REST]


@pytest.mark.slow
def test_without_a_time_a_refusal_means_a_short_rest(site: Site) -> None:
    url = site.url("/flaky?fail=1&how=429&token=no-time")
    politeness = Politeness(rest=Backoff(0.3))
    assert reasons(url, retries=1, politeness=politeness) == [None]
    first, second = [request for request in site.requests if token_of(request) == "no-time"]
    assert second.time - first.time >= 0.29


@pytest.mark.slow
def test_how_many_a_host_takes_is_found_out(site: Site, other: Site) -> None:
    """It says 429 above 5 at once: after a few refusals it is not overrun again."""
    politeness = Politeness(halving_interval_s=0.1, rest=Backoff(0.1, 0.1), retry=Backoff(0.1, 0.1))
    crowd = different(site.url("/crowd?most=5&seconds=0.01&rest=none&token=crowd"), 250)
    elsewhere = different(other.url("/image/1.jpg"), 100)
    config = replace(CONFIG, first_connections_per_host=8, retries=5)
    with running(config, politeness=politeness) as (engine, fetched):
        engine.submit(rows(*crowd, start=1000))
        engine.submit(rows(*elsewhere))
        fetched.until_count(350)
    assert fetched.reasons == [None] * 350
    assert site.counts["crowd"] <= 20
    assert {*range(100)} < {index for index, _ in fetched.outcomes[:200]}


# hosts that are dead


def test_a_host_that_only_fails_is_given_up_and_asked_little() -> None:
    with ClosedPort() as closed:
        urls = different(f"http://127.0.0.1:{closed.number}/", 500)
        outcomes = reasons(*urls, first_connections_per_host=16, politeness=QUICK)
    asked = outcomes.count(Reason.CONNECT_FAILED)
    assert outcomes.count(Reason.HOST_GIVEN_UP) == 500 - asked
    assert POLITE.max_consecutive_failures <= asked <= 16 + POLITE.max_trials


@pytest.mark.slow
def test_nor_is_a_silent_one_asked_for_long(site: Site) -> None:
    urls = different(site.url("/silent?token=given-up"), 500)
    outcomes = reasons(*urls, first_connections_per_host=8, timeout=0.15, politeness=QUICK)
    asked = len(site.asked("/silent"))
    assert outcomes.count(Reason.TIMEOUT) == asked <= 2 * 8 + POLITE.max_trials
    assert outcomes.count(Reason.HOST_GIVEN_UP) == 500 - asked


@pytest.mark.slow
def test_its_later_rows_fail_at_once_until_it_is_tried_again() -> None:
    config = replace(CONFIG, first_connections_per_host=16)
    politeness = replace(QUICK, give_up=Backoff(0.3))
    with (
        ClosedPort() as closed,
        running(config, politeness=politeness) as (engine, fetched),
    ):
        urls = different(f"http://127.0.0.1:{closed.number}/image/1.jpg", 100)
        engine.submit(rows(*urls))
        fetched.until_count(100)
        given_up = time.monotonic()
        closed.free()
        with Site(port=closed.number) as site:
            engine.submit(rows(*urls, start=100))
            fetched.until_count(200)
            assert set(fetched.reasons[100:]) == {Reason.HOST_GIVEN_UP}
            assert site.requests == []
            until(given_up + 0.35)
            engine.submit(rows(*urls, start=200))
            fetched.until_count(300)
    assert fetched.reasons[200:] == [None] * 100


SILENT_IN_ITS_WAY = {
    "refuses": "/retry-after?seconds=30&status=503&times=9999&token=refuses",
    "too often": "/retry-after?seconds=30&status=429&times=9999&token=often",
    "in circles": "/redirect-loop?",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", SILENT_IN_ITS_WAY)
def test_what_never_gives_a_good_answer_does_not_hold_the_run(
    kind: str, site: Site, other: Site
) -> None:
    """A Retry-After of 30 s would, if it were obeyed, last longer than any test may."""
    bad = different(site.url(SILENT_IN_ITS_WAY[kind]), 40)
    good = different(other.url("/image/1.jpg"), 300)
    outcomes = reasons(*bad, *good, first_connections_per_host=4)
    assert outcomes[40:] == [None] * 300
    if kind != "in circles":  # these cost no time, so they are all tried
        assert outcomes.count(Reason.HOST_GIVEN_UP) >= 30
        assert outcomes.count(Reason.HTTP_STATUS_TRANSIENT) >= 1


@pytest.mark.slow
def test_a_row_of_a_host_that_was_given_up_is_not_retried(site: Site, other: Site) -> None:
    bad = different(site.url("/retry-after?seconds=30&status=429&times=9999&token=again"), 10)
    good = different(other.url("/image/1.jpg"), 300)
    outcomes = reasons(*bad, *good, first_connections_per_host=4, retries=5)
    assert set(outcomes[:10]) <= {Reason.HOST_GIVEN_UP, Reason.HTTP_STATUS_TRANSIENT}
    assert site.counts["again"] <= 4


@pytest.mark.slow
def test_a_host_for_which_rows_wait_is_named(site: Site, other: Site) -> None:
    url = site.url("/retry-after?seconds=2&status=429&token=named")
    with running(replace(CONFIG, first_connections_per_host=1)) as (engine, fetched):
        engine.submit(rows(url, *different(site.url("/image/1.jpg"), 5)))
        fetched.until(lambda: bool(engine.resting))
        (resting,) = engine.resting
        assert (resting.name, resting.rows) == (site.url("").rstrip("/"), 5)
        assert 0 < resting.seconds <= 2
        fetched.until_count(6)


def until(moment: float) -> None:
    """Let time pass, which is what is tested."""
    time.sleep(max(0.0, moment - time.monotonic()))


def test_a_host_that_gives_any_answer_is_never_given_up(site: Site) -> None:
    urls = different(site.url("/status/500"), 100)
    outcomes = reasons(*urls, first_connections_per_host=8, politeness=QUICK)
    assert set(outcomes) == {Reason.HTTP_STATUS_TRANSIENT}


def test_one_dead_port_does_not_make_the_others_of_its_address_dead(site: Site) -> None:
    with ClosedPort() as closed:
        dead = different(f"http://127.0.0.1:{closed.number}/", 100)
        living = different(site.url("/image/1.jpg"), 100)
        outcomes = reasons(*dead, *living, first_connections_per_host=8, politeness=QUICK)
    assert outcomes[100:] == [None] * 100


# ceilings


@pytest.mark.slow
def test_a_host_never_sees_more_at_once_than_it_may(site: Site) -> None:
    crowd = site.url("/crowd?seconds=0.005&token=three")
    assert reasons(*different(crowd, 100), max_connections_per_host=3) == [None] * 100
    assert site.at_once["three"] == 3


@pytest.mark.slow
def test_each_host_has_a_ceiling_of_its_own(site: Site) -> None:
    paths = [
        site.url(f"/crowd?seconds=0.01&token={host}", host=f"{host}.localhost") for host in "ab"
    ]
    urls = [url for path in paths for url in different(path, 20)]
    assert reasons(*urls, max_connections_per_host=2) == [None] * 40
    assert site.at_once["a"] == site.at_once["b"] == 2


@pytest.mark.slow
def test_there_is_a_delay_between_the_starts_of_two_requests(site: Site) -> None:
    urls = different(site.url("/image/1.jpg?token=delay"), 6)
    assert reasons(*urls, min_delay_per_host=0.1) == [None] * 6
    assert span([each for each in site.requests if token_of(each) == "delay"]) > 0.9 * 5 * 0.1


def test_no_other_host_waits_for_that_delay(site: Site, other: Site) -> None:
    slow = different(site.url("/image/1.jpg?token=slow"), 20)
    fast = [other.url("/image/1.jpg", host=f"n{number}.localhost") for number in range(50)]
    with running(replace(CONFIG, min_delay_per_host=30.0, thread_count=4)) as (engine, fetched):
        engine.submit(rows(*slow, *fast))
        fetched.until_count(51)
        assert engine.in_flight == 0


def two_processes(folder: Path, urls: list[str], **options: Any) -> None:
    """Of many shards of one row, no worker takes all."""
    report = download(
        urls,
        output_folder=str(folder),
        output_format="dummy",
        processes_count=2,
        number_sample_per_shard=1,
        thread_count=8,
        **options,
    )
    assert report.successes == len(urls)


@pytest.mark.slow
def test_the_ceiling_holds_for_all_processes_of_a_run(fresh_site: Site, tmp_path: Path) -> None:
    urls = different(fresh_site.url("/crowd?seconds=0.1&token=all"), 60)
    two_processes(tmp_path / "out", urls, max_connections_per_host=3)
    assert fresh_site.at_once["all"] == 3
    assert fresh_site.connections > 3  # both took part


@pytest.mark.slow
def test_so_does_the_delay(fresh_site: Site, tmp_path: Path) -> None:
    urls = different(fresh_site.url("/slow?seconds=0.03"), 100)
    two_processes(tmp_path / "out", urls, min_delay_per_host=0.015)
    assert span(fresh_site.requests) > 0.9 * 99 * 0.015


# what is asked for twice


@pytest.mark.slow
def test_equal_urls_are_fetched_once_and_answered_to_all_their_rows(site: Site) -> None:
    same = [
        site.url("/slow?seconds=0.2&token=same"),
        site.url("/slow?seconds=0.2&token=same#fragment"),
        site.url("/./x/../slow?seconds=0.2&token=same").replace("http:", "HTTP:"),
    ]
    with running() as (engine, fetched):
        engine.submit(rows(*same * 10))
        fetched.until_count(30)
    assert all(isinstance(outcome, Body) for outcome in fetched.in_order)
    assert len([each for each in site.requests if token_of(each) == "same"]) == 1


def test_so_are_their_failures(site: Site) -> None:
    url = site.url("/flaky?fail=99&how=404&token=same-failure")
    assert reasons(*[url] * 20) == [Reason.HTTP_STATUS] * 20
    assert site.counts["same-failure"] == 1


def test_different_queries_are_different(site: Site) -> None:
    urls = different(site.url("/image/1.jpg?token=different"), 5)
    fetch(*urls)
    assert len([each for each in site.requests if token_of(each) == "different"]) == 5
