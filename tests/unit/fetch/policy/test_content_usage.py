"""Content-Usage: the grammar of RFC 9651's dictionaries, and AIPREF's words in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.fetch.policy.content_usage import (
    MAX_LINE_CHARACTERS,
    forbids_training,
    read_preference,
)

NO = [
    "train-ai=n",
    "  train-ai=n  ",
    "train-ai=n, search=y",
    "search=y,\ttrain-ai=n",
    "train-ai=n;why=because;x, ai-use=y",
    "train-ai=y, train-ai=n",  # the last of equal keys counts
    "search, train-ai=n",
    'note="a, train-ai=y", train-ai=n',
    'train-ai=n, x=(a b);c, d=:AAAA:, e=1.5, f=@1700000000, g=?0, h=%"caf%c3%a9"',
]
YES = ["train-ai=y", "train-ai=n, train-ai=y", "train-ai=y;n"]
NOTHING = [
    "",
    "search=n",
    "train-ai",
    "train-ai=?0",
    'train-ai="n"',
    "train-ai=N",
    "train-ai=no",
    "train-ai=0",
    "train-ai=(n)",
    "train-ai=:bg==:",
    "train-ai=n, train-ai",  # the last counts, and says nothing of ours
    "x;train-ai=n",
    # no dictionaries
    "Train-AI=n",
    "TRAIN-AI=n",
    "train-ai = n",
    "train-ai=n,",
    "train-ai=n search=y",
    "train-ai=n;",
    "=n",
    "train-ai=n, caf\u00e9",
    "/ train-ai=n",
    "train-ai=n" + " " * MAX_LINE_CHARACTERS,
]


@pytest.mark.parametrize("line", NO)
def test_training_is_forbidden_by(line: str) -> None:
    assert read_preference(line) is False


@pytest.mark.parametrize("line", YES)
def test_training_is_allowed_by(line: str) -> None:
    assert read_preference(line) is True


@pytest.mark.parametrize("line", NOTHING)
def test_nothing_is_said_by(line: str) -> None:
    assert read_preference(line) is None


def test_other_uses_can_be_asked_for() -> None:
    assert read_preference("train-ai=n, search=y", "search") is True


def test_of_several_lines_the_most_restrictive_counts() -> None:
    assert forbids_training(["train-ai=n", "train-ai=y"])
    assert forbids_training(["train-ai=y", "no dictionary!", "train-ai=n"])
    assert not forbids_training(["train-ai=y", "search=n"])


@given(st.text(max_size=40) | st.text(alphabet='train-i=ny ,;"?(:)', max_size=30))
def test_whatever_is_written_is_read(line: str) -> None:
    assert read_preference(line) in {True, False, None}
