"""Servers that keep to no rules, byte by byte."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from img2dataset.errors import Reason
from img2dataset.records import Body
from tests.e2e.fetching import fetch, reasons, rows, running

PICTURE = b"\xff\xd8\xff\xe0" + b"picture " * 40
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE

Serve = Callable[[socket.socket], None]


@contextmanager
def listening(serve: Serve) -> Iterator[str]:
    """The address of a server whose connections are `serve`'s; they are closed afterwards."""
    with socket.socket() as listener, ExitStack() as connections:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)

        def handle(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                serve(connection)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection = connections.enter_context(listener.accept()[0])
                    threading.Thread(target=handle, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        with suppress(OSError):  # which ends `accept`
            listener.shutdown(socket.SHUT_RDWR)


def heard(connection: socket.socket) -> bytes:
    """A request; nothing if there comes none."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        more = connection.recv(4096)
        if not more:
            return b""
        head += more
    return head


def test_connections_that_are_closed_when_they_are_used_again_cost_no_row() -> None:
    """However many of them there are: libcurl tries five, and then says that it was lost."""
    many = 12
    all_there = threading.Barrier(many)
    once = threading.Event()

    def serve(connection: socket.socket) -> None:
        heard(connection)
        if not once.is_set():
            all_there.wait(10)  # so that each has a connection of its own
        connection.sendall(ANSWER)
        heard(connection)  # and is closed without a word

    with listening(serve) as url, running() as (engine, fetched):
        engine.submit(rows(*(f"{url}/{number}" for number in range(many))))
        fetched.until_count(many)
        once.set()
        engine.submit(rows(f"{url}/last", start=many))
        fetched.until_count(many + 1)
        engine.submit(rows(f"{url}/very-last", start=many + 1))
        fetched.until_count(many + 2)
    assert fetched.reasons == [None] * (many + 2)


def test_a_request_that_is_never_answered_is_not_sent_for_ever() -> None:
    asked = []

    def serve(connection: socket.socket) -> None:
        asked.append(heard(connection))

    with listening(serve) as url:
        (outcome,) = fetch(url)
    assert not isinstance(outcome, Body)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 100\r\n\r\nMoved to",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nno length",
        b"Content-Length: 4\r\nContent-Encoding: gzip\r\n\r\nnone",
    ],
    ids=["short", "not begun", "not chunked", "not packed"],
)
def test_a_redirect_is_followed_whatever_its_body_is(rest: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        moved = b"HTTP/1.1 302 Found\r\nLocation: /there\r\n" + rest
        connection.sendall(ANSWER if b"/there" in heard(connection) else moved)

    with listening(serve) as url:
        assert reasons(f"{url}/here") == [None]


STALLING: dict[str, tuple[bytes, Reason | None]] = {
    "a redirect": (b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 9\r\n\r\n", None),
    "a redirect in chunks": (
        b"HTTP/1.1 301 Moved\r\nLocation: /there\r\nTransfer-Encoding: chunked\r\n\r\n",
        None,
    ),
    "an error": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n", Reason.HTTP_STATUS),
    "a page": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<!DOCTYPE html><html>",
        Reason.NOT_AN_IMAGE,
    ),
}


@pytest.mark.parametrize("what", STALLING)
def test_nobody_waits_for_the_rest_of_what_is_known_already(what: str) -> None:
    answer, reason = STALLING[what]

    def serve(connection: socket.socket) -> None:
        if b"/there" in heard(connection):
            connection.sendall(ANSWER)
        else:
            connection.sendall(answer)
            heard(connection)

    with listening(serve) as url:
        began = time.monotonic()
        assert reasons(f"{url}/here", timeout=60) == [reason]
        assert time.monotonic() - began < 10


def test_a_redirect_whose_body_is_soon_there_keeps_its_connection() -> None:
    connections = []

    def serve(connection: socket.socket) -> None:
        connections.append(connection)
        heard(connection)
        connection.sendall(
            b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 5\r\n\r\nMoved"[:-3]
        )
        time.sleep(0.1)
        connection.sendall(b"ved")
        assert b"/there" in heard(connection)
        connection.sendall(ANSWER)

    with listening(serve) as url:
        assert reasons(f"{url}/here", timeout=60) == [None]
    assert len(connections) == 1


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 302 Found\r\nLocation: /there\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n",
        b"HTTP/1.1 200 OK\r\nX-Robots-",
    ],
    ids=["of a redirect", "of an image", "in a word"],
)
def test_a_header_that_ends_too_early_is_a_lost_connection(head: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        assert b"/there" not in heard(connection)
        connection.sendall(head)

    with listening(serve) as url:
        assert reasons(f"{url}/here") == [Reason.CONNECTION_LOST]


def test_an_error_whose_header_ends_too_early_is_that_error() -> None:
    def serve(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nServer: ")

    with listening(serve) as url:
        assert reasons(url) == [Reason.HTTP_STATUS]


@pytest.mark.parametrize("space", [b" ", b"\t", b"  "])
def test_an_opt_out_with_space_before_its_colon_counts(space: bytes) -> None:
    """No valid header, but somebody wrote it."""

    def serve(connection: socket.socket) -> None:
        heard(connection)
        head, rest = ANSWER.split(b"\r\n", 1)
        connection.sendall(head + b"\r\nX-Robots-Tag" + space + b": noai\r\n" + rest)

    with listening(serve) as url:
        assert reasons(url) == [Reason.OPTED_OUT]
