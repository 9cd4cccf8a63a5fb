"""A file -> exactly so many bytes of it."""

from __future__ import annotations

from typing import Protocol

from img2dataset.errors import DamagedError


class Readable(Protocol):
    """What a file is read from, from its beginning to its end."""

    def read(self, size: int, /) -> bytes: ...


def read_exactly(file: Readable, size: int, kind: str) -> bytes:
    """The next `size` bytes; a stream may hand over less at a time.

    Raises:
        DamagedError: the file ends before.
    """
    data = file.read(size)
    while len(data) < size:
        more = file.read(size - len(data))
        if not more:
            raise DamagedError(f"{kind}: cut short")
        data += more
    return data
