"""argv -> the `Options` of a run, or the text that is to be shown instead.

Nothing heavier than the standard library is imported here, so that --help is instant.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from img2dataset.cli.config import read_config, to_toml
from img2dataset.cli.values import BOOLEANS, parse_value
from img2dataset.errors import OptionError
from img2dataset.options import Options
from img2dataset.version import VERSION

HELP = "help"
VERSION_FLAG = "version"
PRINT_CONFIG = "print_config"
SWITCHES = (HELP, VERSION_FLAG, PRINT_CONFIG)
CONFIG = "config"
SHORT = {
    "h": HELP,
    "V": VERSION_FLAG,
    # as in similar tools
    "o": "output_folder",
    "j": "processes_count",
    # as in 1.47.0
    "b": "bbox_col",
    "n": "number_sample_per_shard",
    "p": "processes_count",
    "v": "verify_hash",
    "w": "wandb_project",
}

TYPES = {declared.name: str(declared.type) for declared in fields(Options)}
"""Name of each option -> its type as declared."""
SWITCH_OR_NUMBER = "SwitchOrNumber"
SWITCH_TYPES = ("bool", SWITCH_OR_NUMBER)
"""Types of the options whose flag needs no value."""
POSITIONAL = [declared.name for declared in fields(Options) if not declared.kw_only]
"""The options that a value without a name may give, in their order."""
SEE_HELP = "img2dataset --help  lists the options"
WORDS = (HELP, VERSION_FLAG)
"""Switches that are understood without dashes too, as the only word."""


@dataclass(slots=True)
class _Arguments:
    """The command line as read so far."""

    switch: str | None = None
    config: str | None = None
    texts: dict[str, str] = field(default_factory=dict)
    positional: list[str] = field(default_factory=list)


def parse(argv: Sequence[str]) -> Options | str:
    """Parse `argv`, without the program's name: the options of a run, or a text to show.

    Raises:
        OptionError: it cannot be understood, or a value is not allowed.
    """
    given = _read_single_word(argv) or _read(argv)
    if given.switch == HELP:
        from img2dataset.cli.help import make_help  # noqa: PLC0415  (no run needs it)

        return make_help()
    if given.switch == VERSION_FLAG:
        return f"img2dataset {VERSION}\n"
    values = _collect_values(given)
    if given.switch == PRINT_CONFIG:  # a file to start from needs no list yet
        return to_toml(Options(**{"url_list": None, **values}))
    if values.get("url_list") is None:
        raise OptionError(f"url_list is missing: give the list of URLs first; {SEE_HELP}")
    return Options(**values)


def read_options(argv: Sequence[str]) -> dict[str, Any]:
    """Read flags of options, as of a run: option -> value, not checked yet.

    Raises:
        OptionError: they cannot be understood, or are no options of a run.
    """
    given = _read(argv)
    if given.switch is not None or given.config is not None:
        raise OptionError(f"--{given.switch or CONFIG} is for the command of a run")
    return _collect_values(given)


def _read_single_word(argv: Sequence[str]) -> _Arguments | None:
    """What `help`, `version` or `-v` alone ask for, unless that is the name of a list."""
    if len(argv) != 1:
        return None
    word = argv[0]
    if word in WORDS and not os.path.lexists(word):
        return _Arguments(switch=word)
    # with a value it is verify_hash, as it was
    return _Arguments(switch=VERSION_FLAG) if word == "-v" else None


def _collect_values(given: _Arguments) -> dict[str, Any]:
    values = _read_file_values(given.config) if given.config is not None else {}
    texts = {**given.texts, **_place_positional(given.positional, given.texts)}
    return values | {name: parse_value(TYPES[name], text) for name, text in texts.items()}


def _read(argv: Sequence[str]) -> _Arguments:
    given = _Arguments()
    words = deque(argv)
    while words:
        word = words.popleft()
        if word == "--":
            given.positional.extend(words)
            return given
        if not _is_flag(word):
            given.positional.append(word)
            continue
        _read_flag(word, words, given)
        if given.switch in (HELP, VERSION_FLAG):
            return given
    return given


def _read_flag(word: str, rest: deque[str], given: _Arguments) -> None:
    spelled, equals, text = word.partition("=")
    name, negated = _resolve(spelled)
    if negated or name in SWITCHES:
        if equals:
            raise OptionError(f"{spelled} takes no value")
        if negated:
            given.texts[name] = "False"
        else:
            given.switch = name
        return
    if not equals:
        text = _take_value(spelled, name, rest)
    if name == CONFIG:
        given.config = text
    else:
        given.texts[name] = text  # given twice, the last one wins


def _take_value(spelled: str, name: str, rest: deque[str]) -> str:
    """Take the value that follows a flag; a bare boolean takes only True or False."""
    if rest and _takes(name, rest[0]):
        return rest.popleft()
    if TYPES.get(name) in SWITCH_TYPES:
        return "True"
    raise OptionError(f"{spelled} needs a value: write {spelled}=value")


def takes_value(spelled: str, following: str) -> bool:
    """Whether a flag without = takes the word that follows it.

    Raises:
        OptionError: there is no such flag.
    """
    name, negated = _resolve(spelled)
    return not negated and name not in SWITCHES and _takes(name, following)


def _takes(name: str, following: str) -> bool:
    if TYPES.get(name) not in SWITCH_TYPES:
        return not _is_flag(following)
    is_number = TYPES.get(name) == SWITCH_OR_NUMBER and following.isdecimal()
    return is_number or following.lower() in BOOLEANS


def _is_flag(word: str) -> bool:
    return word.startswith("-") and word != "-" and not _is_number(word)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _resolve(spelled: str) -> tuple[str, bool]:
    """The option that a flag names, and whether the flag switches it off."""
    name = spelled.lstrip("-").replace("-", "_")
    name = SHORT.get(name, name)
    if name in TYPES or name in SWITCHES or name == CONFIG:
        return name, False
    for prefix in ("no_", "no"):
        rest = name.removeprefix(prefix)
        if rest != name and rest in TYPES:
            if TYPES[rest] not in SWITCH_TYPES:
                raise OptionError(f"{spelled}: {rest} is no switch: write --{rest}=value")
            return rest, True
    raise OptionError(f"unknown option {spelled}: {_suggest(name, prefix='--')}")


def _suggest(name: str, *, prefix: str = "") -> str:
    known = (*TYPES, *SWITCHES, CONFIG) if prefix else tuple(TYPES)
    from difflib import get_close_matches  # noqa: PLC0415  (for the message of an error)

    close = get_close_matches(name, known, n=1)
    return f"did you mean {prefix}{close[0]}?" if close else SEE_HELP


def _place_positional(positional: Sequence[str], named: Mapping[str, str]) -> dict[str, str]:
    """Give positional values, in order, to the positional options that no flag names."""
    free = [name for name in POSITIONAL if name not in named]
    if len(positional) > len(free):
        raise OptionError(f"too many values: nothing is left for {positional[len(free)]!r}")
    placed = dict(zip(free, positional, strict=False))
    size = placed.get("image_size")
    if size is not None and not _is_number(size):
        first = placed.get("url_list", named.get("url_list", ""))
        raise OptionError(
            f"image_size is {size!r}: it must be a whole number; several lists are written with "
            f"commas: {first},{size}"
        )
    return placed


def _read_file_values(path: str) -> dict[str, Any]:
    """Read a --config file; its texts are parsed like the values of flags."""
    values: dict[str, Any] = {}
    for spelled, value in read_config(path).items():
        name = spelled.replace("-", "_")
        if name not in TYPES:
            raise OptionError(f"--config {path}: unknown option {spelled}: {_suggest(name)}")
        values[name] = parse_value(TYPES[name], value) if isinstance(value, str) else value
    return values
