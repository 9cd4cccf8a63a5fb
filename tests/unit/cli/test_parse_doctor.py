"""The command line of `img2dataset doctor`."""

from __future__ import annotations

import pytest

from img2dataset.cli.help import make_help
from img2dataset.cli.parse_doctor import DoctorOptions, parse_doctor
from img2dataset.errors import OptionError
from img2dataset.options import Options


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], DoctorOptions(Options(None))),
        (["a.txt", "--report"], DoctorOptions(Options("a.txt"), report=True)),
        (
            ["a.txt", "out", "--nocard"],
            DoctorOptions(Options("a.txt", output_folder="out", card=False)),
        ),
        (["--retries", "2", "-"], DoctorOptions(Options("-", retries=2))),
        (["--verbose", "a.txt"], DoctorOptions(Options("a.txt", verbose=True))),
    ],
)
def test_the_list_and_the_folder_stand_among_options(
    words: list[str], asked: DoctorOptions
) -> None:
    assert parse_doctor(words) == asked


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a", "b", "c"], "doctor takes a list and a folder, not a b c"),
        (["--report=yes"], "--report takes no value"),
        (["--thread_count=0"], "thread_count is 0"),
        (["--tread_count=1"], "unknown option --tread_count"),
    ],
)
def test_what_cannot_be_understood_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(OptionError, match=f"^{said}"):
        parse_doctor(words)


def test_help_is_shown_in_80_columns() -> None:
    text = parse_doctor(["--help"])

    assert isinstance(text, str)
    assert max(map(len, text.splitlines())) <= 80
    assert "img2dataset doctor [URL_LIST" in make_help()
