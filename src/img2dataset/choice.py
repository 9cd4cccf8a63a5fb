"""A closed set of texts, from which help, checks, types and docs are made."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Choice(StrEnum):
    """A closed set of texts."""

    hint: str
    """What --help says of the value; empty where its name says it."""

    def __new__(cls, value: str, hint: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.hint = hint
        return member

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The allowed values, in the order of declaration."""
        return tuple(member.value for member in cls)

    @classmethod
    def listed(cls) -> str:
        """The allowed values in one sentence: "jpg, png or webp"."""
        *others, last = cls.names()
        return f"{', '.join(others)} or {last}"

    @classmethod
    def explained(cls) -> str:
        """Each value with its hint: "no: as it is; border: ..."."""
        return "; ".join(f"{member.value}: {member.hint}" for member in cls)
