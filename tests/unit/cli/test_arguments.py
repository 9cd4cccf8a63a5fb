"""What a command line is refused for; what it means is in tests/compat/test_command_line.py."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from img2dataset.cli.parse import parse
from img2dataset.errors import OptionError
from img2dataset.options import Options


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "url_list is missing"),
        (["--image_size=3"], "url_list is missing"),
        (["u", "--thread_cout=3"], "unknown option --thread_cout: did you mean --thread_count?"),
        (["u", "--output-foldr", "x"], "did you mean --output_folder?"),
        (["u", "--qqq"], "unknown option --qqq: img2dataset --help"),
        (["u", "-z"], "unknown option -z"),
        (
            ["u", "--no-image_size"],
            "--no-image_size: image_size is no switch: write --image_size=value",
        ),
        (["u", "--noextract_exif=False"], "--noextract_exif takes no value"),
        (["u", "--image_size"], "--image_size needs a value: write --image_size=value"),
        (["u", "--image_size", "--timeout=3"], "--image_size needs a value"),
        (["u", "--image_size=abc"], "image_size is 'abc': it must be a whole number"),
        (["u", "--image_size=1.5"], "image_size is '1.5': it must be a whole number"),
        (["u", "--image_size=-5"], "image_size is -5: it must be 1 to 65500"),
        (["u", "--image_size", "-5"], "image_size is -5: it must be 1 to 65500"),
        (["u", "--image_size=None"], "image_size is 'None': it must be a whole number"),
        (["u", "--max_image_area=big"], "max_image_area is 'big': it must be a number"),
        (["u", "--max_image_area=nan"], "max_image_area is nan: it must be 0 or more"),
        (["u", "--extract_exif=maybe"], "extract_exif is 'maybe': it must be True or False"),
        (["u", "--resize_mode=crop"], "resize_mode is 'crop': it must be one of no, border"),
        (["u", "--input_format=jsnl"], "; did you mean jsonl?"),
        (["u", "--incremental_mode=Retry"], "; did you mean retry?"),
        (
            ["u", "--save_additional_columns="],
            "save_additional_columns is '': it must be a list of texts or None",
        ),
        (["u", "256", "out", "x"], "processes_count is 'x': it must be a whole number"),
        (["u"] * 100, "too many values"),
    ],
)
def test_a_wrong_command_line_is_refused_in_one_line(argv: list[str], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse(argv)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("urls.txt", "urls.txt"),
        ("a.txt,b.txt", "a.txt,b.txt"),
        ('["a.txt", "b.txt"]', ["a.txt", "b.txt"]),
        ("['a.txt']", ["a.txt"]),
        ("[a.txt,b.txt]", ["a.txt", "b.txt"]),
        ("[ab]*.txt", "[ab]*.txt"),
        ("[0-9][0-9]", "[0-9][0-9]"),
        ("[a,b]*[0-9]", "[a,b]*[0-9]"),
        ("2020", "2020"),
    ],
)
def test_a_url_list_is_a_text_or_several(text: str, value: Any) -> None:
    read = parse([f"--url_list={text}"])

    assert isinstance(read, Options)
    assert read.url_list == value


def test_after_two_dashes_everything_is_a_value() -> None:
    read = parse(["--", "-list.txt"])

    assert isinstance(read, Options)
    assert read.url_list == "-list.txt"


@pytest.mark.parametrize("argv", [["-h"], ["--help"], ["u", "--help", "--nonsense"]])
def test_help_is_answered_wherever_it_stands(argv: list[str]) -> None:
    assert "Examples:" in str(parse(argv))


@pytest.mark.parametrize("text", ["[" * 5000, "(" * 5000, "[" + "-" * 200_000, "['\\x']", "\0"])
def test_hostile_text_in_a_list_is_only_text(text: str) -> None:
    assert isinstance(parse(["u", f"--save_additional_columns={text}"]), Options)


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [(["u", "-o", "out"], "output_folder", "out"), (["u", "-j", "3"], "processes_count", 3)],
)
def test_short_forms_that_hands_type(argv: list[str], name: str, value: Any) -> None:
    options = parse(argv)

    assert isinstance(options, Options)
    assert getattr(options, name) == value


@pytest.mark.parametrize("word", ["version", "-V", "-v", "--version"])
def test_the_version_is_asked_for_in_many_ways(word: str) -> None:
    assert str(parse([word])).startswith("img2dataset ")


@pytest.mark.parametrize("word", ["help", "-h", "--help"])
def test_help_is_asked_for_in_many_ways(word: str) -> None:
    assert "Usage:" in str(parse([word]))


@pytest.mark.parametrize("word", ["help", "version"])
def test_a_list_may_be_called_as_a_switch_is(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / word).write_text("http://127.0.0.1/a.jpg")

    options = parse([word])

    assert isinstance(options, Options)
    assert options.url_list == word


def test_only_the_options_of_the_old_tool_are_positional() -> None:
    defaults = [declared.default for declared in fields(Options) if not declared.kw_only]
    texts = ["list.txt", *map(str, defaults[1:])]

    assert len(texts) == 38
    assert parse(texts) == Options("list.txt")
    with pytest.raises(OptionError, match="too many values: nothing is left for '1000'"):
        parse([*texts, "1000"])
    assert parse([*texts, "--max_image_bytes=1000"]) == Options("list.txt", max_image_bytes=1000)


@pytest.mark.parametrize(
    ("words", "dashboard", "url_list"),
    [
        (["--dashboard", "u.txt"], True, "u.txt"),
        (["u.txt", "--dashboard"], True, "u.txt"),
        (["--dashboard=9000", "u.txt"], 9000, "u.txt"),
        (["--dashboard", "9000", "u.txt"], 9000, "u.txt"),
        (["--dashboard", "false", "u.txt"], False, "u.txt"),
        (["--nodashboard", "u.txt"], False, "u.txt"),
        (["u.txt"], False, "u.txt"),
    ],
)
def test_a_switch_may_name_a_number(words: list[str], dashboard: int, url_list: str) -> None:
    options = parse(words)

    assert isinstance(options, Options)
    assert (type(options.dashboard), options.dashboard) == (type(dashboard), dashboard)
    assert options.url_list == url_list


def test_the_port_of_a_dashboard_is_read_from_a_file(tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    for value in (True, 9000):
        text = parse(["u.txt", f"--dashboard={value}", "--print_config"])
        assert isinstance(text, str)
        config.write_text(text)
        options = parse([f"--config={config}"])
        assert isinstance(options, Options)
        assert options.dashboard == value
