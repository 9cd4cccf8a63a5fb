"""How answers came, as metadata."""

from __future__ import annotations

from dataclasses import fields, replace

from img2dataset.formats.fetched import (
    RESPONSE_COLUMNS,
    describe_response,
    find_response,
    make_response_columns,
)
from img2dataset.options import FETCH_COLUMNS
from img2dataset.records import ResponseInfo, Row, Sample
from tests.unit.formats.shard import ANSWER, NOT_FOUND, REFUSAL, SMALL, TIMEOUT, picture

ROW = Row(0, 0, "000000000", "http://x", {})


def test_the_columns_are_those_that_the_option_promises() -> None:
    assert tuple(RESPONSE_COLUMNS.names) == FETCH_COLUMNS
    known = [declared.name for declared in fields(ResponseInfo)]
    assert [name for name in known if name != "request_seconds"] == RESPONSE_COLUMNS.names


def test_a_failed_download_says_itself_how_the_answer_came() -> None:
    assert find_response(Sample(ROW, NOT_FOUND)) is REFUSAL


def test_a_body_that_was_refused_says_how_it_came() -> None:
    assert find_response(Sample(ROW, SMALL, fetched=ANSWER)) is ANSWER
    assert find_response(Sample(ROW, picture(), fetched=ANSWER)) is ANSWER


def test_where_there_was_no_answer_all_is_null() -> None:
    assert find_response(Sample(ROW, TIMEOUT)) is None
    assert set(describe_response(None).values()) == {None}
    assert all(column == [None] for column in make_response_columns([None]).values())


def test_json_and_table_tell_the_same_millisecond() -> None:
    for moment, text in ((0.0004, "00.000Z"), (0.9996, "01.000Z"), (0.0, "00.000Z")):
        answer = replace(ANSWER, fetched_at=moment)

        assert describe_response(answer)["fetched_at"] == f"1970-01-01T00:00:{text}"
        assert make_response_columns([answer])["fetched_at"] == [round(moment * 1000)]
