"""Through a proxy: what it says for itself is not taken for the site's answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from img2dataset.errors import Reason
from img2dataset.records import Body
from tests.e2e.fetching import CONFIG, fetch, reason_of
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
    server = socket.create_server(("127.0.0.1", 0))
    clients: list[threading.Thread] = []

    def serve() -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = server.accept()
                clients.append(threading.Thread(target=tunnel, args=(client,), daemon=True))
                clients[-1].start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setenv("https_proxy", url)
    yield url
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()
    for client in clients:
        client.join(5)


@pytest.mark.usefixtures("proxy")
def test_answers_through_a_tunnel_are_the_sites() -> None:
    with Site(tls=True) as site:
        config = replace(CONFIG, verify_tls=False, timeout=5)
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
