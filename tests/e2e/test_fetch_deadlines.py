"""Servers that drip, stall, never end or never begin cost their deadline and nothing more."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from img2dataset.errors import Reason
from img2dataset.records import Body
from tests.e2e.fetching import (
    CONFIG,
    Room,
    different,
    fetch,
    reason_of,
    reasons,
    rows,
    running,
)
from tests.site import Site


@pytest.mark.slow
def test_the_timeout_is_for_all_hops_together(site: Site) -> None:
    outcomes = reasons(
        site.url("/redirect?n=2&seconds=0.25"),
        site.url("/redirect?n=4&seconds=0.32"),
        site.url("/redirect?seconds=0.5&to=/slow?seconds=0.5"),
        site.url("/redirect?seconds=0.5&to=/endless?rate=100000"),
        site.url("/redirect?n=10&seconds=0.1"),
    )
    assert outcomes == [None, *[Reason.TIMEOUT] * 4]


@pytest.mark.slow
def test_an_error_page_that_does_not_end_is_an_error_all_the_same(site: Site) -> None:
    short = site.url("/hanging?status=404&size=100")  # it might still come
    assert reasons(short, timeout=0.3) == [Reason.HTTP_STATUS]


AT_ONCE = {
    "/hanging?status=404": Reason.HTTP_STATUS,
    "/hanging?status=503": Reason.HTTP_STATUS_TRANSIENT,
    "/hanging?status=206": Reason.BODY_INCOMPLETE,
    "/hanging?header=X-Robots-Tag: noai": Reason.OPTED_OUT,
    "/hanging?status=302&header=Location: /image/1.jpg": None,
    "/hanging?status=302&header=Location: /status/404": Reason.HTTP_STATUS,
    "/hanging?size=1000001": Reason.BODY_TOO_LARGE,
    "/hanging?header=Content-Encoding: compress": Reason.BAD_ENCODING,
    "/hanging?start=<!doctype html><title>": Reason.NOT_AN_IMAGE,
    "/hanging?type=text/html&start=Sign in, please!": Reason.NOT_AN_IMAGE,
}


def test_what_is_decided_early_is_not_waited_for(site: Site) -> None:
    """None of these bodies ever ends: if any were waited for, the times would add up."""
    config = replace(CONFIG, timeout=30.0, thread_count=1)
    found = reasons(*map(site.url, AT_ONCE), config=config)
    assert dict(zip(AT_ONCE, found, strict=True)) == AT_ONCE
    assert max(request.body_bytes for request in site.asked("/hanging")) < 100


def test_headers_that_never_end(site: Site) -> None:
    paths = ["/endless-header", "/endless-hints", "/redirect-to?url=/endless-header"]
    config = replace(CONFIG, timeout=10.0)
    assert reasons(*map(site.url, paths), config=config) == [Reason.HEADER_TOO_LARGE] * 3


def test_a_body_without_a_length_has_a_limit_too(site: Site) -> None:
    urls = [site.url(path) for path in ("/endless", "/endless?rate=10000000")]
    assert reasons(*urls, timeout=10.0) == [Reason.BODY_TOO_LARGE] * 2
    assert max(request.body_bytes for request in site.asked("/endless")) < 20_000_000


@pytest.mark.slow
def test_a_slow_answer_has_all_of_its_time_and_a_dripping_one_has_not(site: Site) -> None:
    slow, dripping = fetch(site.url("/slow?seconds=0.7"), site.url("/drip"), timeout=1.2)
    assert isinstance(slow, Body)
    assert reason_of(dripping) is Reason.TOO_SLOW


@pytest.mark.slow
def test_nobody_waits_for_a_silent_host(site: Site) -> None:
    config = replace(CONFIG, thread_count=32, first_connections_per_host=8, timeout=30.0)
    with running(config) as (engine, fetched):
        silent = different(site.url("/silent"), 200)
        good = different(site.url("/image/1.jpg", host="localhost"), 200)
        engine.submit(rows(*silent, *good))
        fetched.until_count(200)
        assert {index for index, _ in fetched.outcomes} == set(range(200, 400))
        assert engine.in_flight == 8


@pytest.mark.slow
def test_silent_hosts_by_the_dozen_cost_one_timeout(site: Site) -> None:
    """One after the other they would take 50 s, and `fetch` waits for 15."""
    hosts = [f"n{number}.localhost" for number in range(100)]
    silent = [site.url("/silent", host=host) for host in hosts]
    good = [site.url("/image/1.jpg", host=host) for host in hosts]
    urls = [url for pair in zip(silent, good, strict=True) for url in pair]
    outcomes = reasons(*urls, timeout=0.5)
    assert outcomes == [Reason.TIMEOUT, None] * 100


@pytest.mark.slow
def test_time_in_which_we_let_it_wait_does_not_count(site: Site) -> None:
    """It takes 1.3 s, of which it waits 0.6 s for space that two others take: one that fits, and
    the one that may be too much."""
    room = Room(free_bytes=30_500)
    with running(replace(CONFIG, timeout=1.0), room) as (engine, fetched):
        engine.submit(rows(*different(site.url("/bulk?size=30000&rate=50000"), 2), start=1))
        while engine.reserved_bytes < 60_000:
            time.sleep(0.001)
        room.free_bytes = 90_000  # so that it may start; it does not fit all the same
        began = time.monotonic()
        engine.wake()
        engine.submit(rows(site.url("/bulk?size=130000&rate=100000")))
        fetched.until_count(3)
        took = time.monotonic() - began
    assert fetched.reasons == [None] * 3
    assert fetched.outcomes[-1][0] == 0
    assert took > 1.1


@pytest.mark.slow
def test_nor_does_time_in_which_nothing_may_start(site: Site) -> None:
    room = Room(full=True)
    with running(replace(CONFIG, timeout=0.3), room) as (engine, fetched):
        engine.submit(rows(site.url("/slow?seconds=0.1")))
        time.sleep(0.4)  # the time that passes is what is tested
        room.full = False
        engine.wake()
        fetched.until_count(1)
    assert fetched.reasons == [None]
