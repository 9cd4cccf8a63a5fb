"""A URL's host: an address we may connect to, a proxy, or a reason; no name server is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.errors import Reason
from img2dataset.fetch.dns.name_cache import NO_SUCH_HOST, NOT_RESOLVED, Answer
from img2dataset.fetch.dns.resolver import Resolver
from img2dataset.fetch.http.urls import make_sendable
from img2dataset.fetch.loop import Loop
from img2dataset.fetch.route.router import DIRECT, Route, Router, find_origin, parse_origin
from img2dataset.records import Failure
from tests.unit.fetch.plain import PLAIN

PUBLIC = Answer(("2606:4700::1", "8.8.8.8"))
PRIVATE = Answer(("10.0.0.1", "169.254.169.254"))
MIXED = Answer(("8.8.8.8", "10.0.0.1"))
LOOPBACK = Answer(("127.0.0.1", "::1"))


class Names:
    """A resolver that knows what it is told, and has to ask for all else."""

    def __init__(self, names: dict[str, Answer]) -> None:
        self._names = names
        self.asked: list[str] = []

    def ask(self, name: str) -> Answer | None:
        self.asked.append(name)
        return self._names.get(name)


MakeWays = Callable[..., Router]


@pytest.fixture
def make_router(request: pytest.FixtureRequest) -> MakeWays:
    def make(policy: str = "listed", **names: Answer) -> Router:
        loop = Loop()
        router = Router(replace(PLAIN, private_addresses=policy), loop)
        request.addfinalizer(loop.close)
        router.close()
        router._resolver = cast("Resolver", Names(names))
        return router

    return make


def way(router: Router, url: str, listed: str = "http://a/") -> Route | Reason | None:
    found = router.find(parse_origin(find_origin(url)), parse_origin(find_origin(listed)).host)
    return found.reason if isinstance(found, Failure) else found


# -- places --


@pytest.mark.parametrize(
    ("url", "origin", "host", "port", "literal"),
    [
        ("http://a/x", "http://a", "a", 80, None),
        ("https://a/x?y=http://b/", "https://a", "a", 443, None),
        ("http://a:8080/", "http://a:8080", "a", 8080, None),
        ("http://u:p@a:81/", "http://a:81", "a", 81, None),
        ("http://a1/", "http://a1", "a1", 80, None),
        ("http://1.2.3.4/", "http://1.2.3.4", "1.2.3.4", 80, "1.2.3.4"),
        ("http://1.2.3.4:99/", "http://1.2.3.4:99", "1.2.3.4", 99, "1.2.3.4"),
        ("http://[::1]/", "http://[::1]", "[::1]", 80, "::1"),
        ("https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443", "[2001:db8::1]", 8443,
         "2001:db8::1"),
    ],
)  # fmt: skip
def test_whom_a_url_asks(url: str, origin: str, host: str, port: int, literal: str | None) -> None:
    place = parse_origin(find_origin(url))
    assert (place.name, place.host, place.port, place.literal) == (origin, host, port, literal)


@given(
    st.sampled_from(["http", "https"]),
    st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z])", fullmatch=True)
    | st.ip_addresses().map(lambda ip: f"[{ip}]" if ip.version == 6 else str(ip)),
    st.none() | st.integers(1, 65535),
    st.sampled_from(["", "user@", "user:pa%40ss@"]),
    st.text(max_size=10),
)
def test_whatever_can_be_sent_has_an_origin(
    scheme: str, host: str, port: int | None, user: str, path: str
) -> None:
    try:
        url = make_sendable(f"{scheme}://{user}{host}{'' if port is None else f':{port}'}/{path}")
    except Exception:  # noqa: BLE001  (not every name made here is one)
        return
    place = parse_origin(find_origin(url))
    assert place.scheme == scheme
    assert place.port == (port or {"http": 80, "https": 443}[scheme])
    assert "@" not in place.name
    assert place.host in url
    assert (place.literal is not None) is (host[0] == "[" or host.replace(".", "").isdigit())


# -- router --


def test_an_address_needs_no_name_server(make_router: MakeWays) -> None:
    router = make_router()
    assert way(router, "http://8.8.8.8/") == DIRECT
    assert way(router, "http://[2606:4700::1]/") == DIRECT
    assert cast("Names", router._resolver).asked == []


def test_a_name_that_is_known_comes_with_its_addresses(make_router: MakeWays) -> None:
    assert way(make_router(a=PUBLIC), "https://a/") == Route("a:443:2606:4700::1,8.8.8.8")


def test_a_name_that_is_not_known_is_looked_up(make_router: MakeWays) -> None:
    assert way(make_router(), "http://a/") is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(NO_SUCH_HOST, Reason.NO_SUCH_HOST), (NOT_RESOLVED, Reason.HOST_NOT_RESOLVED)],
)
def test_a_name_that_cannot_be_looked_up_says_why(
    make_router: MakeWays, answer: Answer, reason: Reason
) -> None:
    assert way(make_router(a=answer), "http://a/") is reason


NO = Reason.ADDRESS_NOT_ALLOWED


@pytest.mark.parametrize(
    ("url", "listed", "answer", "allow", "by_list", "deny"),
    [
        ("http://a/", "http://a/", PUBLIC, True, True, True),
        ("http://a/", "http://a/", PRIVATE, True, False, False),  # a name that lies
        ("http://a/", "http://b/", PRIVATE, True, False, False),
        ("http://10.0.0.1/", "http://10.0.0.1/", None, True, True, False),
        ("http://10.0.0.1/", "http://b/", None, True, False, False),  # a redirect
        ("http://10.0.0.1/", "http://10.0.0.2/", None, True, False, False),
        ("http://169.254.169.254/", "http://b/", None, True, False, False),
        ("http://[::1]/", "http://[::1]/", None, True, True, False),
        ("http://[::ffff:127.0.0.1]/", "http://b/", None, True, False, False),
        ("http://localhost/", "http://localhost/", LOOPBACK, True, True, False),
        ("http://localhost/", "http://b/", LOOPBACK, True, False, False),
        ("http://localhost/", "http://localhost/", PRIVATE, True, False, False),
    ],
)
def test_who_may_be_asked_by_whom(  # noqa: PLR0917  (a table)
    make_router: MakeWays,
    url: str,
    listed: str,
    answer: Answer | None,
    allow: bool,  # noqa: FBT001
    by_list: bool,  # noqa: FBT001
    deny: bool,  # noqa: FBT001
) -> None:
    host = parse_origin(find_origin(url)).host
    names = {} if answer is None else {host: answer}
    for policy, may in (("allow", allow), ("listed", by_list), ("deny", deny)):
        found = way(make_router(policy, **names), url, listed)
        assert isinstance(found, Route) if may else found is NO, policy


def test_of_several_addresses_only_those_that_are_allowed_are_used(make_router: MakeWays) -> None:
    assert way(make_router(a=MIXED), "http://a/") == Route("a:80:8.8.8.8")
    assert way(make_router("allow", a=MIXED), "http://a/") == Route("a:80:8.8.8.8,10.0.0.1")


def test_a_proxy_is_asked_instead_of_a_name_server(
    make_router: MakeWays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.7:3128")
    monkeypatch.setenv("no_proxy", "direct")
    router = make_router(direct=PUBLIC, a=PRIVATE)
    assert way(router, "http://a/") == Route(proxy="http://192.0.2.7:3128")
    assert way(router, "http://8.8.8.8/") == Route(proxy="http://192.0.2.7:3128")
    assert way(router, "http://direct/") == Route("direct:80:2606:4700::1,8.8.8.8")
    assert way(router, "http://10.0.0.1/", "http://b/") is NO, "nor may a proxy be sent there"


@pytest.mark.parametrize("url", ["http://a/", "http://8.8.8.8/"])
def test_a_proxy_has_a_name_too_and_may_be_private(
    make_router: MakeWays, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("http_proxy", "http://u:p@proxy:3128/")
    place = parse_origin(find_origin(url))
    assert make_router().name_for(place) == "proxy"
    assert way(make_router(), url) is None
    found = way(make_router("deny", proxy=PRIVATE), url)
    assert found == Route("proxy:3128:10.0.0.1,169.254.169.254", "http://u:p@proxy:3128/")


@pytest.mark.parametrize("answer", [NO_SUCH_HOST, NOT_RESOLVED])
def test_a_proxy_without_an_address_says_nothing_of_the_host(
    make_router: MakeWays, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    assert way(make_router(proxy=answer), "http://a/") is Reason.PROXY_FAILED


def test_the_name_to_be_known_is_the_hosts_where_no_proxy_is_asked(
    make_router: MakeWays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "direct")
    assert make_router().name_for(parse_origin("http://direct")) == "direct"


@pytest.mark.parametrize(
    ("url", "address", "may"),
    [
        ("http://a/", "8.8.8.8", True),
        ("http://a/", "10.0.0.1", False),
        ("http://a/", "::1", False),
        ("http://10.0.0.1/", "10.0.0.1", True),  # it has passed `find`
        ("http://localhost/", "127.0.0.1", True),
        ("http://localhost/", "10.0.0.1", False),
    ],
)
def test_an_address_is_looked_at_again_when_there_is_a_connection(
    make_router: MakeWays,
    url: str,
    address: str,
    may: bool,  # noqa: FBT001  (a column)
) -> None:
    assert make_router().may_connect(url, address) is may
