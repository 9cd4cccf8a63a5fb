"""The registry of output formats: a line for each."""

from __future__ import annotations

from enum import Enum


class OutputFormat(str, Enum):
    """How samples are stored.  The format "x" is declared in the module `img2dataset.formats.x`."""

    hint: str
    """What --help says of it in parentheses."""

    def __new__(cls, value: str, hint: str = "") -> OutputFormat:  # noqa: PYI034  (Self is new in 3.11)
        member = str.__new__(cls, value)
        member._value_ = value
        member.hint = hint
        return member

    FILES = "files"
    WEBDATASET = "webdataset", "tar"
    PARQUET = "parquet"
    TFRECORD = "tfrecord"
    DUMMY = "dummy", "download and resize, store nothing"


NAMES: tuple[str, ...] = tuple(each.value for each in OutputFormat)


def describe_formats() -> str:
    """The formats as --help lists them."""
    *others, last = (
        f"{each.value} ({each.hint})" if each.hint else each.value for each in OutputFormat
    )
    return f"{', '.join(others)}, or {last}"
