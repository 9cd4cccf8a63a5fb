"""The words of a command that takes the options of a run -> its own flags, and the rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from img2dataset.cli.parse import takes_value
from img2dataset.errors import OptionError


@dataclass(frozen=True, slots=True)
class OwnFlags:
    """The flags of a command that are no options of a run."""

    switches: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    """Flags with a value."""


@dataclass(slots=True)
class FoundFlags:
    """Those that were given."""

    switches: set[str] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)

    def read_number(self, name: str, default: int) -> int:
        """Return the value of a flag as a whole number.

        Raises:
            OptionError: it is none.
        """
        text = self.values.get(name)
        if text is None:
            return default
        try:
            return int(text)
        except ValueError as error:
            raise OptionError(f"--{name} is {text!r}: it must be a whole number") from error


def split_flags(own: OwnFlags, argv: Sequence[str]) -> tuple[FoundFlags, list[str]]:
    """Take the flags of a command out of its words.

    Raises:
        OptionError: one lacks its value, or has one that it does not take.
    """
    found, rest = FoundFlags(), list[str]()
    words = deque(argv)
    while words:
        word = words.popleft()
        spelled, equals, text = word.partition("=")
        name = spelled.lstrip("-").replace("-", "_") if word.startswith("--") else ""
        if name in own.switches:
            if equals:
                raise OptionError(f"{spelled} takes no value")
            found.switches.add(name)
        elif name in own.values:
            if not equals and not words:
                raise OptionError(f"{spelled} needs a value: write {spelled}=value")
            found.values[name] = text if equals else words.popleft()
        else:
            rest.append(word)
    return found, rest


def split_plain(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part the words without a flag from the options of a run, with their values.

    Raises:
        OptionError: an option is unknown.
    """
    plain, flags = list[str](), list[str]()
    words = deque(argv)
    while words:
        word = words.popleft()
        if not word.startswith("-") or word == "-":
            plain.append(word)
            continue
        flags.append(word)
        if "=" not in word and words and takes_value(word, words[0]):
            flags.append(words.popleft())
    return plain, flags
