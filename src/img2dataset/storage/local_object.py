"""Paths of a local file -> its bytes.  Only regular files: nothing else is opened for reading.

A FIFO would wait for a writer, a device may do anything; a list must be able to do neither.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from img2dataset.errors import Img2datasetError

# without it the opening of a FIFO that has taken the place of a file meanwhile would wait
FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
PIECE_BYTES = 4_000_000


class ObjectError(Img2datasetError):
    """There is no object that is read whole."""


class TooLargeError(ObjectError):
    """It has more bytes than allowed."""


class TornError(ObjectError):
    """It has another length than its store says: it is being written, or the answer was cut."""


class NotAFileError(ObjectError):
    """It is a folder, a device, a FIFO or a socket."""


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What a store says of an object; None = nothing."""

    content_type: str | None = None
    etag: str | None = None
    changed_at: float | None = None
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object, whole."""

    data: bytes = field(repr=False)
    facts: ObjectFacts | None = None


class LocalLimits(Protocol):
    """The part of `objects.ReadLimits` that a file needs."""

    @property
    def most_bytes(self) -> int: ...

    @property
    def reserve(self) -> Callable[[int], None]: ...

    @property
    def wants_facts(self) -> bool: ...


def read_local(paths: Sequence[str], limits: LocalLimits) -> StoredObject:
    """Read the first of these files that exists; links are followed.

    Raises:
        OSError: there is none, or it cannot be read.
        NotAFileError: it is no regular file.
    """
    path = next((each for each in paths[:-1] if os.path.lexists(each)), paths[-1] if paths else "")
    return read_file(path, limits)


def read_file(path: str, limits: LocalLimits) -> StoredObject:
    check_regular(os.stat(path).st_mode, path)  # noqa: PTH116  (bytes of any name, many files)
    number = os.open(path, FLAGS)
    try:
        found = os.fstat(number)
        check_regular(found.st_mode, path)
        if found.st_size > limits.most_bytes:
            raise TooLargeError(path)
        limits.reserve(found.st_size)
        data = read_bytes(number, found.st_size)
    finally:
        os.close(number)
    if len(data) != found.st_size:
        raise TornError(path)
    facts = ObjectFacts(changed_at=found.st_mtime) if limits.wants_facts else None
    return StoredObject(data, facts)


def read_bytes(number: int, size: int) -> bytes:
    """Read `size` bytes, or to the end."""
    first = os.read(number, size)
    if len(first) == size:
        return first
    pieces = [first]
    length = len(first)
    while length < size and (piece := os.read(number, min(PIECE_BYTES, size - length))):
        pieces.append(piece)
        length += len(piece)
    return b"".join(pieces)


def check_regular(mode: int, path: str) -> None:
    if not stat.S_ISREG(mode):
        raise NotAFileError(path)
