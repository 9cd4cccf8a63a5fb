from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.fetch.policy.path_rules import fits, most_specific, normalize_escapes, path_of


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/", "/anything", True),
        ("/a", "/ab", True),
        ("/a/", "/ab", False),
        ("/a$", "/a", True),
        ("/a$", "/ab", False),
        ("/*.jpg", "/x/y.jpg?z", True),
        ("/*.jpg$", "/x/y.jpg?z", False),
        ("/*.jpg$", "/x.jpg.jpg", True),
        ("*", "/", True),
        ("/a*$", "/abc", True),
        ("/a**b", "/axb", True),
        ("/a*b*c$", "/a-b-b-c", True),
        ("/a*bc$", "/ab", False),
        ("/ab*ba$", "/aba", False),
        ("/A", "/a", False),
    ],
)
def test_a_pattern_fits(pattern: str, path: str, expected: bool) -> None:  # noqa: FBT001  (a column)
    assert fits(pattern, path) is expected


@given(st.text(alphabet="ab*", max_size=8), st.booleans(), st.text(alphabet="ab", max_size=10))
def test_it_fits_where_a_regular_expression_does(pattern: str, ends: bool, path: str) -> None:  # noqa: FBT001  (hypothesis)
    expression = pattern.replace("*", ".*") + ("$" if ends else "")
    assert fits(pattern + "$" * ends, path) is (re.match(expression, path) is not None)


def test_a_hostile_pattern_costs_no_time() -> None:
    assert not fits("/" + "*a" * 5000 + "b", "/" + "a" * 5000)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://a.test", "/"),
        ("https://a.test/", "/"),
        ("https://a.test/x/y?z=1", "/x/y?z=1"),
        ("https://a.test/%7ejoe/%c3%a9%2f", "/~joe/%C3%A9%2F"),
    ],
)
def test_the_path_of_a_url(url: str, path: str) -> None:
    assert path_of(url) == path


@given(st.text())
def test_spellings_are_normal_once_and_for_all(text: str) -> None:
    once = normalize_escapes(text)
    assert once.isascii()
    assert normalize_escapes(once) == once or "%25" in once.upper() or "%" in once


def test_the_longest_that_fit_are_the_most_specific() -> None:
    rules = [("/", 1), ("/a", 2), ("/*b", 3), ("/ab", 4), ("/xyz", 5), ("/ab", 6)]
    assert most_specific(rules, "/ab") == [3, 4, 6]
    assert most_specific(rules, "/c") == [1]
    assert most_specific([], "/c") == []
