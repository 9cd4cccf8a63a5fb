from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.errors import Reason
from img2dataset.fetch.response import DRAINED, LARGEST_HEADER, STOP, Received, Response


def respond(*lines: str, limit: int = 1000, received: Received | None = None) -> Response:
    response = Response(limit, lambda values: "noai" in "".join(values), received or Received())
    for line in lines:
        if response.header(line.encode() + b"\r\n") == STOP:
            break
    return response


def test_a_body_is_collected_and_counted() -> None:
    received = Received()
    response = respond("HTTP/1.1 200 OK", "Content-Length: 6", "", received=received)
    assert response.chunk(b"abc") is None
    assert response.chunk(b"def") is None
    assert received.total == 6
    assert response.release() == b"abcdef"
    assert received.total == 0


@pytest.mark.parametrize("line", ["HTTP/1.1 200 OK", "HTTP/2 200", "HTTP/1.0 200"])
def test_status_lines_of_all_versions_are_read(line: str) -> None:
    assert respond(line, "").status == 200


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        (["HTTP/1.1 200 OK", "x-robots-tag: noai", ""], Reason.OPTED_OUT),
        (["HTTP/1.1 302 Found", "X-Robots-Tag: noai", ""], Reason.OPTED_OUT),
        (["HTTP/1.1 200 OK", "Content-Length: 1001", ""], Reason.BODY_TOO_LARGE),
        (["HTTP/1.1 206 Partial Content", ""], Reason.BODY_INCOMPLETE),
        (["HTTP/1.1 200 OK", "Content-Encoding: br", ""], Reason.BAD_ENCODING),
        (["HTTP/1.1 200 OK", "X-A: " + "x" * LARGEST_HEADER], Reason.HEADER_TOO_LARGE),
    ],
)
def test_it_stops_before_the_body(lines: list[str], verdict: Reason) -> None:
    response = respond(*lines)
    assert response.stopped
    assert response.verdict is verdict


def test_headers_of_all_hops_count_towards_their_limit() -> None:
    hop = ["HTTP/1.1 302 Found", "X-A: " + "x" * (LARGEST_HEADER // 3), ""]
    assert respond(*hop, *hop).verdict is None
    assert respond(*hop, *hop, *hop).verdict is Reason.HEADER_TOO_LARGE


def test_a_hop_forgets_the_one_before() -> None:
    response = respond(
        "HTTP/1.1 503 Busy", "Retry-After: 5", "Content-Length: 9", "", "HTTP/1.1 200 OK", ""
    )
    assert (response.status, response.retry_after, response.verdict) == (200, None, None)


def test_a_status_inside_a_header_or_a_trailer_is_not_one() -> None:
    response = respond("HTTP/1.1 404 Not Found", "HTTP/1.1 200 OK", "")
    assert response.status == 404


def test_retry_after_counts_only_where_it_means_something() -> None:
    assert respond("HTTP/1.1 503 Busy", "retry-after: 5", "").retry_after == " 5\r\n"
    assert respond("HTTP/1.1 500 Oops", "Retry-After: 5", "").retry_after is None


def test_a_small_error_page_is_drained_and_a_large_one_is_not() -> None:
    small = respond("HTTP/1.1 404 Not Found", "Content-Length: 100", "")
    assert small.chunk(b"x" * 100) is None
    assert small.release() == b""
    assert respond("HTTP/1.1 404 Not Found", f"Content-Length: {DRAINED + 1}", "").stopped
    unknown = respond("HTTP/1.1 404 Not Found", "")
    assert unknown.chunk(b"x" * DRAINED) is None
    assert unknown.chunk(b"x") == STOP


def test_a_body_that_grows_too_large_is_stopped_and_given_back() -> None:
    received = Received()
    response = respond("HTTP/1.1 200 OK", "", received=received)
    assert response.chunk(b"x" * 1000) is None
    assert response.chunk(b"x") == STOP
    assert response.verdict is Reason.BODY_TOO_LARGE
    response.release()
    assert received.total == 0


def test_the_limit_counts_what_is_decoded() -> None:
    response = respond("HTTP/1.1 200 OK", "Content-Encoding: gzip", "")
    assert response.chunk(gzip.compress(b"\0" * 100_000)) == STOP
    assert response.verdict is Reason.BODY_TOO_LARGE


def test_a_compressed_body_that_breaks_off_is_known_to_be_incomplete() -> None:
    response = respond("HTTP/1.1 200 OK", "Content-Encoding: gzip", "")
    response.chunk(gzip.compress(b"abc" * 10)[:-5])
    assert not response.decoded_whole


def test_a_body_crawls_if_it_brings_too_little_between_two_looks() -> None:
    response = respond("HTTP/1.1 200 OK", "")
    assert not response.crawls(10)
    response.chunk(b"x" * 10)
    assert not response.crawls(10)
    response.chunk(b"x" * 9)
    assert response.crawls(10)
    assert response.verdict is Reason.TOO_SLOW


def test_an_answer_that_has_not_begun_does_not_crawl() -> None:
    response = respond("HTTP/1.1 200 OK")
    assert not response.crawls(10)
    assert not response.crawls(10)


def test_reset_makes_it_new() -> None:
    response = respond("HTTP/1.1 200 OK", "X-Robots-Tag: noai", "")
    response.reset()
    assert (response.status, response.verdict, response.stopped) == (0, None, False)


@given(st.lists(st.binary()), st.lists(st.binary()))
def test_no_server_breaks_it(lines: list[bytes], chunks: list[bytes]) -> None:
    received = Received()
    response = Response(100, lambda _: False, received)
    for line in lines:
        response.header(line)
    for chunk in chunks:
        if response.chunk(chunk) == STOP:
            break
    response.release()
    assert received.total == 0
