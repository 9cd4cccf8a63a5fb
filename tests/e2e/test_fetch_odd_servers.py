"""Servers that keep to no rules, byte by byte."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pyarrow as pa
import pytest

from img2dataset.errors import Reason
from img2dataset.records import Body, Failure
from tests.e2e.fetching import fetch, reasons, rows, running
from tests.quick import few_quick
from tests.site import loopback
from tests.site.loopback import Serve
from tests.site.server import CERTIFICATE

PICTURE = b"\xff\xd8\xff\xe0" + b"picture " * 40
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE


@contextmanager
def listening(serve: Serve) -> Iterator[str]:
    """The address of a server whose connections are `serve`'s."""
    with loopback.listening(serve) as port:
        yield f"http://127.0.0.1:{port}"


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


@pytest.mark.slow
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


# connections that are used again, with something on them


LEFT_OVER = {
    "a 408": b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "a 408 with a page": b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nslow",
    "a 408 that hangs": b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 9\r\n\r\nslow",
    "a large 408": b"HTTP/1.0 408 Request Timeout\r\nContent-Length: 99999\r\n\r\nslow",
    "an empty line": b"\r\n",
    "the end of a body": b"cture picture picture \r\n\r\n",
    "a chunk": b"0\r\n\r\n",
    "nothing at all": b"",
}


@pytest.mark.parametrize("what", LEFT_OVER)
def test_what_is_left_on_a_used_connection_is_no_answer(what: str) -> None:
    """It is asked for again over another connection, and that is no retry."""
    asked = []

    def serve(connection: socket.socket) -> None:
        asked.append(heard(connection))
        connection.sendall(ANSWER)
        if b"/first" in asked[-1]:
            asked.append(heard(connection))
            connection.sendall(LEFT_OVER[what] + (ANSWER if "line" in what else b""))
            if "hangs" in what:
                heard(connection)

    with listening(serve) as url, running() as (engine, fetched):
        engine.submit(rows(f"{url}/first"))
        fetched.until_count(1)
        engine.submit(rows(f"{url}/second", start=1))
        fetched.until_count(2)
    assert fetched.reasons == [None, None]
    assert [b"/first" in head for head in asked] == [True, False, False]


def test_a_408_on_a_new_connection_is_that_error() -> None:
    def serve(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(LEFT_OVER["a 408"])

    with listening(serve) as url:
        assert reasons(url) == [Reason.HTTP_STATUS_TRANSIENT]


def test_one_who_always_says_408_is_asked_once_more_and_then_believed() -> None:
    asked = []

    def serve(connection: socket.socket) -> None:
        while head := heard(connection):
            asked.append(head)
            connection.sendall(ANSWER if b"/first" in head else LEFT_OVER["a 408 with a page"])

    with listening(serve) as url, running() as (engine, fetched):
        engine.submit(rows(f"{url}/first"))
        fetched.until_count(1)
        engine.submit(rows(f"{url}/second", start=1))
        fetched.until_count(2)
    assert fetched.reasons == [None, Reason.HTTP_STATUS_TRANSIENT]
    assert len(asked) == 3


# headers that libcurl does not take, or not so

BAD = Reason.BAD_RESPONSE
COMPLETE = f"{len(PICTURE)}"
ODD_HEADERS: dict[str, Reason | None] = {
    # as browsers: what is no number says nothing, and the body ends with the connection
    f"Content-Length: +{COMPLETE}": None,
    f"Content-Length: {COMPLETE}abc": None,
    f"Content-Length: {COMPLETE} {COMPLETE}": None,
    f"Content-Length: {COMPLETE};": None,
    f"Content-Length: {COMPLETE},": None,
    f'Content-Length: "{COMPLETE}"': None,
    f"Content-Length: {COMPLETE}.0": None,
    "Content-Length: 0x144": None,
    "Content-Length: -1": None,
    "Content-Length: abc": None,
    "Content-Length:": None,
    "Content-Length: 99999999999999999999999999": None,
    # equal ones are one
    f"Content-Length: {COMPLETE}, {COMPLETE}": None,
    f"Content-Length: {COMPLETE}\r\nContent-Length: {COMPLETE}": None,
    # different ones may be an attack; browsers refuse them too
    f"Content-Length: 5\r\nContent-Length: {COMPLETE}": BAD,
    f"Content-Length: {COMPLETE}\r\nContent-Length: 5": BAD,
    # a coding of no meaning
    "Transfer-Encoding: binary": None,
    "Transfer-Encoding: identity": None,
    f"Content-Length: {COMPLETE}\r\nTransfer-Encoding: none": None,
    # what libcurl insists on, and browsers do not: docs/fetching.md says so
    "no colon at all": BAD,
    "<br>": BAD,
    "X-A: b\0c": BAD,
    "X-A: b\rc": BAD,
    # what it does take
    "X A: b": None,
    ": b": None,
    "X-A: b\r\n folded": None,
}


@pytest.mark.parametrize("lines", ODD_HEADERS, ids=repr)
def test_odd_headers_are_taken_as_browsers_do_as_far_as_libcurl_lets_us(lines: str) -> None:
    asked = []

    def serve(connection: socket.socket) -> None:
        asked.append(heard(connection))
        connection.sendall(f"HTTP/1.1 200 OK\r\n{lines}\r\n\r\n".encode() + PICTURE)

    with listening(serve) as url:
        (outcome,) = fetch(url)
    if ODD_HEADERS[lines] is None:
        assert isinstance(outcome, Body)
        assert outcome.data == PICTURE
    else:
        assert isinstance(outcome, Failure)
        assert outcome.reason is ODD_HEADERS[lines]
    assert len(asked) <= 2


# parts and codings

RANGES: dict[str, Reason | None] = {
    "bytes 0-323/324": None,
    "bytes=0-323/324": None,
    "Bytes 0-323/324": None,
    "bytes 0-322/324": Reason.BODY_INCOMPLETE,
    "bytes 1-323/324": Reason.BODY_INCOMPLETE,
    "bytes 0-323/*": Reason.BODY_INCOMPLETE,
    "bytes */324": Reason.BODY_INCOMPLETE,
    "bytes 0-399/400": Reason.BODY_INCOMPLETE,
    "": Reason.BODY_INCOMPLETE,
}


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("span", RANGES)
def test_a_part_that_is_the_whole_is_an_answer(span: str, length: bool) -> None:  # noqa: FBT001  (a column)
    def serve(connection: socket.socket) -> None:
        heard(connection)
        said = f"Content-Length: {len(PICTURE)}\r\n" if length else ""
        head = f"HTTP/1.1 206 Partial Content\r\nContent-Range: {span}\r\n{said}\r\n"
        connection.sendall(head.encode() + PICTURE)

    assert len(PICTURE) == 324
    with listening(serve) as url:
        assert reasons(url) == [RANGES[span]]


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


CODINGS: dict[str, tuple[str, bytes]] = {
    "an image that is said to be gzip": ("gzip", PICTURE),
    "an image that is said to be deflate": ("deflate", PICTURE),
    "an image that is said to be br": ("br", PICTURE),
    "an image that is said to be zstd": ("zstd", PICTURE),
    "an image that is said to be compress": ("compress", PICTURE),
    "an image that is said to be many things": ("gzip, br, gzip", PICTURE),
    "gzip": ("gzip", gzip.compress(PICTURE)),
    "br": ("br", pa.compress(PICTURE, "brotli", asbytes=True)),
    "zstd": ("zstd", pa.compress(PICTURE, "zstd", asbytes=True)),
    "deflate": ("deflate", zlib.compress(PICTURE)),
    "raw deflate": ("deflate", deflated(PICTURE)),
}


@pytest.mark.parametrize("pause_after", few_quick([0, 1, 2, 3], 2))
@pytest.mark.parametrize("what", CODINGS)
def test_a_body_is_undone_or_taken_as_it_is(what: str, pause_after: int) -> None:
    """However it is split: the next piece comes when the one before has been read."""
    name, body = CODINGS[what]

    def serve(connection: socket.socket) -> None:
        heard(connection)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {name}\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body[:pause_after])
        time.sleep(0.05 if pause_after else 0)
        connection.sendall(body[pause_after:])

    with listening(serve) as url:
        (outcome,) = fetch(url)
    assert isinstance(outcome, Body)
    assert outcome.data == PICTURE


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("br", pa.compress(PICTURE, "brotli", asbytes=True)[:-2], Reason.BAD_ENCODING),
        ("zstd", b"no zstd at all" * 9, Reason.BAD_ENCODING),
        ("zstd", pa.compress(bytes(9_000_000), "zstd", asbytes=True), Reason.BODY_TOO_LARGE),
        ("br", pa.compress(bytes(9_000_000), "brotli", asbytes=True), Reason.BODY_TOO_LARGE),
    ],
    ids=["cut short", "nonsense", "bomb", "bomb in br"],
)
def test_what_cannot_be_undone_is_said(name: str, body: bytes, reason: Reason) -> None:
    def serve(connection: socket.socket) -> None:
        heard(connection)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {name}\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    with listening(serve) as url:
        assert reasons(url) == [reason]


def test_an_opt_out_in_a_hint_does_not_count() -> None:
    """It is not about the image that comes after it."""

    def serve(connection: socket.socket) -> None:
        heard(connection)
        hint = (
            b"HTTP/1.1 103 Early Hints\r\nX-Robots-Tag: noai\r\nContent-Usage: train-ai=n\r\n\r\n"
        )
        connection.sendall(hint + ANSWER)

    with listening(serve) as url:
        assert reasons(url) == [None]


@pytest.mark.parametrize("through", ["nobody", "a proxy"])
def test_a_path_is_sent_byte_for_byte(through: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers sign paths as they gave them out."""
    path = "/a%2fb%2Fc/%c3%a9/x.jpg?u=%3a%3A&empty="
    asked = []

    def serve(connection: socket.socket) -> None:
        asked.append(heard(connection).split(b" ")[1].decode())
        connection.sendall(ANSWER)

    with listening(serve) as url:
        if through == "a proxy":
            monkeypatch.setenv("http_proxy", url)
            target = "http://example.test" + path
            assert reasons(target) == [None]
        else:
            target = path
            assert reasons(url + path) == [None]
    assert asked == [target]


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"", None),
        (b"Content-Length: 999\r\n", Reason.CONNECTION_LOST),
        (b"Transfer-Encoding: chunked\r\n", Reason.CONNECTION_LOST),
    ],
    ids=["no length", "length", "chunks"],
)
def test_tls_that_ends_without_a_word_ends_a_body_without_a_length(
    head: bytes, reason: Reason | None
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, CERTIFICATE.with_name("key.pem"))

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(4096)
            body = b"%x\r\n" % len(PICTURE) + PICTURE if b"chunked" in head else PICTURE
            secure.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body)
            secure.shutdown(socket.SHUT_RDWR)  # of TCP; no close_notify

    with listening(serve) as url:
        assert reasons(url.replace("http:", "https:"), ignore_ssl_certificate=True) == [reason]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_who_wants_a_certificate_of_ours_has_failed_in_tls(
    version: ssl.TLSVersion, protocol: str
) -> None:
    """TLS 1.3 says so when the handshake is over, and a request under way."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, CERTIFICATE.with_name("key.pem"))
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols([protocol])

    def serve(connection: socket.socket) -> None:
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(into, out, server_side=True)
        while data := connection.recv(65536):  # to the end: a reset would overtake the alert
            into.write(data)
            with suppress(ssl.SSLError):
                tls.do_handshake()
            connection.sendall(out.read())

    with listening(serve) as url:
        found = reasons(url.replace("http:", "https:"), ignore_ssl_certificate=True)
    assert found == [Reason.TLS]
