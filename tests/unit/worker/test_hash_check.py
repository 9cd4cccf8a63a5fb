"""Whether downloaded files have the hashes of their rows, and what is said if none has."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from img2dataset.records import Row
from img2dataset.worker.hash_check import FIRST_ROWS, HashCheck

RIGHT, WRONG = "ab" * 16, "cd" * 16


def row(expected: Any) -> Row:
    return Row(0, 0, "000000000", "http://x/1.jpg", {}, expected_hash=expected)


@pytest.mark.parametrize(
    ("expected", "right"),
    [
        (RIGHT, True),
        (RIGHT.upper(), True),
        (base64.b64encode(bytes.fromhex(RIGHT)).decode(), True),
        (WRONG, False),
        ("no hash", False),
        (None, False),
    ],
)
def test_a_hash_is_right_in_every_spelling(expected: str | None, *, right: bool) -> None:
    assert HashCheck("h", "md5", print).is_right(row(expected), RIGHT) is right


@pytest.mark.parametrize(
    ("results", "count"),
    [
        ([False] * (FIRST_ROWS - 1), 0),
        ([False] * FIRST_ROWS, 1),
        ([False] * FIRST_ROWS * 3, 1),
        ([True] + [False] * FIRST_ROWS * 3, 0),
        ([False] * (FIRST_ROWS - 1) + [True] + [False] * FIRST_ROWS, 0),
        ([None] * FIRST_ROWS, 0),
    ],
)
def test_it_is_said_once_if_none_of_the_first_is_right(
    results: list[bool | None], count: int
) -> None:
    said = list[str]()
    check = HashCheck("the column", "md5", said.append)
    for result in results:
        check.is_right(row(None if result is None else RIGHT if result else WRONG), RIGHT)

    assert len(said) == count
    for text in said:
        assert "['the column', 'md5']" in text
        assert WRONG in text
        assert RIGHT in text
        assert "http://x/1.jpg" in text
