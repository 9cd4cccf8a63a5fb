"""The command line of `img2dataset estimate`, and what it shows."""

from __future__ import annotations

import pytest

from img2dataset.cli.help import make_help
from img2dataset.cli.parse_estimate import EstimateOptions, parse_estimate
from img2dataset.errors import OptionError


def test_its_own_options_stand_among_those_of_a_run() -> None:
    words = [
        "--sample",
        "50",
        "a.csv",
        "64",
        "--seed=3",
        "out",
        "--json",
        "--retries=1",
        "--nocard",
    ]

    assert parse_estimate(words) == EstimateOptions(
        {"url_list": "a.csv", "image_size": 64, "output_folder": "out", "retries": 1, "card": False},
        sample=50, seed=3, json=True,
    )  # fmt: skip
    assert parse_estimate(["a.txt"]) == EstimateOptions({"url_list": "a.txt"}, 1000, 0)


@pytest.mark.parametrize("words", [["--help"], ["a.txt", "-h"]])
def test_help_is_shown_in_80_columns(words: list[str]) -> None:
    text = parse_estimate(words)

    assert isinstance(text, str)
    assert max(map(len, text.splitlines())) <= 80
    assert "img2dataset estimate URL_LIST" in make_help()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "estimate: url_list is missing"),
        (["a.txt", "--sample=many"], "--sample is 'many': it must be a whole number"),
        (["a.txt", "--sample"], "--sample needs a value: write --sample=value"),
        (["a.txt", "--json=1"], "--json takes no value"),
        (["a.txt", "--sampel=3"], "unknown option --sampel"),
    ],
)
def test_what_cannot_be_understood_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(OptionError, match=f"^{said}"):
        parse_estimate(words)
