"""However a transfer ends, there is one thing to be said of it."""

from __future__ import annotations

import pycurl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.errors import TRANSIENT_HTTP, Reason, format_http_label
from img2dataset.fetch.budget import Budget
from img2dataset.fetch.http.response import Response
from img2dataset.fetch.outcome import OK, REASON_BY_CODE, STOPPED, TIMED_OUT, UNKNOWN, make_outcome
from img2dataset.records import Body, Failure

BUDGET = Budget(lambda: 10**9)


def answered(status: int, body: bytes = b"", *lines: bytes) -> Response:
    response = Response(1000, None, BUDGET)
    if status:
        for line in (b"HTTP/1.1 %d X" % status, *lines, b""):
            response.header(line + b"\r\n")
        response.chunk(body)
    return response


def failure(code: int, response: Response | int = 0, *, asked: bool = True) -> tuple[Reason, str]:
    if isinstance(response, int):
        response = answered(response)
    result = make_outcome(code, response, asked=asked)
    assert isinstance(result, Failure)
    return result.reason, result.label


def test_a_body_is_a_body() -> None:
    assert make_outcome(OK, answered(200, b"abc"), asked=True) == Body(b"abc")


CODES = {
    pycurl.E_UNSUPPORTED_PROTOCOL: Reason.BAD_RESPONSE,
    pycurl.E_URL_MALFORMAT: Reason.URL_INVALID,
    pycurl.E_COULDNT_RESOLVE_PROXY: Reason.PROXY_FAILED,
    pycurl.E_COULDNT_RESOLVE_HOST: Reason.HOST_NOT_RESOLVED,
    pycurl.E_COULDNT_CONNECT: Reason.CONNECT_FAILED,
    pycurl.E_FTP_WEIRD_SERVER_REPLY: Reason.BAD_RESPONSE,  # CURLE_WEIRD_SERVER_REPLY
    pycurl.E_HTTP2: Reason.CONNECTION_LOST,
    pycurl.E_PARTIAL_FILE: Reason.BODY_INCOMPLETE,
    pycurl.E_OPERATION_TIMEDOUT: Reason.TIMEOUT,
    pycurl.E_SSL_CONNECT_ERROR: Reason.TLS,
    pycurl.E_GOT_NOTHING: Reason.CONNECTION_LOST,
    pycurl.E_SEND_ERROR: Reason.CONNECTION_LOST,
    pycurl.E_RECV_ERROR: Reason.CONNECTION_LOST,
    pycurl.E_PEER_FAILED_VERIFICATION: Reason.CERTIFICATE,
    pycurl.E_BAD_CONTENT_ENCODING: Reason.BAD_ENCODING,
    pycurl.E_FILESIZE_EXCEEDED: Reason.BODY_TOO_LARGE,
    pycurl.E_SSL_CACERT_BADFILE: Reason.TLS,
    pycurl.E_SSL_INVALIDCERTSTATUS: Reason.CERTIFICATE,
    92: Reason.CONNECTION_LOST,  # of an HTTP/2 stream; pycurl has no name for it
    9999: UNKNOWN,
}
"""By the names that pycurl has for them."""


@pytest.mark.parametrize(("code", "reason"), CODES.items())
def test_each_error_of_libcurl_has_its_reason(code: int, reason: Reason) -> None:
    assert failure(code) == (reason, reason.label)


def test_our_numbers_are_libcurls() -> None:
    assert (pycurl.E_OK, pycurl.E_WRITE_ERROR, pycurl.E_OPERATION_TIMEDOUT) == (
        OK,
        STOPPED,
        TIMED_OUT,
    )


@pytest.mark.parametrize(
    ("status", "asked", "reason"),
    [
        (0, False, Reason.CONNECT_TIMEOUT),
        (0, True, Reason.TIMEOUT),
        (200, True, Reason.TIMEOUT),
        (404, True, Reason.HTTP_STATUS),
    ],
)
def test_a_timeout_says_what_was_waited_for(status: int, asked: bool, reason: Reason) -> None:  # noqa: FBT001  (a column)
    assert failure(TIMED_OUT, status, asked=asked)[0] is reason


def test_our_own_verdict_comes_first() -> None:
    for code in (OK, STOPPED, TIMED_OUT, 56):
        response = answered(200, b"x")
        response.verdict = Reason.TOO_SLOW
        assert failure(code, response)[0] is Reason.TOO_SLOW


@pytest.mark.parametrize("code", [OK, STOPPED, TIMED_OUT, 18, 56])
def test_an_error_status_is_told_however_the_error_page_ended(code: int) -> None:
    assert failure(code, 404) == (Reason.HTTP_STATUS, "HTTP Error 404: Not Found")


def test_statuses_that_may_pass_are_told_apart() -> None:
    for status in range(400, 600):
        transient = status in TRANSIENT_HTTP
        reason = Reason.HTTP_STATUS_TRANSIENT if transient else Reason.HTTP_STATUS
        assert failure(OK, status) == (reason, format_http_label(status))


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (0, Reason.BAD_RESPONSE),
        (100, Reason.HTTP_STATUS),
        (200, Reason.BODY_EMPTY),
        (204, Reason.BODY_EMPTY),
        (206, Reason.BODY_INCOMPLETE),
        (300, Reason.HTTP_STATUS),
        (302, Reason.HTTP_STATUS),
        (304, Reason.HTTP_STATUS),
    ],
)
def test_only_success_is_success(status: int, reason: Reason) -> None:
    for code in (OK, STOPPED):
        if (code, status) != (STOPPED, 200):
            assert failure(code, status)[0] is reason


def test_a_body_that_is_not_whole_is_none() -> None:
    packed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03"
    assert failure(OK, answered(200, packed, b"Content-Encoding: gzip"))[0] is Reason.BAD_ENCODING
    assert failure(18, answered(200, b"abc"))[0] is Reason.BODY_INCOMPLETE
    assert failure(56, answered(200, b"abc"))[0] is Reason.CONNECTION_LOST


def test_as_much_of_a_text_as_we_want_is_a_body_though_we_stopped_it() -> None:
    response = Response(1000, None, BUDGET)
    response.reset(is_text=True)
    for line in (b"HTTP/1.1 200 OK", b""):
        response.header(line + b"\r\n")
    while response.chunk(b"x" * 100_000) is None:
        pass
    assert isinstance(make_outcome(STOPPED, response, asked=True), Body)


@given(
    st.sampled_from(sorted(REASON_BY_CODE)) | st.integers(0, 200),
    st.sampled_from([0, 100, 200, 204, 206, 301, 404, 503]),
    st.booleans(),
)
def test_every_ending_has_an_outcome_and_leaves_nothing_behind(
    code: int,
    status: int,
    asked: bool,  # noqa: FBT001  (hypothesis)
) -> None:
    result = make_outcome(code, answered(status, b"x"), asked=asked)
    assert isinstance(result, Body) is (code == OK and status == 200)
    assert BUDGET.reserved == 0
