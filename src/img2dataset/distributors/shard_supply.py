"""The shards of a list -> one after the other, and at the end what was wrong with the list."""

from __future__ import annotations

from collections.abc import Iterator

from img2dataset.errors import SourceError
from img2dataset.records import Shard


class Supply:
    """Gives out shards as they are read.  If the list cannot be read on, what was read before is
    finished first."""

    def __init__(self, shards: Iterator[Shard]) -> None:
        self._shards = shards
        self._error: SourceError | None = None
        self.count = 0
        """Shards given out."""
        self.over = False
        """Whether there are no more."""

    def next(self) -> Shard | None:
        """The next shard; None at the end."""
        if self.over:
            return None
        try:
            shard = next(self._shards, None)
        except SourceError as error:
            self._error = error
            shard = None
        self.over = shard is None
        self.count += shard is not None
        return shard

    def check(self) -> None:
        """To be called when all is done.

        Raises:
            SourceError: the list was not read to its end.
        """
        if self._error is not None:
            raise self._error
