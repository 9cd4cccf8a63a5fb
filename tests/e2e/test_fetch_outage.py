"""When nearly everything fails over many hosts it is our own network: the list waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from img2dataset.backoff import Backoff
from img2dataset.errors import Reason
from img2dataset.fetch import FetchConfig, Politeness
from img2dataset.fetch.attempt import AttemptState
from tests.e2e.fetching import ClosedPort, names, reason_of, rows, running
from tests.site import Site
from tests.site.names import ALWAYS, SERVFAIL, SILENT, Name, NameServer

HERE = "127.0.0.1"
QUICK = Politeness(probe=Backoff(0.05, 60.0), max_outage_s=60.0)
SHORT = replace(QUICK, max_outage_s=0.25)
BRIEF_RESTS = replace(QUICK, rest=Backoff(0.01))
BRIEF_HOLDS = replace(SHORT, rest=Backoff(0.01), max_held_s=0.2)


@pytest.fixture
def config() -> Iterator[FetchConfig]:
    """Any name is this machine, and nothing here is slow."""
    with names(Name((HERE,))) as (_, config):
        yield replace(config, timeout=10.0)


def urls_of(port: int, *, hosts: int, each: int) -> list[str]:
    """Those of a host are not beside each other."""
    return [
        f"http://n{name}.test:{port}/image/{number}.jpg"
        for number in range(each)
        for name in range(hosts)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("many", "each"), [(400, 1), (40, 10), (25, 60)])
def test_what_an_outage_catches_is_fetched_once_it_is_over(
    config: FetchConfig, many: int, each: int
) -> None:
    """Also where so many fail at one host that it has to rest, which then is for nothing."""
    gently = replace(config, first_connections_per_host=16)
    politeness = replace(QUICK, rest=Backoff(3600.0))
    with ClosedPort() as closed, running(gently, politeness=politeness) as (engine, fetched):
        urls = urls_of(closed.number, hosts=many, each=each)
        engine.submit(rows(*urls))
        fetched.until(lambda: bool(fetched.said))
        closed.free()
        with Site(port=closed.number):
            fetched.until_count(len(urls))
    assert fetched.reasons == [None] * len(urls)
    down, back = fetched.said
    assert "of downloads fail" in down
    assert "connection refused" in down
    assert "is the network down?" in down
    assert "the network is back" in back


@pytest.mark.slow
def test_a_host_that_was_given_up_in_it_is_forgiven(config: FetchConfig) -> None:
    with ClosedPort() as closed, running(config, politeness=BRIEF_RESTS) as (engine, fetched):
        engine.submit(rows(*urls_of(closed.number, hosts=1, each=200)))
        fetched.until_count(200)
        assert Reason.HOST_GIVEN_UP in fetched.reasons
        assert [line.partition(":")[0] for line in fetched.said] == ["http"], "of the host alone"
        engine.submit(rows(*urls_of(closed.number, hosts=200, each=1), start=200))
        fetched.until(lambda: "is the network down?" in fetched.said[-1])
        closed.free()
        with Site(port=closed.number):
            fetched.until_count(400)
            engine.submit(rows(f"http://n0.test:{closed.number}/image/1.jpg", start=400))
            fetched.until_count(401)
    assert fetched.reasons[-1] is None


@pytest.mark.slow
@pytest.mark.parametrize("robots_txt", ["ignore", "respect"])
def test_little_is_asked_while_it_lasts(config: FetchConfig, robots_txt: str) -> None:
    with Site(broken=True) as site:
        changed = replace(config, thread_count=32, robots_txt=robots_txt)
        with running(changed, politeness=QUICK) as (engine, fetched):
            urls = urls_of(site.port, hosts=200, each=4)
            engine.submit(rows(*urls))
            fetched.until(lambda: bool(fetched.said))
            before = len(site.requests)
            assert before < 100 + 2 * 32
            site.until(lambda: len(site.requests) >= before + 4 + 8)  # two rounds of probes
            assert fetched.outcomes == []
            site.broken = False
            fetched.until_count(len(urls))
        assert fetched.reasons == [None] * len(urls)
        assert len(fetched.said) == 2
        asked = [request for request in site.requests if request.path != "/robots.txt"]
        assert len(asked) < len(urls) + 250


@pytest.mark.slow
@pytest.mark.parametrize("how", [SERVFAIL, SILENT])
def test_a_resolver_that_is_down_is_named(site: Site, how: int) -> None:
    """However long it is remembered that a name was not resolved."""
    # 4 seconds: of a busy machine too
    politeness = replace(QUICK, max_lookup_s=4.0, lookup_wait_s=0.1, not_resolved_memory_s=3600.0)
    hosts = [f"n{number}.test" for number in range(200)]
    down = Name((HERE,), fail=how, times=ALWAYS)
    with (
        NameServer(other=down) as server,
        names() as (_, config),
        running(
            replace(config, dns_servers=(server.address,), timeout=10.0), politeness=politeness
        ) as (engine, fetched),
    ):
        engine.submit(rows(*(site.url("/image/1.jpg", host=host) for host in hosts)))
        fetched.until(lambda: bool(fetched.said))
        server.say_of_all(hosts, Name((HERE,)))
        fetched.until_count(len(hosts))
    assert fetched.reasons == [None] * len(hosts)
    assert fetched.said[0].startswith("DNS fails for 100% of names: is the resolver down?")
    assert "the network is back" in fetched.said[1]


def test_a_name_that_failed_just_before_the_end_is_asked_again(site: Site) -> None:
    """Names that are asked again fail at once here, and are remembered for an hour."""
    politeness = replace(QUICK, lookup_retry=Backoff(60.0), not_resolved_memory_s=3600.0)
    hosts = [f"n{number}.test" for number in range(200)]
    with (
        NameServer(other=Name((HERE,), fail=SERVFAIL, times=ALWAYS)) as server,
        names() as (_, config),
        running(
            replace(config, dns_servers=(server.address,), timeout=20.0), politeness=politeness
        ) as (engine, fetched),
    ):
        engine.submit(rows(*(site.url("/gated?token=all", host=host) for host in hosts)))
        fetched.until(lambda: bool(fetched.said))
        server.say_of_all(hosts[::2], Name((HERE,)))
        site.until(lambda: bool(site.requests))  # a probe; all that need a name now fail
        fetched.until(lambda: AttemptState.RESOLVING not in engine.counts)
        server.say_of_all(hosts, Name((HERE,)))
        site.open_gate("all")
        fetched.until_count(len(hosts))
    assert fetched.reasons == [None] * len(hosts)


@pytest.mark.parametrize("worked", [1, 50])
def test_a_resolver_that_is_down_later_is_no_false_alarm(site: Site, worked: int) -> None:
    """Hosts whose names are known go on to answer, and say nothing of the resolver."""
    politeness = replace(QUICK, lookup_retry=Backoff(60.0))
    with (
        NameServer(other=Name((HERE,))) as server,
        names() as (_, config),
        running(
            replace(config, dns_servers=(server.address,), timeout=20.0), politeness=politeness
        ) as (engine, fetched),
    ):
        urls = [site.url("/image/1.jpg", host=f"n{number}.test") for number in range(300)]
        engine.submit(rows(*urls[:worked]))
        fetched.until_count(worked)
        server.say_of_others(Name((HERE,), fail=SERVFAIL, times=ALWAYS))
        engine.submit(rows(*urls[worked:], start=worked))
        fetched.until(lambda: bool(fetched.said))
        server.say_of_others(Name((HERE,)))
        fetched.until_count(len(urls))
    assert fetched.reasons == [None] * len(urls)
    assert fetched.said[0].startswith("DNS fails for")


@pytest.mark.slow
def test_with_robots_txt_an_outage_is_seen_by_the_rows_that_wait_for_it(
    config: FetchConfig,
) -> None:
    """60 hosts: fewer than there are downloads in the window."""
    politely = replace(config, robots_txt="respect")
    politeness = replace(QUICK, rest=Backoff(3600.0))
    with ClosedPort() as closed, running(politely, politeness=politeness) as (engine, fetched):
        urls = urls_of(closed.number, hosts=60, each=10)
        engine.submit(rows(*urls))
        fetched.until(lambda: bool(fetched.said))
        closed.free()
        with Site(port=closed.number):
            fetched.until_count(len(urls))
    assert fetched.reasons == [None] * len(urls)


@pytest.mark.parametrize("robots_txt", ["ignore", "respect"])
def test_after_one_that_was_too_long_all_is_forgiven(config: FetchConfig, robots_txt: str) -> None:
    politely = replace(config, robots_txt=robots_txt, first_connections_per_host=4)
    with ClosedPort() as closed, running(politely, politeness=BRIEF_HOLDS) as (engine, fetched):
        urls = urls_of(closed.number, hosts=30, each=40)
        engine.submit(rows(*urls))
        fetched.until_count(len(urls))
        closed.free()
        with Site(port=closed.number) as site:
            engine.submit(rows(site.url("/image/0.jpg", host="new.test"), start=len(urls)))
            fetched.until_count(len(urls) + 1)
            engine.submit(rows(*urls_of(closed.number, hosts=30, each=1), start=len(urls) + 1))
            fetched.until_count(len(urls) + 31)
    assert None not in fetched.reasons[: len(urls)]
    assert fetched.reasons[len(urls) :] == [None] * 31


def test_failures_are_held_while_others_wait_for_their_next_try(config: FetchConfig) -> None:
    """45 hosts with one URL each: their third tries are what fills the window."""
    politeness = replace(QUICK, retry=Backoff(0.1, jitter=0.9))
    patient = replace(config, retries=2)
    with ClosedPort() as closed, running(patient, politeness=politeness) as (engine, fetched):
        urls = urls_of(closed.number, hosts=45, each=1)
        engine.submit(rows(*urls))
        fetched.until(lambda: bool(fetched.said))
        closed.free()
        with Site(port=closed.number):
            fetched.until_count(len(urls))
    assert fetched.reasons == [None] * len(urls)


@pytest.mark.slow
def test_an_outage_that_does_not_end_is_waited_for_only_so_long(config: FetchConfig) -> None:
    with ClosedPort() as closed, running(config, politeness=SHORT) as (engine, fetched):
        urls = urls_of(closed.number, hosts=50, each=10)
        engine.submit(rows(*urls))
        fetched.until_count(len(urls))
    outcomes = fetched.in_order
    assert {reason_of(outcome) for outcome in outcomes} == {Reason.CONNECT_FAILED}
    down, over = fetched.said
    assert "is the network down?" in down
    assert "has not come back for" in over
    assert "a transient reason" in over


@pytest.mark.slow
def test_after_one_that_was_too_long_the_guard_is_on_again(config: FetchConfig) -> None:
    with ClosedPort() as closed, running(config, politeness=SHORT) as (engine, fetched):
        first = urls_of(closed.number, hosts=120, each=1)
        engine.submit(rows(*first))
        fetched.until_count(len(first))
        closed.free()
        with Site(port=closed.number) as site:
            engine.submit(rows(site.url("/image/0.jpg", host="up.test"), start=1000))
            fetched.until_count(len(first) + 1)
        with ClosedPort() as again:
            engine.submit(rows(*urls_of(again.number, hosts=120, each=1), start=2000))
            fetched.until_count(2 * len(first) + 1)
    assert ["is the network down?" in line for line in fetched.said] == [True, False, True, False]


def test_dead_hosts_among_living_ones_are_no_outage(config: FetchConfig, site: Site) -> None:
    with ClosedPort() as closed, running(config, politeness=QUICK) as (engine, fetched):
        dead = urls_of(closed.number, hosts=50, each=4)
        living = [site.url(f"/image/{number}.jpg") for number in range(40)]
        mixed = [url for n in range(40) for url in (*dead[5 * n : 5 * n + 5], living[n])]
        engine.submit(rows(*mixed))
        fetched.until_count(len(mixed))
    assert fetched.reasons.count(None) == 40
    assert fetched.reasons.count(Reason.CONNECT_FAILED) == 200
    assert fetched.said == []


def test_one_dead_host_is_no_outage(config: FetchConfig, site: Site) -> None:
    with ClosedPort() as closed, running(config, politeness=BRIEF_RESTS) as (engine, fetched):
        urls = urls_of(closed.number, hosts=1, each=300)
        engine.submit(rows(*urls))
        fetched.until_count(len(urls))
        engine.submit(rows(site.url("/image/1.jpg"), start=300))
        fetched.until_count(len(urls) + 1)
    assert {*fetched.reasons} == {Reason.CONNECT_FAILED, Reason.HOST_GIVEN_UP, None}
    assert [line.partition(" ")[2] for line in fetched.said] == [
        "gives no good answer: for 60 s its rows fail at once"
    ]


def test_names_that_do_not_exist_are_no_outage(site: Site) -> None:
    with names() as (_, config), running(config, politeness=QUICK) as (engine, fetched):
        engine.submit(rows(*(f"http://n{number}.test/" for number in range(300))))
        fetched.until_count(300)
    assert {*fetched.reasons} == {Reason.NO_SUCH_HOST}
    assert fetched.said == []


def test_the_failures_of_a_short_list_are_not_kept_back(config: FetchConfig) -> None:
    """If they were, this would time out."""
    with ClosedPort() as closed, running(config, politeness=QUICK) as (engine, fetched):
        urls = urls_of(closed.number, hosts=50, each=1)
        engine.submit(rows(*urls))
        fetched.until_count(len(urls))
    assert fetched.said == []
