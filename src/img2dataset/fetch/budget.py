"""Bodies that wait to be read -> which of them may be, so that memory has a ceiling.

A body's space is reserved before it is read, as far as its length is known, so that what has
begun can be finished.  A body for which there is no space is not read: its server waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

RESERVE_STEP_BYTES = 256 * 1024
"""Bytes reserved for a body of unknown length, and again whenever it is longer than expected."""
MAX_PROMISED_BYTES = 16_000_000
"""Bytes reserved at most for a length that is only announced."""


class Budget:
    """Bytes of bodies that may be held at once, and those of one body more.

    One body may go beyond what is free, until it ends, so that there is always one which does
    not wait, and never two.
    """

    __slots__ = ("_beyond", "_free", "reserved", "waiting")

    def __init__(self, free: Callable[[], int]) -> None:
        """`free` returns the bytes that all bodies which are being read may take together."""
        self._free = free
        self._beyond: Any = None
        """The owner of the body that has gone beyond the limit."""
        self.reserved = 0
        self.waiting: deque[Any] = deque()
        """Owners of bodies that wait for space, in their order."""

    @property
    def has_space(self) -> bool:
        """Whether a body that waits may try again."""
        return self._beyond is None or self.reserved + RESERVE_STEP_BYTES <= self._free()

    def take(self, owner: Any, size: int) -> bool:
        """Reserve `size` bytes for the body of `owner`, if there is space for them."""
        if self.reserved + size > self._free():
            if self._beyond is not None and self._beyond is not owner:
                return False
            self._beyond = owner
        self.reserved += size
        return True

    def leave(self, owner: Any) -> None:
        """Note that the body of `owner` has ended."""
        if self._beyond is owner:
            self._beyond = None
