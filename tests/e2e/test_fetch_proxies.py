"""Through a proxy: what it says for itself is not taken for the site's answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from img2dataset.errors import Reason
from img2dataset.fetch.dns import resolver
from img2dataset.records import Body, Failure
from tests.e2e.fetching import CONFIG, different, fetch, names, reason_of, reasons
from tests.e2e.test_fetch_odd_servers import ANSWER, heard, listening
from tests.quick import few_quick
from tests.site import Site


def tunnel(client: socket.socket) -> None:
    """Do what CONNECT asks for, with a chatty answer."""
    with client, suppress(OSError):
        head = client.recv(65536)
        host, _, port = head.split()[1].decode().rpartition(":")
        with socket.create_connection((host, int(port)), timeout=5) as site:
            client.sendall(
                b"HTTP/1.1 200 Connection established\r\nContent-Type: text/html\r\n\r\n"
            )
            back = threading.Thread(target=pump, args=(site, client), daemon=True)
            back.start()
            pump(client, site)
            back.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with listening(tunnel) as url:
        monkeypatch.setenv("https_proxy", url)
        yield url


@pytest.mark.usefixtures("proxy")
def test_answers_through_a_tunnel_are_the_sites() -> None:
    with Site(tls=True) as site:
        config = replace(CONFIG, ignore_ssl_certificate=True, timeout=5)
        urls = [
            site.url("/image/1.jpg"),
            site.url("/redirect?to=/image/2.jpg"),
            site.url("/status/404"),
            site.url("/status/503"),
            site.url("/html"),
        ]
        outcomes = fetch(*urls, config=config)
    assert isinstance(outcomes[0], Body)
    assert [reason_of(outcome) for outcome in outcomes] == [
        None,
        None,
        Reason.HTTP_STATUS,
        Reason.HTTP_STATUS_TRANSIENT,
        Reason.NOT_AN_IMAGE,
    ]


REFUSED, FAILED = Reason.PROXY_REFUSED, Reason.PROXY_FAILED
BY_SQUID = b"X-Squid-Error: ERR_ACCESS_DENIED 0\r\n"


def failure_through(
    monkeypatch: pytest.MonkeyPatch, url: str, status: int, marks: bytes = b""
) -> Failure:
    """What becomes of `url` if that is what the proxy answers."""
    asked = []

    def serve(connection: socket.socket) -> None:
        asked.append(heard(connection))
        head = b"HTTP/1.1 %d No\r\nContent-Length: 3\r\n" % status
        connection.sendall(head + marks + b"\r\nno!")

    with listening(serve) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("https_proxy", proxy)
        (outcome,) = fetch(url, config=replace(CONFIG, timeout=5))
    assert len(asked) == 1
    assert isinstance(outcome, Failure)
    return outcome


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (301, REFUSED),
        (403, REFUSED),
        (404, REFUSED),
        (407, REFUSED),
        (502, FAILED),
        (503, FAILED),
        (504, FAILED),
    ],
)
def test_a_proxy_that_makes_no_tunnel_is_named(
    monkeypatch: pytest.MonkeyPatch, status: int, reason: Reason
) -> None:
    failure = failure_through(monkeypatch, "https://a.test/1.jpg", status)
    assert (failure.reason, failure.label) == (reason, reason.label)
    assert failure.message == f"{reason.label} (HTTP {status})"


@pytest.mark.parametrize(
    ("status", "marks", "reason"),
    [
        (407, b"", REFUSED),
        (407, b"Proxy-Authenticate: Basic\r\n", REFUSED),
        (403, BY_SQUID, REFUSED),
        (503, BY_SQUID, FAILED),
        (403, b"", Reason.HTTP_STATUS),  # as far as can be told it is the site's
        (503, b"", Reason.HTTP_STATUS_TRANSIENT),
    ],
)
def test_what_a_proxy_says_without_a_tunnel_is_its_own_if_that_is_certain(
    monkeypatch: pytest.MonkeyPatch, status: int, marks: bytes, reason: Reason
) -> None:
    assert failure_through(monkeypatch, "http://a.test/1.jpg", status, marks).reason is reason


def test_without_a_proxy_a_407_is_the_sites(site: Site) -> None:
    assert reasons(site.url("/status/407")) == [Reason.HTTP_STATUS]


# a proxy that has a name, which only our name server knows


def socks(client: socket.socket) -> None:
    """SOCKS 5, for names, all of which are here."""
    client.recv(64)
    client.sendall(b"\5\0")
    asked = client.recv(512)
    assert asked[3] == 3, "a name, not an address that libcurl has found"
    with socket.create_connection(("127.0.0.1", int.from_bytes(asked[-2:], "big"))) as site:
        client.sendall(b"\5\0\0\1\0\0\0\0\0\0")
        threading.Thread(target=pump, args=(site, client), daemon=True).start()
        pump(client, site)


@pytest.mark.parametrize("served", few_quick([1, 3, 1000], 3))
@pytest.mark.parametrize("host", ["proxy.test", "PROXY.Test", "u:p%40s@proxy.test"])
def test_the_name_of_a_proxy_is_looked_up_as_all_others(
    monkeypatch: pytest.MonkeyPatch, host: str, served: int
) -> None:
    monkeypatch.setattr(resolver, "HOSTS_FILE", Path("/nowhere"))

    def serve(connection: socket.socket) -> None:
        for _ in range(served):
            if heard(connection).startswith(b"GET http://"):
                connection.sendall(ANSWER)
        heard(connection)

    with listening(serve) as url, names(proxy="127.0.0.1") as (server, config):
        monkeypatch.setenv("http_proxy", url.replace("127.0.0.1", host))
        urls = [f"http://n{number % 7}.test/{number}" for number in range(140)]
        assert reasons(*urls, config=replace(config, thread_count=8, timeout=10)) == [None] * 140
        assert {name for name, _ in server.asked} <= {"proxy.test"}, "it knows the others itself"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["http", "socks5", "socks5h"])
def test_so_is_that_of_one_that_makes_tunnels(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(resolver, "HOSTS_FILE", Path("/nowhere"))
    serve = tunnel if kind == "http" else socks
    with Site(tls=True) as site, listening(serve) as url, names(proxy="127.0.0.1") as (_, config):
        monkeypatch.setenv("https_proxy", f"{kind}://proxy.test:{url.rpartition(':')[2]}")
        host = "127.0.0.1" if kind == "http" else "n1.test"
        urls = different(site.url("/image/1.jpg", host=host), 20)
        assert reasons(*urls, config=config, ignore_ssl_certificate=True, timeout=5) == [None] * 20


def test_a_proxy_whose_name_nobody_knows_is_said_to_be_the_trouble(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.test:3128")
    with names() as (_, config):
        (outcome,) = fetch("http://a.test/", config=config)
    assert isinstance(outcome, Failure)
    label = Reason.PROXY_FAILED.label
    assert outcome.message == f"{label} (the name of the proxy is not resolved)"


def test_hosts_that_need_no_proxy_are_looked_up_besides(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(answer_once) as url, names(proxy="127.0.0.1", direct="127.0.0.1") as (_, config):
        monkeypatch.setenv("http_proxy", url.replace("127.0.0.1", "proxy.test"))
        monkeypatch.setenv("no_proxy", "direct.test")
        urls = [
            each
            for number in range(20)
            for each in (
                f"http://a.test/{number}",
                site.url(f"/image/{number}.jpg", host="direct.test"),
            )
        ]
        assert reasons(*urls, config=replace(config, thread_count=4, timeout=10)) == [None] * 40


def answer_once(connection: socket.socket) -> None:
    heard(connection)
    connection.sendall(ANSWER)
