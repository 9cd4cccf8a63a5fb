"""Which addresses may be asked: checked at every hop, on the address that is connected to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from img2dataset.errors import Reason
from img2dataset.fetch import Engine
from img2dataset.fetch.dns import resolver
from img2dataset.fetch.route import router as way
from img2dataset.fetch.route.router import Route
from img2dataset.records import Body
from tests.e2e.fetching import CONFIG, fetch, names, reasons, rows, running
from tests.site import Site
from tests.site.names import Name

REFUSED = Reason.ADDRESS_NOT_ALLOWED

PUBLIC, PRIVATE = "127.0.0.2", "127.0.0.1"
"""With the fixture one_private_address."""


@pytest.fixture(scope="module")
def two() -> Iterator[Site]:
    """A site on both."""
    with Site(addresses=(PRIVATE, PUBLIC, "::1")) as running:
        yield running


def let_pass(engine: Engine, *, hours: int) -> None:
    """Let the engine forget what it knows of names."""
    engine._router._resolver._clock = lambda: time.monotonic() + 3600 * hours


# names


@pytest.mark.parametrize("policy", ["listed", "deny"])
def test_a_name_that_means_a_private_address_is_not_connected_to(
    fresh_site: Site, policy: str
) -> None:
    inside = Name((PRIVATE, "10.0.0.1", "::1"))
    with names(inside=inside) as (_, config):
        url = fresh_site.url("/image/1.jpg", host="inside.test")
        assert reasons(url, config=config, private_addresses=policy) == [REFUSED]
    assert fresh_site.connections == 0


def test_unless_all_are_allowed(site: Site) -> None:
    with names(inside=PRIVATE) as (_, config):
        assert reasons(site.url("/image/1.jpg", host="inside.test"), config=config) == [None]


def test_a_refusal_is_final(fresh_site: Site) -> None:
    with names(inside=PRIVATE) as (server, config):
        url = fresh_site.url("/image/1.jpg", host="inside.test")
        assert reasons(url, config=config, private_addresses="listed", retries=3) == [REFUSED]
        assert server.asked["inside.test", 1] == 1


@pytest.mark.usefixtures("one_private_address")
def test_of_a_names_addresses_only_the_public_ones_are_tried(fresh_site: Site) -> None:
    """Nobody listens on the public one here; the other would answer."""
    with names(mixed=Name((PUBLIC, PRIVATE))) as (_, config):
        url = fresh_site.url("/image/1.jpg", host="mixed.test")
        assert reasons(url, config=config, private_addresses="listed") == [Reason.CONNECT_FAILED]
    assert fresh_site.connections == 0


def test_a_name_with_a_private_ipv6_address_is_refused_too(
    monkeypatch: pytest.MonkeyPatch, two: Site
) -> None:
    monkeypatch.setattr(resolver, "has_ipv6", lambda: True)
    with names(six="::1") as (_, config):
        url = two.url("/image/1.jpg", host="six.test")
        assert reasons(url, config=config, private_addresses="listed") == [REFUSED]
        assert reasons(url, config=config) == [None]


# redirects

INSIDE = [
    "http://127.0.0.1:{port}/secret",
    "http://2130706433:{port}/secret",
    "http://0x7f.1:{port}/secret",
    "http://017700000001:{port}/secret",
    "http://127.1:{port}/secret",
    "http://[::ffff:127.0.0.1]:{port}/secret",
    "http://[::ffff:7f00:1]:{port}/secret",
    "http://[::127.0.0.1]:{port}/secret",
    "http://[64:ff9b::7f00:1]:{port}/secret",
    "http://[::1]:{port}/secret",
    "http://0.0.0.0:{port}/secret",
    "http://0:{port}/secret",
    "http://localhost:{port}/secret",
    "http://LOCALHOST.:{port}/secret",
    "http://anything.localhost:{port}/secret",
    "http://%6cocalhost:{port}/secret",
    "http://127.0.0.1%2e:{port}/secret",
    "http://①②⑦.0.0.1:{port}/secret",
    "http://user:password@127.0.0.1:{port}/secret",
    "http://2.test@127.0.0.1:{port}/secret",
    "//127.0.0.1:{port}/secret",
    "\\\\127.0.0.1:{port}/secret",
    "http://inside.test:{port}/secret",
    "http://alias.test:{port}/secret",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://100.100.100.200/secret",
    "http://168.63.129.16/secret",
    "http://10.0.0.1/secret",
    "http://192.168.0.1/secret",
]


@pytest.mark.usefixtures("one_private_address")
@pytest.mark.parametrize("policy", ["listed", "deny"])
def test_no_redirect_leads_inside_however_it_is_spelt(two: Site, policy: str) -> None:
    inside, alias = Name((PRIVATE,)), Name((PRIVATE,), alias="inside.test")
    with names(outside=PUBLIC, inside=inside, alias=alias) as (_, config):
        urls = [
            two.url("/redirect-to", host="outside.test", url=target.format(port=two.port))
            for target in INSIDE
        ]
        outcomes = reasons(*urls, config=config, private_addresses=policy)
    assert dict(zip(INSIDE, outcomes, strict=True)) == dict.fromkeys(INSIDE, REFUSED)
    assert len(two.asked("/redirect-to")) >= len(urls)
    assert two.asked("/secret") == []


@pytest.mark.usefixtures("one_private_address")
def test_later_hops_are_looked_at_like_the_first(two: Site) -> None:
    with names(outside=PUBLIC, other=PUBLIC) as (_, config):
        inside = two.url("/secret")
        last = two.url("/redirect-to", host="other.test", url=inside)
        second = two.url("/redirect-to", host="outside.test", url=last)
        first = two.url("/redirect-to", host="other.test", url=second)
        assert reasons(first, config=config, private_addresses="listed") == [REFUSED]
    assert two.asked("/secret") == []


@pytest.mark.usefixtures("one_private_address")
def test_from_one_public_host_to_another_redirects_are_followed(two: Site) -> None:
    with names(outside=PUBLIC, other=PUBLIC) as (_, config):
        targets = [
            two.url("/image/1.jpg", host="other.test"),
            two.url("/image/1.jpg", host=PUBLIC),
            f"http://2130706434:{two.port}/image/1.jpg",
        ]
        urls = [two.url("/redirect-to", host="outside.test", url=target) for target in targets]
        for policy in ("listed", "deny", "allow"):
            assert reasons(*urls, config=config, private_addresses=policy) == [None, None, None]


def test_a_private_host_of_the_list_may_redirect_to_itself_only(two: Site, site: Site) -> None:
    def redirect(target: str) -> str:
        return two.url("/redirect-to", url=target)

    itself = [
        "/image/1.jpg",
        two.url("/image/1.jpg"),
        site.url("/image/1.jpg"),  # another port of the same host
        f"http://2130706433:{two.port}/image/1.jpg",
    ]
    others = [
        two.url("/image/1.jpg", host=PUBLIC),  # not public without the fixture
        two.url("/image/1.jpg", host="localhost"),
        two.url("/image/1.jpg", host="::1"),
        two.url("/image/1.jpg", host="::ffff:127.0.0.1"),
    ]
    assert reasons(*map(redirect, itself)) == [None] * len(itself)
    assert reasons(*map(redirect, others)) == [REFUSED] * len(others)
    assert reasons(*map(redirect, others), private_addresses="allow") == [None] * len(others)


# the list itself


def test_an_address_in_the_list_is_asked_in_any_spelling(two: Site) -> None:
    urls = [
        two.url("/image/1.jpg"),
        f"http://2130706433:{two.port}/image/1.jpg",
        f"http://0x7f.1:{two.port}/image/1.jpg",
        two.url("/image/1.jpg", host="::1"),
        two.url("/image/1.jpg", host="::ffff:127.0.0.1"),
        two.url("/image/1.jpg", host="localhost"),
        two.url("/image/1.jpg", host="LocalHost."),
        two.url("/image/1.jpg", host="a.b.localhost"),
    ]
    assert reasons(*urls) == [None] * len(urls)
    assert reasons(*urls, private_addresses="allow") == [None] * len(urls)


def test_deny_means_the_list_too(fresh_site: Site) -> None:
    hosts = ["127.0.0.1", "2130706433", "localhost", "a.localhost", "::1", "::ffff:127.0.0.1"]
    urls = [fresh_site.url("/image/1.jpg", host=host) for host in hosts]
    assert reasons(*urls, private_addresses="deny") == [REFUSED] * len(urls)
    assert fresh_site.connections == 0


# what a name means may change


@pytest.mark.usefixtures("one_private_address")
def test_a_name_that_changes_its_mind_does_not_lead_inside(two: Site) -> None:
    """Not even where there still is a connection that was opened in its name."""
    before = len(two.requests)
    with names(turning=Name((PUBLIC,), ttl=0)) as (server, config):

        def ask(number: int) -> Reason | None:
            engine.submit(rows(two.url(f"/image/{number}.jpg", host="turning.test"), start=number))
            fetched.until_count(number + 1)
            return fetched.reasons[number]

        with running(replace(config, private_addresses="listed")) as (engine, fetched):
            assert ask(0) is None
            server.say("turning.test", Name((PRIVATE,), ttl=0))
            let_pass(engine, hours=1)
            assert ask(1) is REFUSED
            server.say("turning.test", Name((PRIVATE, PUBLIC), ttl=0))
            let_pass(engine, hours=2)
            assert ask(2) is None
    assert [request.local for request in two.requests[before:]] == [PUBLIC, PUBLIC]


@pytest.mark.usefixtures("one_private_address")
def test_the_name_is_asked_once_and_what_was_checked_is_what_is_used(two: Site) -> None:
    with names(turning=Name((PUBLIC,), ttl=0)) as (server, config):
        before = len(two.requests)
        close = "/status/404?size=100000"  # too long an error page to keep the connection for
        with running(replace(config, private_addresses="listed")) as (engine, fetched):
            engine.submit(rows(two.url(close, host="turning.test")))
            fetched.until_count(1)
            server.say("turning.test", Name((PRIVATE,), ttl=0))
            engine.submit(rows(two.url("/image/1.jpg", host="turning.test"), start=1))
            fetched.until_count(2)
        assert server.asked["turning.test", 1] == 1
    assert fetched.reasons == [Reason.HTTP_STATUS, None]
    assert [request.local for request in two.requests[before:]] == [PUBLIC, PUBLIC]


@pytest.mark.usefixtures("one_private_address")
def test_nothing_is_said_on_a_connection_to_an_address_that_was_not_checked(
    fresh_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should the first check ever be wrong, there is a second one on the socket itself."""
    monkeypatch.setattr(
        way, "_way_to", lambda host, port, _: Route(resolved=f"{host}:{port}:{PRIVATE}")
    )
    with names(outside=PUBLIC) as (_, config):
        url = fresh_site.url("/image/1.jpg", host="outside.test")
        assert reasons(url, config=config, private_addresses="listed") == [REFUSED]
    assert fresh_site.requests == []


# IPv6


def test_a_site_with_an_ipv6_address(two: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "has_ipv6", lambda: True)
    before = len(two.requests)
    with names(six="::1", both=Name((PUBLIC, "::1"))) as (_, config):
        urls = [two.url("/image/1.jpg", host=host) for host in ("six.test", "both.test", "::1")]
        assert all(isinstance(outcome, Body) for outcome in fetch(*urls, config=config))
    assert {request.local for request in two.requests[before:]} <= {"::1", PUBLIC}
    assert two.requests[-1].headers["host"].endswith(f":{two.port}")


def test_where_ipv6_does_not_answer_ipv4_is_tried(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver, "has_ipv6", lambda: True)
    with names(both=Name((PRIVATE, "::1"))) as (_, config):
        assert reasons(site.url("/image/1.jpg", host="both.test"), config=config) == [None]


# proxies


def test_names_are_left_to_the_proxy(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", site.url(""))
    with names(inside=PRIVATE) as (server, config):
        url = "http://inside.test/image/1.jpg"
        assert reasons(url, config=config, private_addresses="listed") == [None]
        assert not server.asked
    assert site.requests[-1].target == url


@pytest.mark.parametrize("policy", ["listed", "deny"])
def test_a_proxy_is_not_asked_for_private_addresses_or_for_itself(
    fresh_site: Site, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    monkeypatch.setenv("http_proxy", fresh_site.url(""))
    targets = [
        "http://127.0.0.1/secret",
        "http://2130706433/secret",
        "http://[::ffff:127.0.0.1]/secret",
        "http://localhost/secret",
        "http://169.254.169.254/secret",
        "https://127.0.0.1/secret",
    ]
    urls = [f"http://outside.test/redirect-to?url={target}" for target in targets]
    assert reasons(*urls, private_addresses=policy) == [REFUSED] * len(urls)
    assert fresh_site.asked("/secret") == []
    assert len(fresh_site.requests) == len(urls)


def test_public_addresses_go_through_the_proxy(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", site.url(""))
    url = "http://93.184.215.14/image/1.jpg"
    assert reasons(url, private_addresses="deny") == [None]
    assert site.requests[-1].target == url


def test_private_addresses_of_the_list_go_through_the_proxy_unless_denied(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", site.url(""))
    url = "http://10.1.2.3/image/1.jpg"
    assert reasons(url) == [None]
    assert site.requests[-1].target == url
    assert reasons(url, private_addresses="deny") == [REFUSED]


def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert reasons("http://outside.test/", config=CONFIG) == [Reason.CONNECT_FAILED]
