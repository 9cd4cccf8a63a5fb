"""The words after the name of a command -> its folder, switches and values.

Shared by all commands but that of a run, whose words are options of `Options`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from img2dataset.cli.values import BOOLEANS
from img2dataset.errors import OptionError

FOLDER = "output_folder"
HELP = ("help", "h")


@dataclass(frozen=True, slots=True)
class CommandWords:
    """The words of a command, sorted."""

    folder: str
    others: tuple[str, ...] = ()
    """What else has no flag, of a command that takes more than a folder."""
    switches: dict[str, bool] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grammar:
    """Which words a command takes."""

    command: str
    switches: tuple[str, ...] = ()
    """Names of options that are True or False."""
    values: tuple[str, ...] = ()
    """Names of options that have a value."""
    others: tuple[str, ...] = ()
    """What follows the folder, as messages name it."""

    @property
    def see_help(self) -> str:
        return f"img2dataset {self.command} --help  lists the options"


def read_words(grammar: Grammar, argv: Sequence[str]) -> CommandWords | None:
    """Sort the words of a command; None if its help is asked for.

    Raises:
        OptionError: they cannot be understood.
    """
    plain: list[str] = []
    switches: dict[str, bool] = {}
    values: dict[str, str] = {}
    words = deque(argv)
    while words:
        word = words.popleft()
        spelled, equals, text = word.partition("=")
        name = spelled.lstrip("-").replace("-", "_")
        if not word.startswith("-"):
            plain.append(word)
        elif name in HELP:
            return None
        elif name == FOLDER:
            plain.insert(0, text if equals else _take_value(spelled, words))
        elif name in grammar.switches:
            if not equals:  # as the command for a run: it takes only what can be its value
                text = words.popleft() if words and words[0].lower() in BOOLEANS else "true"
            switches[name] = _parse_boolean(spelled, text)
        elif (negated := _find_negated(name, grammar)) and not equals:
            switches[negated] = False
        elif name in grammar.values:
            values[name] = text if equals else _take_value(spelled, words)
        else:
            raise OptionError(f"unknown option {word}{_suggest(name, grammar)}: {grammar.see_help}")
    _check_plain(plain, grammar)
    return CommandWords(plain[0], tuple(plain[1:]), switches, values)


def _check_plain(plain: Sequence[str], grammar: Grammar) -> None:
    wanted = ("a folder", *grammar.others)
    if len(plain) == len(wanted):
        return
    given = f"not {' '.join(plain)}" if plain else "no folder is given"
    raise OptionError(
        f"{grammar.command} takes {' and '.join(wanted)}, {given}; {grammar.see_help}"
    )


def _find_negated(name: str, grammar: Grammar) -> str | None:
    for prefix in ("no_", "no"):
        if name.removeprefix(prefix) in grammar.switches and name.startswith(prefix):
            return name.removeprefix(prefix)
    return None


def _suggest(name: str, grammar: Grammar) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  (for the message of an error)

    near = get_close_matches(name, (*grammar.switches, *grammar.values, FOLDER), n=1)
    return f"; did you mean --{near[0]}?" if near else ""


def _take_value(spelled: str, words: deque[str]) -> str:
    if not words:
        raise OptionError(f"{spelled} needs a value: write {spelled}=value")
    return words.popleft()


def _parse_boolean(spelled: str, text: str) -> bool:
    if text.lower() not in BOOLEANS:
        raise OptionError(f"{spelled} is {text!r}: it must be True or False")
    return BOOLEANS[text.lower()]
