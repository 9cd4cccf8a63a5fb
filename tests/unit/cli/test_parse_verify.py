"""The command line of `img2dataset verify`."""

from __future__ import annotations

import pytest

from img2dataset.cli.help import make_help
from img2dataset.cli.parse_verify import GRAMMAR, VerifyOptions, parse_verify
from img2dataset.errors import OptionError


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["out"], VerifyOptions("out")),
        (["out", "--deep"], VerifyOptions("out", deep=True)),
        (["--deep=True", "out"], VerifyOptions("out", deep=True)),
        (["--deep=False", "out"], VerifyOptions("out")),
        (["--deep", "false", "out"], VerifyOptions("out")),
        (["--deep", "out", "--repair", "true"], VerifyOptions("out", deep=True, repair=True)),
        (["out", "--deep", "--nodeep"], VerifyOptions("out")),
        (["out", "--no-allow-gaps", "--no_repair"], VerifyOptions("out")),
        (["out", "--allow-gaps=yes"], VerifyOptions("out", allow_gaps=True)),
        (["--output_folder", "out", "--deep=1"], VerifyOptions("out", deep=True)),
        (["--output-folder=out", "--deep=0"], VerifyOptions("out")),
    ],
)
def test_switches_are_read_as_those_of_a_run(words: list[str], asked: VerifyOptions) -> None:
    assert parse_verify(words) == asked


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["out", "--deep=maybe"], "--deep is 'maybe': it must be True or False"),
        (["out", "--nodeep=True"], "unknown option --nodeep=True"),
        (["out", "--output_folder"], "--output_folder needs a value"),
    ],
)
def test_what_is_no_value_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        parse_verify(words)


def test_both_helps_name_every_switch() -> None:
    own = parse_verify(["--help"])
    assert isinstance(own, str)
    for name in GRAMMAR.switches:
        assert f"[--{name}]" in own
        assert f"[--{name}]" in make_help()
