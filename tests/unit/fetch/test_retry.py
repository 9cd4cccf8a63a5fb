from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.backoff import Backoff
from img2dataset.errors import Reason
from img2dataset.fetch.outage import NETWORK
from img2dataset.fetch.politeness import POLITE
from img2dataset.fetch.retry import RETRIED, delay_before, rest_after, seconds_to_wait

NOW = 1_700_000_000.0

GATE_REFUSALS = {
    Reason.ADDRESS_NOT_ALLOWED,
    Reason.ROBOTS_TXT,
    Reason.ROBOTS_TXT_TRAINING,
    Reason.ROBOTS_TXT_UNAVAILABLE,
    Reason.HOST_GIVEN_UP,
    Reason.HOST_ASKS_FOR_REST,
}
"""What the gates say before a host is asked; they end as failed transfers do, see `Endings.fail`."""

DECISIONS = {
    # no answer, or only a part of one
    Reason.HOST_NOT_RESOLVED: True,
    Reason.CONNECT_FAILED: True,
    Reason.CONNECT_TIMEOUT: True,
    Reason.PROXY_REFUSED: False,
    Reason.PROXY_FAILED: True,
    Reason.TLS: True,
    Reason.TIMEOUT: True,
    Reason.TOO_SLOW: True,
    Reason.CONNECTION_LOST: True,
    Reason.BODY_INCOMPLETE: True,
    # an answer that may be another one next time
    Reason.HTTP_STATUS_TRANSIENT: True,
    # it may pass, but not while we wait
    Reason.HOST_GIVEN_UP: False,
    Reason.HOST_ASKS_FOR_REST: False,
    Reason.ROBOTS_TXT_UNAVAILABLE: False,
    Reason.CREDENTIALS_EXPIRED: False,
    # the same answer each time
    Reason.OBJECT_NOT_FOUND: False,
    Reason.OBJECT_FORBIDDEN: False,
    Reason.NOT_A_FILE: False,
    Reason.MALFORMED_LINE: False,
    Reason.URL_MISSING: False,
    Reason.URL_INVALID: False,
    Reason.SCHEME_NOT_ALLOWED: False,
    Reason.NO_SUCH_HOST: False,
    Reason.ADDRESS_NOT_ALLOWED: False,
    Reason.CERTIFICATE: False,
    Reason.BODY_EMPTY: False,
    Reason.BODY_TOO_LARGE: False,
    Reason.BAD_RESPONSE: False,
    Reason.BAD_ENCODING: False,
    Reason.HEADER_TOO_LARGE: False,
    Reason.TOO_MANY_REDIRECTS: False,
    Reason.BAD_REDIRECT: False,
    Reason.HTTP_STATUS: False,
    Reason.OPTED_OUT: False,
    Reason.TDM_RESERVED: False,
    Reason.TDMREP: False,
    Reason.CONTENT_USAGE: False,
    Reason.ROBOTS_TXT_TRAINING: False,
    Reason.ROBOTS_TXT: False,
    Reason.HASH_MISMATCH: False,
    Reason.NOT_AN_IMAGE: False,
    Reason.SVG: False,
    Reason.VIDEO: False,
    Reason.HEIC: False,
    Reason.JXL: False,
    Reason.DECODE: False,
    Reason.DECODER_CRASHED: False,
    Reason.DECODER_TIMEOUT: False,
    Reason.TOO_MANY_PIXELS: False,
    Reason.TOO_SMALL: False,
    Reason.AREA_TOO_LARGE: False,
    Reason.ASPECT_RATIO: False,
    Reason.BAD_BOXES: False,
    Reason.ENCODE: False,
}
"""Whether a URL that failed for this reason is asked for again, as often as `retries` says."""


def test_each_reason_is_retried_or_not() -> None:
    assert {reason: reason in RETRIED for reason in Reason} == DECISIONS


def test_what_is_retried_can_be_fetched_by_a_later_run_too() -> None:
    assert all(reason.transient for reason in RETRIED)


def test_the_limit_of_the_wait_doubles() -> None:
    exact = replace(POLITE, retry=replace(POLITE.retry, jitter=0.0))
    assert [delay_before(attempt, None, exact) for attempt in (1, 2, 3)] == [0.5, 1.0, 2.0]


@given(st.integers(1, 10_000))
def test_the_wait_is_jittered_and_bounded(attempt: int) -> None:
    delays = [delay_before(attempt, None) for _ in range(10)]
    assert len(set(delays)) > 1
    assert all(delay is not None and 0 <= delay <= POLITE.retry.longest for delay in delays)


def test_the_wish_of_the_server_comes_first() -> None:
    exact = replace(POLITE, retry=Backoff(0.5))
    assert delay_before(1, 7.0, exact) == delay_before(9, 7.0, exact) == 7.0 + 0.5


def test_a_server_that_wishes_too_much_is_not_asked_again() -> None:
    assert delay_before(1, POLITE.max_retry_after_s) is not None
    assert delay_before(1, POLITE.max_retry_after_s + 1) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0\r\n", 0.0),
        (formatdate(NOW + 30, usegmt=True), 30.0),
        (formatdate(NOW - 30, usegmt=True), 0.0),
        ("9" * 5000, 999_999_999_999.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Wed, 99 Foo 2015 07:28:00 GMT", None),
        ("²", None),
    ],
)
def test_both_forms_of_retry_after_are_read(header: str, seconds: float | None) -> None:
    assert seconds_to_wait(header, NOW) == seconds


@given(st.text())
def test_no_header_breaks_it(header: str) -> None:
    seconds = seconds_to_wait(header, NOW)
    assert seconds is None or seconds >= 0


@pytest.fixture
def far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_from_greenwich")
@pytest.mark.parametrize(
    "header",
    [
        "Tue, 14 Nov 2023 22:13:50 GMT",
        "Tuesday, 14-Nov-23 22:13:50 GMT",
        "Tue Nov 14 22:13:50 2023",
        "Tue, 14 Nov 2023 22:13:50 -0000",
        "Tue, 14 Nov 2023 23:13:50 +0100",
    ],
)
def test_dates_are_in_gmt_in_all_forms_of_http_wherever_we_are(header: str) -> None:
    assert seconds_to_wait(header, NOW) == 30.0


DATES = st.datetimes(datetime(1970, 1, 2), datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  (hypothesis adds the zone)


@given(DATES)
def test_any_date_is_the_time_until_then(date: datetime) -> None:
    date = date.replace(microsecond=0)
    seconds = seconds_to_wait(formatdate(date.timestamp(), usegmt=True), NOW)
    assert seconds == max(0.0, date.timestamp() - NOW)


WORDS = "Tue Nov, 14 2023 99 -0000 +9999 GMT 22:13:50 24:61 14-Nov-23 : - , ( 9999999999999".split()  # noqa: SIM905  (reads best)


@given(
    st.lists(st.sampled_from(WORDS)).map(" ".join) | st.lists(st.sampled_from(WORDS)).map("".join)
)
def test_no_almost_date_breaks_it(header: str) -> None:
    seconds = seconds_to_wait(header, NOW)
    assert seconds is None or seconds >= 0


@given(st.integers(0, 10**15))
def test_any_number_is_that_many_seconds_up_to_for_ever(number: int) -> None:
    seconds = seconds_to_wait(str(number), NOW)
    assert seconds == number or (seconds is not None and number >= 10**12 > seconds > 10**10)


@given(st.integers(1, 99), st.floats(0, 2 * POLITE.max_retry_after_s))
def test_we_never_come_back_before_the_server_wishes(attempt: int, wish: float) -> None:
    delay = delay_before(attempt, wish)
    assert (delay is None) == (wish > POLITE.max_retry_after_s)
    assert delay is None or wish <= delay <= wish + POLITE.retry.first


@pytest.mark.parametrize(
    ("refusals", "wish", "sure", "rest"),
    [
        (1, None, True, 1.0),
        (2, None, True, 2.0),
        (5, None, True, 16.0),
        (6, None, True, 30.0),
        (10**6, None, True, 30.0),
        (1, None, False, 0.0),
        (POLITE.min_503_refusals - 1, None, False, 0.0),
        (POLITE.min_503_refusals, None, False, 4.0),
        (1, 0.0, True, 0.0),
        (1, 7.0, False, 7.0),
        (9, 500.0, True, 500.0),
    ],
)
def test_a_host_that_says_too_much_rests_as_it_wishes_or_longer_each_time(
    refusals: int,
    wish: float | None,
    sure: bool,  # noqa: FBT001  (a column)
    rest: float,
) -> None:
    assert rest_after(refusals, wish, sure=sure) == rest


def test_what_a_gate_refuses_is_neither_retried_nor_blamed_on_the_network() -> None:
    assert GATE_REFUSALS.isdisjoint(RETRIED | NETWORK)
