"""/.well-known/tdmrep.json: what is a rule, and which one counts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.fetch.policy.tdmrep import MAX_RULES, NONE, make_tdmrep_url, parse_reservations


def rule(location: Any, value: Any = 1, **others: Any) -> dict[str, Any]:
    return {"location": location, "tdm-reservation": value, **others}


def reserved(path: str, *rules: Any) -> bool | None:
    """None = nothing is said of it."""
    found = parse_reservations(200, json.dumps(rules).encode()).rule_for(f"https://a.test{path}")
    return None if found is None else found.reserved


@pytest.mark.parametrize(
    ("path", "rules", "expected"),
    [
        ("/1.jpg", [rule("/")], True),
        ("/1.jpg", [rule("/", 0)], False),
        ("/1.jpg", [rule("/other/")], None),
        ("/1.jpg", [], None),
        # the first that fits counts
        ("/a/1.jpg", [rule("/a/", 0), rule("/")], False),
        ("/a/1.jpg", [rule("/"), rule("/a/", 0)], True),
        ("/b/1.jpg", [rule("/a/", 0), rule("/")], True),
        ("/a/1.jpg", [rule("/*.jpg")], True),
        ("/a/1.jpg", [rule("*.jpg$")], True),
        ("/a/1.jpg?x", [rule("/*.jpg$")], None),
        ("/a/1.jpg", [rule("a/")], True),
        ("/caf%C3%A9/1", [rule("/caf\u00e9/")], True),
        ("/1.jpg", [rule("/", "1")], True),
        ("/1.jpg", [rule("/", "0")], False),
        ("/1.jpg", [rule("/", 1.0)], True),
        # what is no rule is none, and the others count
        ("/1.jpg", [rule("/", 2), rule("/")], True),
        ("/1.jpg", [rule("/", True)], None),
        ("/1.jpg", [rule("/", None)], None),
        ("/1.jpg", [rule("/", [1])], None),
        ("/1.jpg", [rule("")], None),
        ("/1.jpg", [rule(7), rule(["/"])], None),
        ("/1.jpg", [{"location": "/"}, {"tdm-reservation": 1}], None),
        ("/1.jpg", ["/", None, 1, []], None),
    ],
)
def test_the_first_rule_that_fits_counts(
    path: str,
    rules: list[Any],
    expected: bool | None,  # noqa: FBT001  (a column)
) -> None:
    assert reserved(path, *rules) is expected


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b'[{"location": "/", "tdm-reservation": 1}]'),
        (500, b""),
        (None, b""),
        (200, b""),
        (200, b"<html>Not found</html>"),
        (200, b'{"location": "/", "tdm-reservation": 1}'),
        (200, b'[{"location": "/", "tdm-reservation": 1}'),
        (200, b"[" * 100_000),
        (200, b"\xff\xfe\x00"),
    ],
)
def test_what_is_no_such_file_reserves_nothing(status: int | None, body: bytes) -> None:
    assert parse_reservations(status, body) == NONE


def test_a_mark_of_unicode_at_its_beginning_is_passed_over() -> None:
    body = b'\xef\xbb\xbf[{"location": "/", "tdm-reservation": 1, "tdm-policy": "https://a/p"}]'
    found = parse_reservations(200, body).rule_for("https://a.test/")
    assert found is not None
    assert (found.reserved, found.policy) == (True, "https://a/p")


def test_a_text_that_no_encoding_has_breaks_nothing() -> None:
    body = rb'[{"location": "/\ud800", "tdm-reservation": 1, "tdm-policy": "\ud800"}]'
    (only,) = parse_reservations(200, body).rules
    only.policy.encode()
    only.pattern.encode()


def test_there_is_an_end_to_its_rules() -> None:
    body = json.dumps([rule(f"/{number}") for number in range(MAX_RULES + 5)]).encode()
    assert len(parse_reservations(200, body).rules) == MAX_RULES


def test_where_it_is() -> None:
    assert (
        make_tdmrep_url("https://me:pw@a.test:8/x/y?z")
        == "https://a.test:8/.well-known/tdmrep.json"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["location", "tdm-reservation", "tdm-policy"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_is_written_is_read(document: Any) -> None:
    found = parse_reservations(200, json.dumps(document).encode())
    assert found.size >= 0
    found.rule_for("https://a.test/x")
