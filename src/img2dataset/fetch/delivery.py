"""Where bodies go: what the engine asks of the stages after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from img2dataset.records import Body, Failure, Row

Deliver = Callable[[Row, Body | Failure], None]
"""Takes a row and what became of it, once, in the engine's thread; must be quick."""


class Room(Protocol):
    """How much the stages after the engine can take."""

    @property
    def full(self) -> bool:
        """Whether no other transfer may be started for now."""
        ...

    @property
    def free_bytes(self) -> int:
        """Bytes that bodies may take which are still arriving."""
        ...
