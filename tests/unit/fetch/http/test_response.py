"""Header lines and chunks, as libcurl hands them over, and what is made of them."""

from __future__ import annotations

import gzip
import random
import time
import zlib

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.errors import Reason
from img2dataset.fetch.budget import MAX_PROMISED_BYTES, RESERVE_STEP_BYTES, Budget
from img2dataset.fetch.http.response import MAX_DRAIN_BYTES, MAX_HEADER_BYTES, PAUSE, STOP, Response
from img2dataset.fetch.policy.refusals import Signals

LIMIT = 50_000
JPEG = b"\xff\xd8\xff\xe0" + bytes(200)
PAGE = b"<!DOCTYPE html><html><body>" + bytes(200)
OK = "HTTP/1.1 200 OK"


def refuses(signals: Signals, *, reserved_by_file: bool) -> Reason | None:
    if ("x-robots-tag", "noai") in signals:
        return Reason.OPTED_OUT
    if ("content-usage", "train-ai=n") in signals:
        return Reason.CONTENT_USAGE
    if ("tdm-reservation", "1") in signals:
        return Reason.TDM_RESERVED
    return Reason.TDMREP if reserved_by_file else None


def plenty() -> Budget:
    return Budget(lambda: 10**9)


def respond(
    *lines: str, limit: int = LIMIT, budget: Budget | None = None, is_text: bool = False
) -> Response:
    """A response that has been given header lines, until it wants no more."""
    response = Response(limit, refuses, budget or plenty())
    response.reset(is_text=is_text)
    for line in lines:
        if response.header(line.encode() + b"\r\n") == STOP:
            break
    return response


# -- headers --


@pytest.mark.parametrize("line", [OK, "HTTP/2 200", "HTTP/1.0 200", "HTTP/1.1 200 ", "HTTP/3 200"])
def test_status_lines_of_all_versions_are_read(line: str) -> None:
    assert respond(line, "").status == 200


@pytest.mark.parametrize("line", ["HTTP/1.1", "HTTP/1.1 abc", "HTTP/1.1 2000", "HTTP/1.1 -20"])
def test_a_status_that_is_none_is_no_status(line: str) -> None:
    assert respond(line, "").status == 0


GOES_ON: list[tuple[list[str], Reason | None]] = [
    ([OK], None),
    ([OK, "X-Robots-Tag: noarchive"], None),
    ([OK, "tdm-reservation: 0"], None),
    ([OK, "Content-Length: 50000"], None),
    ([OK, "Content-Length: 99999999999999999999999"], None),  # is none
    ([OK, "Content-Length: -5"], None),
    ([OK, "Content-Encoding: gzip"], None),
    ([OK, "Content-Encoding: utf-8"], None),
    ([OK, "Content-Type: text/html"], None),
    ([OK, "X-A: " + "x" * (MAX_HEADER_BYTES - 100)], None),
    (["HTTP/1.1 100 Continue"], None),
    (["HTTP/1.1 204 No Content"], Reason.BODY_EMPTY),
    (["HTTP/1.1 205 Reset Content"], Reason.BODY_EMPTY),
    (["HTTP/1.1 302 Found", "Location: /x"], None),
    (["HTTP/1.1 302 Found", "Location: /x", f"Content-Length: {MAX_DRAIN_BYTES}"], None),
    (["HTTP/1.1 304 Not Modified"], None),
    (["HTTP/1.1 404 Not Found"], None),
    (["HTTP/1.1 404 Not Found", f"Content-Length: {MAX_DRAIN_BYTES}"], None),
    (["HTTP/1.1 404 Not Found", "X-Robots-Tag: noai"], None),  # it is not there anyway
    (["HTTP/1.1 503 Busy", "Content-Encoding: compress"], None),
    (["HTTP/1.1 103 Early Hints", "X-Robots-Tag: noai"], None),
    (["HTTP/1.1 103 Early Hints", "X-Robots-Tag: noai", "", OK], None),
    (["HTTP/1.1 206 Partial Content", "Content-Range: bytes 0-9/10"], None),
    (["HTTP/1.1 206 Partial Content", "Content-Range: bytes 0-9/10", "Content-Length: 10"], None),
]
STOPS: list[tuple[list[str], Reason | None]] = [
    ([OK, "X-Robots-Tag: noai"], Reason.OPTED_OUT),
    ([OK, "x-robots-tag: noarchive", "X-ROBOTS-TAG: noai"], Reason.OPTED_OUT),
    ([OK, "x-robots-tag: noai", "X-ROBOTS-TAG: noarchive"], Reason.OPTED_OUT),
    ([OK, "tdm-reservation: 1", "tdm-reservation: 0"], Reason.TDM_RESERVED),
    (["HTTP/1.1 302 Found", "Location: /x", "X-Robots-Tag: noai"], Reason.OPTED_OUT),
    (["HTTP/1.1 204 No Content", "X-Robots-Tag: noai"], Reason.OPTED_OUT),
    ([OK, "TDM-Reservation: 1"], Reason.TDM_RESERVED),
    (["HTTP/1.1 301 Moved", "Location: /x", "tdm-reservation: 1"], Reason.TDM_RESERVED),
    ([OK, "Content-Length: 50001"], Reason.BODY_TOO_LARGE),
    (["HTTP/1.1 206 Partial Content"], Reason.BODY_INCOMPLETE),
    (["HTTP/1.1 206 Partial Content", "Content-Range: bytes 0-9/11"], Reason.BODY_INCOMPLETE),
    (
        ["HTTP/1.1 206 Partial Content", "Content-Range: bytes 0-9/10", "Content-Length: 9"],
        Reason.BODY_INCOMPLETE,
    ),
    ([OK, "content-usage:  train-ai=n "], Reason.CONTENT_USAGE),
    ([OK, "X-A: " + "x" * MAX_HEADER_BYTES], Reason.HEADER_TOO_LARGE),
    (["HTTP/1.1 404 Not Found", f"Content-Length: {MAX_DRAIN_BYTES + 1}"], None),
    (["HTTP/1.1 302 Found", "Location: /x", f"Content-Length: {MAX_DRAIN_BYTES + 1}"], None),
]


@pytest.mark.parametrize(("lines", "verdict"), GOES_ON, ids=lambda lines: str(lines)[:60])
def test_it_goes_on_after_the_header(lines: list[str], verdict: Reason | None) -> None:
    response = respond(*lines, "")
    assert not response.stopped
    assert response.verdict is verdict


@pytest.mark.parametrize(("lines", "verdict"), STOPS, ids=lambda lines: str(lines)[:60])
def test_it_stops_before_the_body(lines: list[str], verdict: Reason | None) -> None:
    response = respond(*lines, "")
    assert response.stopped
    assert response.verdict is verdict


@pytest.mark.parametrize("line", ["X-Robots-Tag: noai", "tdm-reservation: 1"])
def test_a_text_for_us_is_not_refused(line: str) -> None:
    assert not respond(OK, line, "", is_text=True).stopped


@pytest.mark.parametrize(
    ("status", "location", "moved"),
    [
        (301, "/x", True),
        (302, "/x", True),
        (303, "/x", True),
        (307, "/x", True),
        (308, "/x", True),
        (300, "/x", False),
        (304, "/x", False),
        (305, "/x", False),
        (201, "/x", False),
        (404, "/x", False),
        (302, None, False),
    ],
)
def test_which_answers_are_redirects(status: int, location: str | None, moved: bool) -> None:  # noqa: FBT001  (a column)
    lines = [f"HTTP/1.1 {status} X", *([f"location:  {location} "] if location else [])]
    response = respond(*lines, "")
    assert response.moved is moved
    if moved:
        assert response.location == b"/x"


def test_what_concerns_our_use_is_kept_in_its_order() -> None:
    response = respond(
        OK, "TDM-Policy: https://a/p", "Content-Usage: search=y", "X-Robots-Tag : noarchive",
        'Link: <https://a/l.xml>; rel="license"; type="application/rsl+xml"',
        "Link: </style.css>; rel=preload", "",
    )  # fmt: skip
    assert response.signals == [
        ("tdm-policy", "https://a/p"),
        ("content-usage", "search=y"),
        ("x-robots-tag", "noarchive"),
        ("link", '<https://a/l.xml>; rel="license"; type="application/rsl+xml"'),
    ]


def test_what_is_reserved_by_a_file_is_asked_about_though_nothing_else_is_said() -> None:
    response = Response(LIMIT, refuses, plenty())
    response.reset(reserved=True)
    for line in (OK, ""):
        response.header(line.encode() + b"\r\n")
    assert response.verdict is Reason.TDMREP


def test_of_the_whole_all_has_to_come() -> None:
    head = ["HTTP/1.1 206 Partial Content", "Content-Range: bytes 0-9/10", ""]
    short = respond(*head)
    short.chunk(bytes(9))
    assert short.missing_part is Reason.BODY_INCOMPLETE
    short.chunk(b"x")
    assert short.missing_part is None


def test_what_is_packed_is_undone_at_its_end() -> None:
    response = respond(OK, "Content-Encoding: br", "Content-Type: text/plain", "")
    assert response.chunk(pa.compress(JPEG, "brotli", asbytes=True)) is None
    assert response.unpacked(response.release()) == JPEG
    assert response.verdict is None


def test_begun_again_it_has_forgotten_all_but_how_long_it_waited() -> None:
    budget = plenty()
    response = respond("HTTP/1.1 408 Slow", "Content-Length: 3", "", budget=budget)
    response.waited = 2.0
    response.begin_again()
    assert (response.status, response.untouched, response.waited) == (0, True, 2.0)
    assert budget.reserved == 0


def test_a_refused_redirect_is_not_followed() -> None:
    assert not respond("HTTP/1.1 302 Found", "Location: /x", "X-Robots-Tag: noai", "").moved


def test_headers_of_all_answers_count_towards_their_limit() -> None:
    hint = ["HTTP/1.1 103 Early Hints", "X-A: " + "x" * (MAX_HEADER_BYTES // 3), ""]
    assert respond(*hint, *hint).verdict is None
    assert respond(*hint, *hint, *hint).verdict is Reason.HEADER_TOO_LARGE


def test_an_answer_forgets_the_one_before() -> None:
    early = ["HTTP/1.1 503 Busy", "Retry-After: 5", "Location: /x", "Content-Length: 99999",
             "Content-Encoding: br", "Content-Type: text/html", "ETag: e"]  # fmt: skip
    response = respond(*early, OK, "")
    assert response.status == 503, "a status line inside a header is a header"

    hint = ["HTTP/1.1 103 Early Hints", *early[1:], "Last-Modified: now", ""]
    response = respond(*hint, OK, "")
    assert (response.status, response.verdict, response.location) == (200, None, None)
    assert (response.content_type, response.etag, response.last_modified) == ("", None, None)
    assert response.whole


def test_a_status_inside_a_header_or_a_trailer_is_not_one() -> None:
    assert respond("HTTP/1.1 404 Not Found", "HTTP/1.1 200 OK", "").status == 404


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_counts_where_it_means_something(status: int) -> None:
    response = respond(f"HTTP/1.1 {status} X", "retry-after: 5", "")
    assert response.retry_after is not None
    assert response.retry_after.strip() == "5"


@pytest.mark.parametrize("status", [200, 302, 404, 500])
def test_retry_after_does_not_count_elsewhere(status: int) -> None:
    assert respond(f"HTTP/1.1 {status} X", "Retry-After: 5", "").retry_after is None


def test_what_is_kept_of_the_header_is_what_it_said() -> None:
    response = respond(
        OK, "CONTENT-TYPE:  image/jpeg ", 'ETag: "é"', "last-modified: Tue, 14 Nov 2023", ""
    )
    assert response.content_type == "image/jpeg"
    assert response.etag is not None
    assert response.last_modified == "Tue, 14 Nov 2023"


# -- bodies --


def test_a_body_is_collected_and_its_space_given_back() -> None:
    budget = plenty()
    response = respond(OK, "Content-Length: 8", "", budget=budget)
    assert response.chunk(b"abcd") is None
    assert response.chunk(b"efgh") is None
    assert budget.reserved == 8
    assert response.size == 8
    assert response.whole
    assert response.release() == b"abcdefgh"
    assert budget.reserved == 0
    assert response.release() == b""


@pytest.mark.parametrize(
    ("length", "reserved"),
    [
        ("Content-Length: 1000000", 1_000_000),
        ("Content-Length: 64000000", MAX_PROMISED_BYTES),
        ("X-A: B", RESERVE_STEP_BYTES),
        ("Content-Length: nonsense", RESERVE_STEP_BYTES),
    ],
)
def test_space_is_reserved_for_as_much_as_is_announced_and_believed(
    length: str, reserved: int
) -> None:
    budget = plenty()
    response = respond(OK, length, "", limit=10**8, budget=budget)
    assert budget.reserved == 0, "nothing before it comes"
    response.chunk(JPEG)
    assert budget.reserved == reserved
    response.release()
    assert budget.reserved == 0


def test_a_body_that_grows_gets_space_in_steps() -> None:
    budget = plenty()
    response = respond(OK, "Content-Length: 10", "", limit=10**8, budget=budget)
    response.chunk(bytes(10))
    response.chunk(bytes(10))
    assert budget.reserved == 10 + RESERVE_STEP_BYTES
    response.chunk(bytes(3 * RESERVE_STEP_BYTES))
    assert response.size <= budget.reserved <= response.size + RESERVE_STEP_BYTES


def test_a_small_error_page_is_drained_and_a_large_one_is_not() -> None:
    budget = plenty()
    small = respond("HTTP/1.1 404 Not Found", "Content-Length: 100", "", budget=budget)
    assert small.chunk(b"x" * 100) is None
    assert budget.reserved == 0
    assert small.release() == b""
    unknown = respond("HTTP/1.1 404 Not Found", "")
    assert unknown.chunk(b"x" * MAX_DRAIN_BYTES) is None
    assert unknown.chunk(b"x") == STOP
    assert unknown.verdict is None


def test_a_body_that_grows_too_large_is_stopped_and_given_back() -> None:
    budget = plenty()
    response = respond(OK, "", budget=budget)
    assert response.chunk(b"x" * LIMIT) is None
    assert response.chunk(b"x") == STOP
    assert response.verdict is Reason.BODY_TOO_LARGE
    response.release()
    assert budget.reserved == 0


def test_of_a_text_for_us_the_beginning_will_do() -> None:
    response = respond(OK, "Content-Length: 99999999", "Content-Type: text/plain", "", is_text=True)
    pieces = 0
    while response.chunk(b"x" * 100_000) is None:
        pieces += 1
    assert pieces >= 5
    assert (response.stopped, response.enough, response.verdict) == (True, True, None)
    assert len(response.release()) > 500 * 1024, "more than is read, so that its end is seen"


def test_nothing_of_a_picture_is_enough_before_its_end() -> None:
    response = respond(OK, "")
    response.chunk(b"x" * (LIMIT + 1))
    assert not response.enough
    assert not respond("HTTP/1.1 404 No", f"Content-Length: {MAX_DRAIN_BYTES + 1}", "").enough


# -- looking at what comes --


@pytest.mark.parametrize(("kind", "body"), [("text/html", PAGE), ("image/jpeg", PAGE)])
def test_a_page_is_no_picture_and_a_short_one_is_read_to_its_end(kind: str, body: bytes) -> None:
    budget = plenty()
    response = respond(OK, f"Content-Type: {kind}", "", budget=budget)
    assert response.chunk(body) is None
    assert response.verdict is Reason.NOT_AN_IMAGE
    assert budget.reserved == 0
    assert response.chunk(bytes(1000)) is None
    assert response.chunk(bytes(MAX_DRAIN_BYTES)) == STOP
    assert response.verdict is Reason.NOT_AN_IMAGE
    assert response.release() == b""


def test_a_long_page_is_not_read() -> None:
    response = respond(OK, f"Content-Length: {MAX_DRAIN_BYTES + 1}", "")
    assert response.chunk(PAGE) == STOP
    assert response.verdict is Reason.NOT_AN_IMAGE
    unknown = respond(OK, "")
    assert unknown.chunk(PAGE + bytes(MAX_DRAIN_BYTES)) == STOP
    assert unknown.verdict is Reason.NOT_AN_IMAGE


def test_a_picture_is_one_whatever_its_type_says() -> None:
    response = respond(OK, "Content-Type: text/plain", "")
    assert response.chunk(JPEG) is None
    assert response.verdict is None


def test_only_the_beginning_is_looked_at() -> None:
    response = respond(OK, "Content-Type: text/html", "")
    assert response.chunk(JPEG) is None
    assert response.chunk(PAGE) is None
    assert response.verdict is None


def test_a_text_for_us_may_be_a_page() -> None:
    response = respond(OK, "Content-Type: text/html", "", is_text=True)
    assert response.chunk(PAGE) is None
    assert response.verdict is None


# -- encodings --


def test_what_was_compressed_is_restored_and_only_that_counts() -> None:
    packed = gzip.compress(JPEG * 10)
    budget = plenty()
    response = respond(OK, "Content-Encoding: gzip", "", budget=budget)
    for start in range(0, len(packed), 20):
        assert response.chunk(packed[start : start + 20]) is None
    assert response.whole
    assert response.size == len(JPEG) * 10
    assert budget.reserved <= response.size + 2 * RESERVE_STEP_BYTES
    assert response.release() == JPEG * 10


def test_the_limit_counts_what_is_decoded() -> None:
    response = respond(OK, "Content-Encoding: gzip", "")
    assert response.chunk(gzip.compress(bytes(100_000))) == STOP
    assert response.verdict is Reason.BODY_TOO_LARGE


def test_space_for_what_comes_of_a_bomb_is_there_before_it_goes_off() -> None:
    free = RESERVE_STEP_BYTES
    budget = Budget(lambda: free)
    bombs = [respond(OK, "Content-Encoding: deflate", "", limit=10**7, budget=budget)
             for _ in range(10)]  # fmt: skip
    packed = zlib.compress(bytes(10**7))
    verdicts = [bomb.chunk(packed) for bomb in bombs]
    assert verdicts == [None] + [PAUSE] * 9
    assert [bomb.size for bomb in bombs] == [10**7] + [0] * 9

    bombs[0].release()
    bombs[1].resume()
    assert bombs[1].chunk(packed) is None
    assert bombs[1].release() == bytes(10**7)


def test_space_that_a_decoder_did_not_need_is_given_back_at_once() -> None:
    budget = plenty()
    response = respond(OK, "Content-Encoding: gzip", "", limit=10**8, budget=budget)
    assert response.chunk(gzip.compress(bytes(range(256)) * 200)[:300]) is None
    assert budget.reserved <= response.size + RESERVE_STEP_BYTES


def test_a_compressed_body_that_breaks_off_is_known_to_be_incomplete() -> None:
    response = respond(OK, "Content-Encoding: gzip", "")
    response.chunk(gzip.compress(b"abc" * 10)[:-5])
    assert not response.whole


def test_a_trailer_changes_nothing() -> None:
    response = respond(OK, "Content-Encoding: gzip", "")
    response.chunk(gzip.compress(JPEG))
    assert response.header(b"X-Checksum: 1\r\n") is None
    assert response.header(b"\r\n") is None
    assert response.whole
    assert response.release() == JPEG


def test_a_body_that_is_not_what_its_encoding_says_is_stopped() -> None:
    response = respond(OK, "Content-Encoding: gzip", "")
    assert response.chunk(b"neither gzip nor an image") == STOP
    assert response.verdict is Reason.BAD_ENCODING


@pytest.mark.parametrize("names", [["compress"], ["gzip", "gzip"]])
def test_what_nobody_can_undo_is_stopped_at_its_first_byte_unless_it_is_an_image(
    names: list[str],
) -> None:
    lines = [f"Content-Encoding: {name}" for name in names]
    response = respond(OK, *lines, "")
    assert response.chunk(b"x") == STOP
    assert response.verdict is Reason.BAD_ENCODING
    response = respond(OK, *lines, "")
    assert response.chunk(JPEG) is None
    assert response.release() == JPEG
    assert response.whole


def test_a_compressed_page_is_drained_as_it_comes() -> None:
    noise = random.Random(1).randbytes(MAX_DRAIN_BYTES // 2)  # it takes long to come
    packed = gzip.compress(PAGE + noise)
    response = respond(OK, "Content-Encoding: gzip", "", limit=100)
    for start in range(0, len(packed), 1000):
        assert response.chunk(packed[start : start + 1000]) is None
    assert response.verdict is Reason.NOT_AN_IMAGE
    assert response.release() == b""


# -- waiting --


def test_a_body_for_which_there_is_no_space_waits_and_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 50.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    budget = Budget(lambda: 0)
    first, second = respond(OK, "", budget=budget), respond(OK, "", budget=budget)
    assert first.chunk(JPEG) is None
    assert second.chunk(JPEG) == PAUSE
    assert (second.paused, list(budget.waiting)) == (True, [second])
    assert not budget.has_space

    now = 53.5
    first.release()
    assert budget.has_space
    second.resume()
    assert (second.paused, second.waited, list(budget.waiting)) == (False, 3.5, [])
    assert second.chunk(JPEG) is None
    assert second.release() == JPEG


def test_who_ends_while_it_waits_waits_no_longer() -> None:
    budget = Budget(lambda: 0)
    first, second = respond(OK, "", budget=budget), respond(OK, "", budget=budget)
    first.chunk(JPEG)
    second.chunk(JPEG)
    assert second.release() == b""
    assert not budget.waiting
    first.release()
    assert budget.reserved == 0


# -- crawling --


def test_a_body_crawls_if_it_brings_too_little_between_two_looks() -> None:
    response = respond(OK, "")
    assert not response.is_too_slow(10)
    response.chunk(b"x" * 10)
    assert not response.is_too_slow(10)
    response.chunk(b"x" * 9)
    assert response.is_too_slow(10)
    assert response.verdict is Reason.TOO_SLOW


def test_an_answer_that_has_not_begun_does_not_crawl() -> None:
    response = respond(OK)
    assert not response.is_too_slow(10)
    assert not response.is_too_slow(10)
    response.header(b"\r\n")
    assert not response.is_too_slow(10)
    assert response.is_too_slow(10), "but now it has had its time"


@pytest.mark.parametrize("looks_meanwhile", [0, 1])
def test_a_body_that_waited_for_us_does_not_crawl(looks_meanwhile: int) -> None:
    budget = Budget(lambda: 0)
    first, second = respond(OK, "", budget=budget), respond(OK, "", budget=budget)
    first.chunk(JPEG)
    assert not second.is_too_slow(10)
    assert second.chunk(JPEG) == PAUSE
    for _ in range(looks_meanwhile):
        assert not second.is_too_slow(10)
    first.release()
    second.resume()
    assert not second.is_too_slow(10)
    assert second.is_too_slow(10), "but now it has had its time"


# -- whatever comes --


def test_reset_makes_it_new() -> None:
    response = respond(OK, "X-Robots-Tag: noai", "ETag: e", "Location: /x", "")
    response.reset()
    assert (response.status, response.verdict, response.stopped) == (0, None, False)
    assert (response.etag, response.location, response.moved) == (None, None, False)


def test_what_comes_before_the_end_of_a_header_is_no_body() -> None:
    response = Response(100, refuses, Budget(lambda: 10**9))
    for line in (b"HTTP/1.1 200 OK\r\n", b"Content-Encoding: gzip\r\n"):
        response.header(line)
    response.chunk(bytes(200))
    response.header(b"\r\n")
    response.chunk(gzip.compress(b"x" * 50))
    assert response.release() == b"x" * 50


LINES = st.sampled_from([
    b"HTTP/1.1 200 OK", b"HTTP/1.1 404 No", b"HTTP/2 302", b"HTTP/1.1 103 Hint", b"HTTP/", b"",
    b"Content-Length: 10", b"Content-Length: 999999", b"Content-Encoding: gzip", b"Location: /",
    b"Content-Encoding: deflate", b"Content-Type: text/html", b"X-Robots-Tag: noai", b":", b"c",
])  # fmt: skip
PIECES = st.sampled_from([
    PAGE, JPEG, gzip.compress(PAGE), zlib.compress(JPEG), zlib.compress(bytes(10**6)), b"x", b"",
])  # fmt: skip


@given(
    st.lists(
        st.tuples(st.just("header"), LINES | st.binary(max_size=20))
        | st.tuples(st.just("chunk"), PIECES | st.binary(max_size=20)),
        max_size=30,
    ),
    st.sampled_from([0, 10**9]),
    st.booleans(),
)
def test_no_server_breaks_it(steps: list[tuple[str, bytes]], free: int, is_text: bool) -> None:  # noqa: FBT001  (hypothesis)
    budget = Budget(lambda: free)
    response = Response(100, refuses, budget)
    response.reset(is_text=is_text)
    for kind, data in steps:
        said = response.header(data + b"\r\n") if kind == "header" else response.chunk(data)
        if said == STOP:
            break
        assert not response.paused, "nobody else wants space"
    assert response.size <= 10**6
    response.release()
    assert budget.reserved == 0
    assert not budget.waiting
