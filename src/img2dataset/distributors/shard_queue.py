"""The shards of a run -> the next one to give out; those that fail come again, or are given up.

What every distributor has in common: it decides, and knows nothing of processes and clusters.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from img2dataset.distributors import Handle, Notice, ShardLost, ShardStored
from img2dataset.errors import SourceError
from img2dataset.records import Shard


class ShardQueue:
    """Give out each shard of a list once, and each that failed up to `max_retries` times more.

    If the list cannot be read to its end, the shards read before are finished first.
    Used from one thread.
    """

    def __init__(self, shards: Iterator[Shard], max_retries: int, handle: Handle) -> None:
        self._shards = shards
        self._max_retries = max_retries
        self._handle = handle
        self._read_ahead: deque[Shard] = deque()
        self._to_retry: deque[Shard] = deque()
        self._attempts: dict[int, int] = {}
        self._errors: dict[int, str] = {}  # the last one of each shard that is not stored
        self._source_error: SourceError | None = None
        self.shards_read = 0
        self.all_read = False
        """Whether the list has no more shards."""

    @property
    def has_retries(self) -> bool:
        return bool(self._to_retry)

    @property
    def has_read_ahead(self) -> bool:
        return bool(self._read_ahead)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to give out, now or later, unless a shard fails."""
        return self.all_read and not self._read_ahead and not self._to_retry

    def next_new(self) -> Shard | None:
        """The next shard that was not given out before; None if there is none."""
        return self._read_ahead.popleft() if self._read_ahead else self._read()

    def next_retry(self) -> Shard | None:
        """The next shard that failed and is to be retried; None if there is none for now."""
        return self._to_retry.popleft() if self._to_retry else None

    def read_ahead(self) -> bool:
        """Read one more shard of the list and keep it for `next_new`; return whether there is one."""
        shard = self._read()
        if shard is None:
            return False
        self._read_ahead.append(shard)
        return True

    def _read(self) -> Shard | None:
        if self.all_read:
            return None
        try:
            shard = next(self._shards, None)
        except SourceError as error:
            self._source_error = error
            shard = None
        self.all_read = shard is None
        self.shards_read += shard is not None
        return shard

    def note_stored(self, stored: ShardStored) -> None:
        """A shard is stored, whatever earlier attempts at it said."""
        self._errors.pop(stored.result.id, None)
        self._handle(stored)

    def give_back(
        self, shard: Shard, error: str, *, once_more: bool = False, final: bool = False
    ) -> bool:
        """Take back a shard that was not stored; return whether it will be retried.

        With `once_more` it is retried however many attempts it has had; with `final` it is given
        up at once.
        """
        self._errors[shard.id] = error
        self._handle(ShardLost(shard.id))
        attempts = self._attempts[shard.id] = self._attempts.get(shard.id, 0) + 1
        retried = once_more or (attempts <= self._max_retries and not final)
        if retried:
            self._to_retry.append(shard)
        return retried

    def finish(self) -> dict[int, str]:
        """Return the shards that were given up, with their last errors; call it when all is done.

        Raises:
            SourceError: the list was not read to its end.
        """
        if self._source_error is not None:
            raise self._source_error
        return self._errors


def skip_repeated_notices(handle: Handle) -> Callable[[Notice], None]:
    """Pass notices on to `handle`, the first of each subject only: other workers say the same."""
    seen: set[str] = set()

    def pass_on(notice: Notice) -> None:
        if notice.subject not in seen:
            seen.add(notice.subject)
            handle(notice)

    return pass_on
