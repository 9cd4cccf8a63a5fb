"""Host names: name servers that fail now and then, or for good, cost no row and hold up nobody."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from img2dataset.backoff import Backoff
from img2dataset.errors import Reason
from img2dataset.fetch import Politeness
from img2dataset.fetch.dns import resolver
from tests.e2e import fetching
from tests.e2e.fetching import CONFIG, UNHURRIED, different, names, rows, running
from tests.e2e.test_fetch_http2 import NOT_VALID
from tests.e2e.test_fetch_odd_servers import ANSWER, heard, listening
from tests.site import Site
from tests.site.names import REFUSED, SERVFAIL, SILENT, Name, NameServer
from tests.site.plain_http2 import plain_http2

HERE = "127.0.0.1"
NOBODY = "127.0.0.1:1"
"""A name server that is not there."""


QUICK = Politeness(
    lookup_wait_s=0.1,
    lookup_retry=Backoff(0.0625, jitter=0.4),
    retry=Backoff(0.02, 30.0, jitter=1.0),
)
SOON = replace(QUICK, max_lookup_s=0.3)
"""A name is given up soon."""


def reasons(*urls: str, politeness: Politeness = QUICK, **how: Any) -> list[Reason | None]:
    return fetching.reasons(*urls, politeness=politeness, **how)


def test_a_name_is_asked_once_for_all_its_rows(site: Site) -> None:
    with names(a=HERE) as (server, config):
        urls = different(site.url("/image/1.jpg", host="a.test"), 50)
        assert reasons(*urls, config=config, timeout=UNHURRIED) == [None] * 50
        assert server.asked["a.test", 1] == 1


def test_upper_case_dots_and_umlauts_are_the_same_to_it(site: Site) -> None:
    with names() as (server, config):
        server.say("xn--bcher-kva.test", Name((HERE,)))
        hosts = ["bücher.test", "BÜCHER.test", "xn--bcher-kva.test"]
        urls = [site.url("/image/1.jpg", host=host) for host in hosts]
        assert reasons(*urls, config=config) == [None] * len(urls)
        assert server.asked["xn--bcher-kva.test", 1] == 1


def test_another_name_for_a_name(site: Site) -> None:
    with names(a=Name((HERE,), alias="b.test")) as (_, config):
        assert reasons(site.url("/image/1.jpg", host="a.test"), config=config) == [None]


@pytest.mark.parametrize("how", [SERVFAIL, REFUSED, SILENT])
def test_a_question_that_fails_at_first_is_asked_again(site: Site, how: int) -> None:
    with names(a=Name((HERE,), fail=how)) as (_, config):
        assert reasons(site.url("/image/1.jpg", host="a.test"), config=config) == [None]


def test_a_name_that_does_not_exist_is_asked_once() -> None:
    with names() as (server, config):
        urls = different("http://a.test/", 3)
        assert reasons(*urls, config=config, retries=3) == [Reason.NO_SUCH_HOST] * 3
        assert server.asked["a.test", 1] == 1


def test_a_name_without_an_address_is_no_host() -> None:
    with names(a=Name()) as (_, config):
        assert reasons("http://a.test/", config=config, retries=3) == [Reason.NO_SUCH_HOST]


@pytest.mark.slow
@pytest.mark.parametrize("how", [SERVFAIL, REFUSED, SILENT])
def test_a_failing_name_server_does_not_make_a_host_unknown(how: int) -> None:
    with names(a=Name((HERE,), fail=how, times=1000)) as (_, config):
        assert reasons("http://a.test/", config=config, politeness=SOON) == [
            Reason.HOST_NOT_RESOLVED
        ]


def test_nor_does_one_that_is_down() -> None:
    config = replace(CONFIG, dns_servers=(NOBODY,))
    assert reasons("http://a.test/", config=config, politeness=SOON) == [Reason.HOST_NOT_RESOLVED]


@pytest.mark.slow
def test_a_host_that_was_not_resolved_is_tried_again(site: Site) -> None:
    forgetful = replace(
        QUICK,
        max_lookup_s=0.2,
        not_resolved_memory_s=0.01,
        retry=Backoff(0.5, 30.0, jitter=1.0),
    )
    with names(a=Name((HERE,), fail=SERVFAIL, times=12)) as (_, config):
        url = site.url("/image/1.jpg", host="a.test")
        assert reasons(url, config=config, retries=8, politeness=forgetful) == [None]


def test_a_name_server_that_is_down_is_made_up_for_by_another(site: Site) -> None:
    with names(Name((HERE,))) as (server, config):
        for servers in [(NOBODY, server.address), (server.address, NOBODY)]:
            urls = [site.url("/image/1.jpg", host=f"{n}.test") for n in range(10)]
            assert reasons(*urls, config=config, dns_servers=servers) == [None] * 10


def test_several_name_servers_share_the_work(site: Site) -> None:
    everyone = Name((HERE,))
    with NameServer(other=everyone) as one, names(everyone) as (other, config):
        urls = [site.url("/image/1.jpg", host=f"{n}.test") for n in range(20)]
        servers = (one.address, other.address)
        assert reasons(*urls, config=config, dns_servers=servers) == [None] * 20
        assert one.asked.total() == other.asked.total()


def test_silence_holds_up_nobody_else(site: Site) -> None:
    with names(Name(fail=SILENT, times=1000), good=HERE) as (_, config):
        silent = [f"http://{n}.silent.test/" for n in range(200)]
        good = [site.url("/image/1.jpg", host=host) for host in ("good.test", HERE, "localhost")]
        with running(replace(config, thread_count=8), politeness=QUICK) as (engine, fetched):
            engine.submit(rows(*silent, *good))
            fetched.until_count(3)
            assert {index for index, _ in fetched.outcomes} == {200, 201, 202}


@pytest.mark.slow
def test_silence_costs_no_more_than_the_timeout_at_any_hop(site: Site) -> None:
    silent = Name(fail=SILENT, times=1000)
    with names(a=silent, b=HERE, c=silent) as (_, config):
        first = site.url("/image/1.jpg", host="a.test")
        second = site.url("/redirect-to", host="b.test", url=site.url("/", host="c.test"))
        assert reasons(first, second, config=config) == [Reason.HOST_NOT_RESOLVED] * 2


@pytest.mark.slow
def test_the_time_of_the_look_up_counts(site: Site) -> None:
    """0.3 + 0.3 seconds are more than 0.5."""
    patient = replace(QUICK, lookup_wait_s=1.0)
    with names(a=Name((HERE,), seconds=0.3)) as (_, config):
        url = site.url("/slow?seconds=0.3", host="a.test")
        outcomes = reasons(url, config=config, timeout=0.5, politeness=patient)
        assert outcomes == [Reason.TIMEOUT]


@pytest.mark.slow
def test_thousands_of_names_of_which_some_fail_at_first_all_arrive(site: Site) -> None:
    with names(Name((HERE,)), latency=0.02, fail=0.02) as (server, config):
        urls = [site.url("/image/1.jpg", host=f"n{n}.test") for n in range(2000)]
        outcomes = reasons(*urls, config=config, thread_count=256, timeout=5.0)
        assert outcomes == [None] * 2000
        assert server.asked["n1.test", 1] == 1
        assert server.asked.total() > 2000 * len({kind for _, kind in server.asked})


def test_what_a_name_means_is_never_left_to_libcurl(site: Site) -> None:
    """It would ask the system's resolver; so what one of its handles forgets, others need not."""
    closing = "/no-length"  # else there would be a connection, and no name needed
    with (
        names(a=HERE, b=HERE) as (_, config),
        running(config, politeness=QUICK) as (engine, fetched),
    ):
        a, b = (site.url(closing, host=host) for host in ("a.test", "b.test"))
        engine.submit(rows(*different(a, 2)))  # two handles that know a
        fetched.until_count(2)
        engine.submit(rows(site.url("/gated?token=libcurl", host="b.test"), start=2))
        site.until(lambda: any("token=libcurl" in each.target for each in site.requests))
        engine.submit(rows(*different(a, 1), b, start=3))  # one of them knows b now
        fetched.until_count(4)
        site.open_gate("libcurl")
        fetched.until_count(5)
    assert fetched.reasons == [None] * 5


# without asking


def test_localhost_is_nobodys_business(site: Site) -> None:
    with names() as (server, config):
        hosts = ["localhost", "LOCALHOST", "localhost.", "a.localhost", HERE, "0x7f.1"]
        urls = [site.url("/image/1.jpg", host=host) for host in hosts]
        assert reasons(*urls, config=config) == [None] * len(urls)
        assert not server.asked


def test_names_of_the_hosts_file_count(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{HERE} listed.test other.test # a comment\n{HERE} bare\n")
    monkeypatch.setattr(resolver, "HOSTS_FILE", hosts)
    known = ["listed.test", "OTHER.test", "bare"]
    with names() as (server, config):
        urls = [site.url("/image/1.jpg", host=host) for host in known]
        assert reasons(*urls, config=config) == [None] * len(urls)
        assert server.asked["listed.test", 1] == 0
        refused = reasons(urls[0], config=config, private_addresses="listed")
        assert refused == [Reason.ADDRESS_NOT_ALLOWED]


# libcurl asks nobody


@pytest.mark.slow
@pytest.mark.parametrize("served", [1, 3])
def test_connections_that_close_lead_to_no_look_up_of_libcurls(
    served: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own would go to the system's resolver, which knows none of these names."""
    monkeypatch.setattr(resolver, "HOSTS_FILE", Path("/nowhere"))

    def serve(connection: socket.socket) -> None:
        for _ in range(served):
            heard(connection)
            connection.sendall(ANSWER)
        heard(connection)  # and closes when it is asked once more

    with listening(serve) as url, names(Name((HERE,))) as (_, config):
        port = url.rpartition(":")[2]
        urls = [f"http://n{n % 7}.test:{port}/{n}" for n in range(280)]
        assert reasons(*urls, config=replace(config, thread_count=8, timeout=10)) == [None] * 280


@pytest.mark.slow
@pytest.mark.parametrize("served", [1, 3])
@pytest.mark.parametrize("way", ["redirects", "retries", "drops"])
def test_nor_do_redirects_and_retries(
    served: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver, "HOSTS_FILE", Path("/nowhere"))
    seen: set[bytes] = set()

    def serve(connection: socket.socket) -> None:
        for _ in range(served):
            head = heard(connection)
            path = head.partition(b" ")[2].partition(b" ")[0]
            is_first = path not in seen and path.endswith((b"1", b"4", b"7"))
            seen.add(path)
            if way == "redirects" and b"/there" not in path:
                there = b"http://m%d.test:%s/there%s" % (len(seen) % 7, port, path)
                moved = b"HTTP/1.1 302 No\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n" % there
                connection.sendall(moved)
            elif way == "retries" and is_first:
                connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
            elif way == "drops" and is_first:
                return
            else:
                connection.sendall(ANSWER)
        heard(connection)

    with listening(serve) as url, names(Name((HERE,))) as (_, config):
        port = url.rpartition(":")[2].encode()
        urls = [f"http://n{n % 7}.test:{port.decode()}/{n}" for n in range(140)]
        outcomes = reasons(*urls, config=config, thread_count=8, timeout=10, retries=3)
    assert outcomes == [None] * 140


@pytest.mark.slow
@pytest.mark.parametrize("what", ["refused streams", "a goodbye to everybody", "capitals"])
def test_nor_does_http_2(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "HOSTS_FILE", Path("/nowhere"))
    with plain_http2(NOT_VALID[what], ANSWER) as server, names(Name((HERE,))) as (_, config):
        urls = [f"https://n{n % 7}.test:{server.port}/{n}" for n in range(70)]
        outcomes = reasons(
            *urls, config=config, thread_count=8, timeout=10, ignore_ssl_certificate=True
        )
    assert outcomes == [None] * 70
