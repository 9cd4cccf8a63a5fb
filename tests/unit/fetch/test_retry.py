from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.fetch.retry import (
    FIRST_WAIT,
    LONGEST_OBEYED,
    LONGEST_WAIT,
    delay_before,
    seconds_to_wait,
)

NOW = 1_700_000_000.0


def test_the_limit_of_the_wait_doubles() -> None:
    assert [delay_before(attempt, None, 1.0) for attempt in (1, 2, 3)] == [0.5, 1.0, 2.0]


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_the_wait_is_jittered_and_bounded(attempt: int, jitter: float) -> None:
    delay = delay_before(attempt, None, jitter)
    assert delay is not None
    assert 0 <= delay <= LONGEST_WAIT


def test_the_wish_of_the_server_comes_first() -> None:
    assert delay_before(1, 7.0, 0.0) == 7.0
    assert delay_before(9, 7.0, 0.5) == 7.0 + FIRST_WAIT / 2


def test_a_server_that_wishes_too_much_is_not_asked_again() -> None:
    assert delay_before(1, LONGEST_OBEYED, 0.0) == LONGEST_OBEYED
    assert delay_before(1, LONGEST_OBEYED + 1, 0.0) is None


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
