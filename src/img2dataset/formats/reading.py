"""A file -> an exact number of its bytes."""

from __future__ import annotations

from typing import Protocol

from img2dataset.errors import DamagedError


class Readable(Protocol):
    """A stream that is read from its beginning to its end."""

    def read(self, size: int, /) -> bytes: ...


def read_exactly(file: Readable, size: int, kind: str) -> bytes:
    """Read the next `size` bytes; one read of a stream may return fewer.

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
