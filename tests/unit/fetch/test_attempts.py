"""Rows -> attempts, counted by state, and each row delivered once."""

from __future__ import annotations

from img2dataset.errors import Reason, RowError
from img2dataset.fetch.attempt import AttemptState
from img2dataset.fetch.attempts import Attempts
from img2dataset.records import Body, Failure, Row

URL = "http://a/1.jpg"
FAILURE = Failure.of(RowError(Reason.TIMEOUT))
Delivered = list[tuple[int, Body | Failure]]


def make_row(index: int, url: str | None = URL, problem: str | None = None) -> Row:
    return Row(0, index, str(index), url, {}, problem=problem)


def make_attempts(delivered: Delivered) -> Attempts:
    return Attempts(10.0, lambda row, outcome: delivered.append((row.index, outcome)))


def test_an_attempt_is_counted_in_one_state_at_a_time_and_in_none_once_it_is_over() -> None:
    attempts = make_attempts([])
    one = attempts.of_row(make_row(0))
    other = attempts.of_row(make_row(1, "http://a/2.jpg"))
    assert one is not None
    assert other is not None
    assert attempts.counts == {AttemptState.ENTERING: 2}

    attempts.move(one, AttemptState.RESOLVING)
    assert attempts.counts == {AttemptState.ENTERING: 1, AttemptState.RESOLVING: 1}
    attempts.move(one, AttemptState.RESOLVING)
    assert attempts.counts == {AttemptState.ENTERING: 1, AttemptState.RESOLVING: 1}

    attempts.deliver(one, FAILURE)
    assert attempts.counts == {AttemptState.ENTERING: 1}
    attempts.move(other, AttemptState.DONE)
    assert attempts.counts == {}


def test_rows_of_one_url_share_an_attempt_until_it_is_delivered() -> None:
    delivered: Delivered = []
    attempts = make_attempts(delivered)
    attempt = attempts.of_row(make_row(0))
    assert attempt is not None
    assert attempts.of_row(make_row(1, f" {URL}#top")) is None
    assert attempts.duplicates == 1

    attempts.deliver(attempt, FAILURE)
    assert delivered == [(0, FAILURE), (1, FAILURE)]
    assert attempts.duplicates == 0
    assert attempts.of_row(make_row(2)) is not None, "later rows are asked for again"


def test_a_row_that_cannot_be_asked_for_fails_at_once_and_is_not_counted() -> None:
    delivered: Delivered = []
    attempts = make_attempts(delivered)
    assert attempts.of_row(make_row(0, problem="(line 3)")) is None
    assert attempts.of_row(make_row(1, None)) is None
    reasons = [(index, getattr(outcome, "reason", None)) for index, outcome in delivered]
    assert reasons == [(0, Reason.MALFORMED_LINE), (1, Reason.URL_MISSING)]
    assert attempts.counts == {}
