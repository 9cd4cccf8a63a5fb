"""The boxes of an ISO media file, and the numbers in them."""

from __future__ import annotations

from collections.abc import Iterator

MAX_BOXES = 70_000
"""In one box; a grid may have 65,536 cells."""


class Box:
    """A box of a file; read from its beginning, number by number."""

    __slots__ = ("_data", "at", "end", "kind")

    def __init__(self, data: bytes, kind: bytes, start: int, end: int) -> None:
        self._data = data
        self.kind = kind
        self.at = start
        self.end = min(end, len(data))

    @property
    def ended(self) -> bool:
        return self.at >= self.end

    def take(self, size: int) -> int:
        """Read the next `size` bytes as a number; behind the end there are zeros."""
        return int.from_bytes(self.raw(size).ljust(size, b"\0"), "big")

    def raw(self, size: int) -> bytes:
        """Read the next bytes, as far as there are any."""
        start, self.at = self.at, self.at + size
        return self._data[start : min(self.at, self.end)]

    def children(self) -> Iterator[Box]:
        """Yield the boxes in what is not read yet."""
        at = self.at
        for _ in range(MAX_BOXES):
            if at + 8 > self.end:
                return
            head = Box(self._data, b"", at, self.end)
            size, kind = head.take(4), head.raw(4)
            size = head.take(8) if size == 1 else size or self.end - at
            if at + size < head.at:
                return
            yield Box(self._data, kind, head.at, min(at + size, self.end))
            at += size


def walk_boxes(data: bytes) -> Iterator[Box]:
    """Yield the boxes of a file."""
    return Box(data, b"", 0, len(data)).children()
