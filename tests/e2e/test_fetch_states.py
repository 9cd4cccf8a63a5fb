"""An attempt is in one state at a time, and an engine can say in which."""

from __future__ import annotations

from dataclasses import replace

import pytest

from img2dataset.backoff import Backoff
from img2dataset.fetch import Politeness
from img2dataset.fetch.attempt import AttemptState
from tests.e2e.fetching import CONFIG, ClosedPort, different, names, rows, running
from tests.site import Site
from tests.site.names import SILENT, Name


def test_an_attempt_waits_for_the_name_of_its_host() -> None:
    silent = Name(fail=SILENT, times=1000)
    with names(a=silent) as (_, config), running(replace(config, timeout=60)) as (engine, fetched):
        engine.submit(rows(*different("http://a.test/", 3)))
        fetched.until(lambda: engine.counts == {AttemptState.RESOLVING: 3})


def test_attempts_wait_for_the_robots_txt_that_one_more_asks_for(site: Site) -> None:
    """The host is silent: its robots.txt does not come either."""
    config = replace(CONFIG, robots_txt="respect", timeout=60)
    with names(a="127.0.0.1") as (_, named), ClosedPort() as closed:
        config = replace(
            config, dns_servers=named.dns_servers, private_addresses="allow", retries=1
        )
        slow = Politeness(retry=Backoff(3600.0))
        with running(config, politeness=slow) as (engine, fetched):
            engine.submit(rows(*different(f"http://a.test:{closed.number}/", 3)))
            waiting = {AttemptState.AWAITING_ROBOTS: 3, AttemptState.DELAYED: 1}
            fetched.until(lambda: engine.counts == waiting)


def test_attempts_wait_at_their_host_while_others_are_in_flight(site: Site) -> None:
    config = replace(CONFIG, timeout=60, first_connections_per_host=2)
    with running(config) as (engine, fetched):
        engine.submit(rows(*different(site.url("/silent?token=states"), 5)))
        fetched.until(lambda: engine.counts == {AttemptState.IN_FLIGHT: 2, AttemptState.AT_HOST: 3})
        assert "3 at their host, 2 in flight" in repr(engine)


def test_a_failed_attempt_waits_for_its_next_try(site: Site) -> None:
    config = replace(CONFIG, retries=1)
    with running(config, politeness=Politeness(retry=Backoff(3600.0))) as (engine, fetched):
        engine.submit(rows(*different(site.url("/status/500"), 3)))
        fetched.until(lambda: engine.counts == {AttemptState.DELAYED: 3})


def test_a_failure_of_the_network_is_held_while_others_are_in_flight(site: Site) -> None:
    with ClosedPort() as closed, running(replace(CONFIG, timeout=60)) as (engine, fetched):
        held = different(f"http://127.0.0.1:{closed.number}/", 3)
        engine.submit(rows(site.url("/silent?token=held"), *held))
        fetched.until(lambda: engine.counts == {AttemptState.IN_FLIGHT: 1, AttemptState.HELD: 3})


@pytest.mark.parametrize("path", ["/image/1.jpg", "/redirect?n=3", "/status/404"])
def test_a_delivered_attempt_is_in_no_state(site: Site, path: str) -> None:
    with running() as (engine, fetched):
        engine.submit(rows(*different(site.url(path), 3)))
        fetched.until_count(3)
        assert engine.counts == {}
        assert repr(engine) == "<Engine: 0 queued, 0 bytes reserved>"
