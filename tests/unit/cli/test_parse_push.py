"""The words after `push`."""

from __future__ import annotations

import pytest

from img2dataset.cli.parse_push import HELP_TEXT, PushOptions, parse_push
from img2dataset.errors import OptionError


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["out", "hf://datasets/me/x"], PushOptions("out", "hf://datasets/me/x")),
        (["out", "u", "--public"], PushOptions("out", "u", public=True)),
        (["out", "--public=False", "u"], PushOptions("out", "u")),
        (["out", "u", "--nopublic"], PushOptions("out", "u")),
        (["--help"], HELP_TEXT),
    ],
)
def test_words(words: list[str], asked: PushOptions | str) -> None:
    assert parse_push(words) == asked


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "push takes a folder and hf://datasets/OWNER/NAME, no folder is given"),
        (["out"], "push takes a folder"),
        (["a", "b", "c"], "push takes a folder"),
        (["a", "b", "--privat"], "unknown option --privat"),
        (["a", "b", "--public=perhaps"], "--public is 'perhaps': it must be True or False"),
    ],
)
def test_what_cannot_be_understood_is_one_line(words: list[str], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        parse_push(words)
