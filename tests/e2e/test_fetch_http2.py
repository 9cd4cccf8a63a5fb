"""Servers that speak HTTP/2: many requests over a connection, which fail together or alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from img2dataset.errors import Reason
from img2dataset.records import Body
from tests.e2e.fetching import CONFIG, different, fetch, reason_of, reasons, rows, running
from tests.quick import few_quick
from tests.site import Site
from tests.site.front import Front, in_front_of
from tests.site.plain_http2 import (
    DATA,
    ENDS_HEADERS,
    ENDS_STREAM,
    GOAWAY,
    HEADERS,
    PUSH,
    RESET,
    Answer,
    code,
    frame,
    headers,
    plain_http2,
)

TRUSTING = replace(CONFIG, ignore_ssl_certificate=True, timeout=5.0)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running_site:
        yield running_site


@pytest.fixture
def front(site: Site, tmp_path: Path) -> Iterator[Front]:
    with in_front_of(site, tmp_path) as running_front:
        yield running_front


ANSWERS = {
    "/image/1.jpg": None,
    "/no-length": None,
    "/gzip": None,
    "/redirect?to=/image/2.jpg&n=3": None,
    "/redirect?to=/robots?tag=noai": Reason.OPTED_OUT,
    "/robots?tag=noai": Reason.OPTED_OUT,
    "/redirect-loop": Reason.TOO_MANY_REDIRECTS,
    "/status/404": Reason.HTTP_STATUS,
    "/status/503": Reason.HTTP_STATUS_TRANSIENT,
    "/html": Reason.NOT_AN_IMAGE,
    "/204": Reason.BODY_EMPTY,
    "/bulk?size=2000000": Reason.BODY_TOO_LARGE,
    "/truncated": Reason.CONNECTION_LOST,  # its stream is reset
    "/reset-body": Reason.CONNECTION_LOST,
}


def test_answers_are_what_they_are_over_http_1(front: Front) -> None:
    outcomes = fetch(*(front.url(path) for path in ANSWERS), config=TRUSTING)
    assert dict(zip(ANSWERS, map(reason_of, outcomes), strict=True)) == ANSWERS
    assert {protocol for _, protocol, _ in front.seen()} == {"HTTP/2.0"}


@pytest.mark.slow
def test_a_stalled_stream_costs_its_own_row_only(front: Front) -> None:
    urls = [front.url("/stall"), *different(front.url("/image/1.jpg"), 50), front.url("/silent")]
    outcomes = reasons(*urls, config=TRUSTING, timeout=1.5)
    assert outcomes[1:-1] == [None] * 50
    assert {outcomes[0], outcomes[-1]} <= {Reason.TIMEOUT, Reason.TOO_SLOW}


@pytest.mark.slow
def test_many_rows_go_over_few_connections(front: Front) -> None:
    """Only those that are asked for before the first is there open one each."""
    urls = different(front.url("/image/1.jpg"), 600)
    assert reasons(*urls, config=TRUSTING, first_connections_per_host=16) == [None] * 600
    assert front.connections <= 20


@pytest.mark.slow
def test_the_ceiling_of_a_host_counts_streams_not_connections(site: Site, front: Front) -> None:
    crowd = different(front.url("/crowd?seconds=0.01&token=streams"), 100)
    assert reasons(*crowd, config=TRUSTING, max_connections_per_host=3) == [None] * 100
    assert site.at_once["streams"] == 3
    assert front.connections <= 3


@pytest.mark.slow
def test_more_than_a_connection_takes_at_once_is_fetched_all_the_same(
    site: Site, tmp_path: Path
) -> None:
    with in_front_of(site, tmp_path, streams=5) as front:
        outcomes = reasons(*different(front.url("/image/1.jpg"), 300), config=TRUSTING)
    assert outcomes == [None] * 300


@pytest.mark.slow
def test_connections_that_say_goodbye_cost_no_row(site: Site, tmp_path: Path) -> None:
    """After so many requests a server ends a connection (GOAWAY), whatever has been asked."""
    with in_front_of(site, tmp_path, requests=20) as front:
        outcomes = reasons(*different(front.url("/image/1.jpg"), 400), config=TRUSTING)
        assert front.connections >= 400 // 20
    assert outcomes == [None] * 400


@pytest.mark.slow
def test_a_connection_that_dies_takes_its_rows_and_no_more(site: Site, tmp_path: Path) -> None:
    """All that were under way over it are lost at once; nobody waits for them.  (libcurl may ask
    once more over a new connection, where nobody listens any more.)"""
    with (
        running(replace(TRUSTING, timeout=60)) as (engine, fetched),
        in_front_of(site, tmp_path) as front,
    ):
        gated = different(front.url("/gated?token=dies"), 20)
        before = len(site.asked("/gated"))
        engine.submit(rows(front.url("/image/1.jpg"), *gated))
        site.until(lambda: len(site.asked("/gated")) - before == 20)
        fetched.until_count(1)
        front.stop()
        fetched.until_count(21)
    site.open_gate("dies")
    assert isinstance(fetched.in_order[0], Body)
    lost = {Reason.CONNECTION_LOST, Reason.BODY_INCOMPLETE, Reason.CONNECT_FAILED}
    assert set(fetched.reasons[1:]) <= lost


# servers that break the rules of HTTP/2, and keep those of HTTP/1.1

PICTURE = b"\xff\xd8\xff\xe0" + b"picture " * 40
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE


def answering(*fields: tuple[bytes, bytes], body: bytes = PICTURE) -> Answer:
    return lambda stream: (
        frame(HEADERS, ENDS_HEADERS, stream, headers(*fields))
        + frame(DATA, ENDS_STREAM, stream, body)
    )


def half_then(error: int) -> Answer:
    """Half of a body, then its stream is reset."""
    return lambda stream: (
        frame(HEADERS, ENDS_HEADERS, stream, headers())
        + frame(DATA, 0, stream, PICTURE[:99])
        + frame(RESET, 0, stream, code(error))
    )


NOT_VALID: dict[str, Answer] = {
    "Connection": answering((b"connection", b"keep-alive")),
    "Transfer-Encoding": answering((b"transfer-encoding", b"chunked")),
    "Keep-Alive": answering((b"keep-alive", b"timeout=5")),
    "Upgrade": answering((b"upgrade", b"h2c")),
    "Proxy-Connection": answering((b"proxy-connection", b"close")),
    "capitals": answering((b"Content-Type", b"image/jpeg")),
    "a length that is too small": answering((b"content-length", b"5")),
    "a length that is too large": answering((b"content-length", b"9999")),
    "a length that is none": answering((b"content-length", b"abc")),
    "two lengths": answering((b"content-length", b"5"), (b"content-length", b"324")),
    "no status": lambda stream: (
        frame(HEADERS, ENDS_HEADERS, stream, headers()[len(headers()) :] + b"\0\1a\1b")
        + frame(DATA, ENDS_STREAM, stream, PICTURE)
    ),
    "a body before the header": lambda stream: frame(DATA, ENDS_STREAM, stream, PICTURE),
    "HTTP/1.1 after all": lambda _: GOOD,
    "a push": lambda stream: frame(PUSH, ENDS_HEADERS, stream, code(2) + headers()),
    "a header in no code": lambda stream: frame(HEADERS, ENDS_HEADERS, stream, b"\xff" * 5),
    "refused streams": lambda stream: frame(RESET, 0, stream, code(7)),
    "streams that fail": lambda stream: frame(RESET, 0, stream, code(2)),
    "streams that are cancelled": lambda stream: frame(RESET, 0, stream, code(8)),
    "a goodbye to everybody": lambda _: frame(GOAWAY, 0, 0, code(0) + code(0)),
    "an angry goodbye": lambda _: frame(GOAWAY, 0, 0, code(0) + code(1)),
    "a security that is not enough": lambda _: frame(GOAWAY, 0, 0, code(0) + code(12)),
}


@pytest.mark.parametrize("what", few_quick(NOT_VALID))
def test_what_is_not_valid_in_http_2_is_asked_for_by_http_1(what: str) -> None:
    with (
        plain_http2(NOT_VALID[what], GOOD) as server,
        running(replace(TRUSTING, first_connections_per_host=1)) as (engine, fetched),
    ):
        engine.submit(rows(server.url("/first")))
        fetched.until_count(1)
        streams = server.streams
        engine.submit(rows(*(server.url(f"/{number}") for number in range(5)), start=1))
        fetched.until_count(6)
    assert fetched.reasons == [None] * 6
    assert server.streams == streams, "the host is remembered"
    assert len(server.http_1) == 6


@pytest.mark.parametrize("error", [2, 8])
def test_a_body_that_its_server_breaks_off_is_lost(error: int) -> None:
    """There is nothing wrong with the HTTP/2 of it."""
    with plain_http2(half_then(error), GOOD) as server:
        assert reasons(server.url("/"), config=TRUSTING) == [Reason.CONNECTION_LOST]
        assert server.http_1 == []


def test_who_asks_for_calm_is_not_asked_again_at_once() -> None:
    with plain_http2(lambda stream: frame(RESET, 0, stream, code(11)), GOOD) as server:
        assert reasons(server.url("/"), config=TRUSTING) == [Reason.CONNECTION_LOST]
        assert server.http_1 == []


def test_a_good_server_is_asked_by_http_2_only() -> None:
    with plain_http2(answering((b"content-type", b"image/jpeg")), GOOD) as server:
        assert reasons(*different(server.url("/"), 9), config=TRUSTING) == [None] * 9
        assert (server.streams, server.http_1) == (9, [])
