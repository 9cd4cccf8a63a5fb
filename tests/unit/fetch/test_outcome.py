from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.errors import Reason
from img2dataset.fetch.outcome import OK, STOPPED, TIMED_OUT, UNKNOWN, outcome
from img2dataset.fetch.response import Received, Response
from img2dataset.records import Body, Failure


def answered(status: int, body: bytes = b"") -> Response:
    response = Response(1000, None, Received())
    if status:
        response.header(f"HTTP/1.1 {status} X\r\n".encode())
        response.header(b"\r\n")
        response.chunk(body)
    return response


def failure(
    code: int, status: int = 0, *, resolved: bool = True, asked: bool = True
) -> tuple[Reason, str]:
    result = outcome(code, answered(status), resolved=resolved, asked=asked)
    assert isinstance(result, Failure)
    return result.reason, result.label


def test_a_body_is_a_body() -> None:
    response = answered(200, b"abc")
    assert outcome(OK, response, resolved=True, asked=True) == Body(b"abc")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1, Reason.BAD_RESPONSE),
        (6, Reason.HOST_NOT_RESOLVED),
        (7, Reason.CONNECT_FAILED),
        (16, Reason.CONNECTION_LOST),
        (18, Reason.BODY_INCOMPLETE),
        (28, Reason.TIMEOUT),
        (35, Reason.TLS),
        (47, Reason.TOO_MANY_REDIRECTS),
        (52, Reason.CONNECTION_LOST),
        (55, Reason.CONNECTION_LOST),
        (56, Reason.CONNECTION_LOST),
        (60, Reason.CERTIFICATE),
        (61, Reason.BAD_ENCODING),
        (63, Reason.BODY_TOO_LARGE),
        (92, Reason.CONNECTION_LOST),
        (9999, UNKNOWN),
    ],
)
def test_each_error_of_libcurl_has_its_reason(code: int, reason: Reason) -> None:
    assert failure(code) == (reason, reason.label)


def test_a_timeout_says_what_was_waited_for() -> None:
    assert failure(TIMED_OUT, resolved=False, asked=False)[0] is Reason.HOST_NOT_RESOLVED
    assert failure(TIMED_OUT, asked=False)[0] is Reason.CONNECT_TIMEOUT
    assert failure(TIMED_OUT, status=200)[0] is Reason.TIMEOUT


@pytest.mark.parametrize("code", [1, 3])
def test_after_a_redirect_a_bad_address_is_a_bad_redirect(code: int) -> None:
    assert failure(code, status=302)[0] is Reason.BAD_REDIRECT


def test_an_error_status_is_told_however_the_error_page_ended() -> None:
    for code in (OK, STOPPED, TIMED_OUT, 56):
        assert failure(code, 404) == (Reason.HTTP_STATUS, "HTTP Error 404: Not Found")


def test_statuses_that_may_pass_are_told_apart() -> None:
    label = "HTTP Error 503: Service Unavailable"
    assert failure(OK, 503) == (Reason.HTTP_STATUS_TRANSIENT, label)
    assert failure(OK, 521) == (Reason.HTTP_STATUS_TRANSIENT, "HTTP Error 521: Unknown")


def test_only_success_is_success() -> None:
    assert failure(OK, 304) == (Reason.HTTP_STATUS, "HTTP Error 304: Not Modified")
    assert failure(OK, 204)[0] is Reason.BODY_EMPTY
    assert failure(OK, 200)[0] is Reason.BODY_EMPTY
    assert failure(OK, 0)[0] is Reason.BAD_RESPONSE


@given(st.integers(0, 200), st.sampled_from([0, 100, 200, 204, 206, 301, 404, 503]))
def test_every_ending_has_an_outcome(code: int, status: int) -> None:
    result = outcome(code, answered(status, b"x"), resolved=True, asked=True)
    assert isinstance(result, Body) is (code == OK and status == 200)
