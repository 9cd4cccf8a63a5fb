"""What libcurl is told once: seen in what it sends, and in what it refuses."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pycurl
import pytest

from img2dataset.fetch.budget import Budget
from img2dataset.fetch.config import FetchConfig, user_agent
from img2dataset.fetch.http import handles as module
from img2dataset.fetch.http.handles import connect_timeout, new_handle, set_certificates
from img2dataset.fetch.http.response import Response
from tests.site import Site
from tests.site.loopback import listening

CONFIG = FetchConfig(
    thread_count=2,
    timeout=5,
    retries=0,
    max_image_bytes=1000,
    user_agent=user_agent("mybot", None),
    user_agent_token="mybot",
    disallowed_header_directives=(),
    ignore_ssl_certificate=False,
)


@pytest.mark.parametrize(
    ("timeout", "connect"),
    [(0.5, 0.5), (3, 3), (5, 5), (8, 5), (10, 5), (20, 10), (60, 30)],
)
def test_a_connection_has_time_for_three_syns_or_half_of_the_timeout(
    timeout: float, connect: float
) -> None:
    assert connect_timeout(timeout) == connect


class Recorder:
    """A handle that notes what it is told."""

    def __init__(self) -> None:
        self.options: dict[int, Any] = {}

    def setopt(self, option: int, value: Any) -> None:
        self.options[option] = value


@pytest.mark.parametrize(
    ("verify", "known", "expected"),
    [
        (True, ("/a.pem", None), {pycurl.CAINFO: "/a.pem"}),
        (True, ("/a.pem", "/certs"), {pycurl.CAINFO: "/a.pem", pycurl.CAPATH: "/certs"}),
        (True, (None, None), {}),
        (False, ("/a.pem", "/certs"), {pycurl.SSL_VERIFYPEER: 0, pycurl.SSL_VERIFYHOST: 0}),
    ],
)
def test_certificates_are_checked_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
    verify: bool,  # noqa: FBT001  (a column)
    known: tuple[str | None, str | None],
    expected: dict[int, Any],
) -> None:
    monkeypatch.setattr(module, "find_certificates", lambda _: known)
    recorder = Recorder()
    set_certificates(recorder, replace(CONFIG, ignore_ssl_certificate=not verify))
    assert recorder.options == expected


@pytest.fixture
def server() -> Iterator[tuple[int, list[bytes]]]:
    """A server that sends every request elsewhere, its port, and what it was sent."""
    seen: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        seen.append(connection.recv(65536))
        connection.sendall(
            b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n"
            b"Connection: close\r\n\r\n"
        )

    with listening(serve) as port:
        yield port, seen


def perform(url: str, config: FetchConfig = CONFIG) -> Response:
    response = Response(10**6, None, Budget(lambda: 10**9))
    handle = new_handle(config, response)
    handle.setopt(pycurl.URL, url)
    try:
        handle.perform()
    finally:
        handle.close()
    return response


def test_a_request_is_honest_short_and_goes_where_it_says(
    server: tuple[int, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, seen = server
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    response = perform(f"http://127.0.0.1:{port}/a/../b//c%20d")

    assert response.status == 302
    assert len(seen) == 1, "redirects are not followed"
    lines = seen[0].decode().split("\r\n")
    assert lines[0] == "GET /a/../b//c%20d HTTP/1.1"
    assert sorted(lines[1:-2]) == [
        "Accept-Encoding: identity",
        "Accept: image/*,*/*;q=0.8",
        f"Host: 127.0.0.1:{port}",
        f"User-Agent: {CONFIG.user_agent}",
    ]


def test_a_password_that_the_machine_keeps_for_the_host_is_not_sent(
    server: tuple[int, list[bytes]], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    port, seen = server
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    perform(f"http://127.0.0.1:{port}/")
    assert b"Authorization" not in seen[0]


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1:1/x", "gopher://x/"])
def test_nothing_but_the_web_is_asked(url: str) -> None:
    with pytest.raises(pycurl.error) as caught:
        perform(url)
    assert caught.value.args[0] == pycurl.E_UNSUPPORTED_PROTOCOL


def test_a_certificate_that_nobody_knows_is_refused_unless_the_user_says_otherwise() -> None:
    with Site(tls=True) as site:
        with pytest.raises(pycurl.error) as caught:
            perform(site.url("/image/1.jpg"))
        assert caught.value.args[0] == pycurl.E_PEER_FAILED_VERIFICATION
        assert site.requests == []
        assert (
            perform(site.url("/image/1.jpg"), replace(CONFIG, ignore_ssl_certificate=True)).status
            == 200
        )
