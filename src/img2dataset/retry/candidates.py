"""Stats files of stored shards -> the shards that may have rows with transient failures."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from img2dataset.dataset.stats import parse_stats, stats_name
from img2dataset.errors import RunError
from img2dataset.messages import is_transient
from img2dataset.storage.folder import Folder
from img2dataset.storage.reading import read_many
from img2dataset.tally import OTHER

MAX_FILES_READ_TOGETHER = 500
"""Stats files are read together: object stores are slow one by one."""


class Candidates:
    """The shards that may have transient failures; asked for shards in the order of their ids."""

    def __init__(self, folder: Folder, done: Iterable[int], name_of: Callable[[int], str]) -> None:
        self._folder = folder
        self._left = deque(sorted(done))
        self._name_of = name_of
        self._known: dict[int, bool] = {}

    def __contains__(self, shard_id: int) -> bool:
        while self._left and self._left[0] <= shard_id:
            self._read(
                [self._left.popleft() for _ in range(min(MAX_FILES_READ_TOGETHER, len(self._left)))]
            )
        return self._known.get(shard_id, False)

    def _read(self, ids: list[int]) -> None:
        names = {shard_id: stats_name(self._name_of(shard_id)) for shard_id in ids}
        try:
            found = read_many(self._folder, list(names.values()))
        except OSError as error:
            raise RunError(f"{self._folder.url} cannot be read: {error}") from error
        self._known = {
            shard_id: name in found and may_have_transient_failures(found[name])
            for shard_id, name in names.items()
        }


def may_have_transient_failures(data: bytes) -> bool:
    """Return whether the stats allow for transient failures; they omit labels beyond a limit."""
    try:
        tally = parse_stats(data)
    except ValueError:  # the table decides
        return True
    named = sum(count for label, count in tally.labels.items() if label != OTHER)
    return named < tally.count or any(map(is_transient, tally.labels))
