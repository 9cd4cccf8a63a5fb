"""A list that has changed, and the shards made from it before -> those that it would not give.

What is stored is the record: the table of a shard holds the rows that it was made from.  A
shard whose rows are still those of the list stays, whatever became of the file they are in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from img2dataset.dataset.identity import fingerprints
from img2dataset.errors import RunError
from img2dataset.records import URL, Shard
from img2dataset.sources import InputFile, Source, SourceConfig, close_tables, load_table
from img2dataset.sources.config import wanted_columns
from img2dataset.storage.folder import Folder
from img2dataset.storage.reading import open_stored

if TYPE_CHECKING:
    import pyarrow as pa

IsSame = Callable[[Shard], bool]


@dataclass(frozen=True, slots=True)
class ListCheck:
    """The list as it is, asked what of it is stored."""

    source: Source
    rows_per_shard: int
    is_same: IsSame
    """Whether a shard that is stored has the rows that the list gives it."""

    def touched(
        self, before: Sequence[Mapping[str, Any]], first_id: int, done: frozenset[int]
    ) -> Mapping[int, str]:
        """What `shards.Comparison` asks: see there."""
        own = frozenset(each for each in done if each >= first_id)
        listed = list[int]()
        close_tables()  # of a file as it was, if this process has read it before
        try:
            shards = self._done_shards(first_id, own, listed)
            found = compare(shards, self.source.files, fingerprints(before), self.is_same)
        finally:
            close_tables()
        return found | dict.fromkeys(sorted(own.difference(listed)), "")

    def _done_shards(
        self, first_id: int, done: frozenset[int], listed: list[int]
    ) -> Iterator[Shard]:
        """Those shards of the list that are done; their ids are noted in `listed`."""
        for shard in self.source.shards(self.rows_per_shard, first_id):
            if shard.id > max(done, default=-1):
                return
            if shard.id in done:
                listed.append(shard.id)
                yield shard


def count_same(before: Sequence[Any], now: Sequence[Any]) -> int:
    """How many files at the start of the list are as they were; so are their shards."""
    pairs = enumerate(zip(before, now, strict=False))
    return next((number for number, (old, new) in pairs if old != new), min(len(before), len(now)))


def compare(
    shards: Iterable[Shard],
    files: Sequence[InputFile],
    before: Sequence[tuple[Any, Any]],
    is_same: IsSame,
) -> dict[int, str]:
    """Shards that are not the same, with their files.

    Files at the start of the list that are as they were are not asked.  Of another such file
    the first and the last shard tell whether all are the same: they may only have moved.
    """
    kept = frozenset(before)
    same_start = count_same(before, [(file.size, file.fingerprint) for file in files])
    touched: dict[int, str] = {}
    begun: dict[int, bool] = {}
    ids: list[int] = []
    asked = (shard for shard in shards if shard.file >= same_start)
    for shard, after in with_next(asked):
        file = files[shard.file]
        is_kept = (file.size, file.fingerprint) in kept
        is_first = shard.file not in begun
        is_last = after is None or after.file != shard.file
        same = is_same(shard) if is_first or is_last or not is_kept else begun[shard.file]
        begun.setdefault(shard.file, same)
        if is_first:
            ids.clear()
        ids.append(shard.id)
        if not same:
            touched[shard.id] = file.url
        if is_kept and is_last and not same:
            touched.update(dict.fromkeys(ids, file.url))
    return touched


def with_next(shards: Iterable[Shard]) -> Iterator[tuple[Shard, Shard | None]]:
    """Each shard, and the one after it."""
    held: Shard | None = None
    for shard in shards:
        if held is not None:
            yield held, shard
        held = shard
    if held is not None:
        yield held, None


def same_rows(folder: Folder, config: SourceConfig, name_of: Callable[[int], str]) -> IsSame:
    """Whether a shard that is stored has the rows that the list gives it."""

    def is_same(shard: Shard) -> bool:
        try:
            stored = folder.do(lambda: stored_columns(folder, name_of(shard.id), config))
        except OSError as error:
            raise RunError(f"{folder.url} cannot be read: {error}") from error
        return stored is not None and are_same(
            stored, columns_of(load_table(shard, config), config)
        )

    return is_same


def compared_names(config: SourceConfig) -> list[str]:
    """The columns of the list that are stored as they are: a verified hash is replaced."""
    hash_type = None if config.verify_hash is None else config.verify_hash[1]
    return [column.name for column in wanted_columns(config) if column.name != hash_type]


def stored_columns(folder: Folder, name: str, config: SourceConfig) -> dict[str, list[Any]] | None:
    """What the table of a stored shard has from the list, in its order; None if it cannot tell."""
    import pyarrow as pa  # noqa: PLC0415  (few runs compare)
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        with open_stored(folder, f"{name}.parquet") as file:
            table = pq.ParquetFile(file).read(columns=["key", *compared_names(config)])
        # the old tool stored rows as they came in
        return columns_of(table.sort_by("key"), config)
    except (FileNotFoundError, KeyError, pa.ArrowException):
        return None


def columns_of(table: pa.Table, config: SourceConfig) -> dict[str, list[Any]]:
    return {name: table.column(name).to_pylist() for name in compared_names(config)}


def are_same(stored: Mapping[str, Sequence[Any]], listed: Mapping[str, Sequence[Any]]) -> bool:
    """Whether all values are, whatever the types of the columns."""
    return all(
        len(stored[name]) == len(values)
        and all(
            plain(name, old) == plain(name, new)
            for old, new in zip(stored[name], values, strict=True)
        )
        for name, values in listed.items()
    )


def plain(name: str, value: Any) -> Any:
    """A value that equals itself, as NaN does not; of URLs the old tool kept blanks."""
    if name == URL:
        return (value or "").strip()
    return "NaN" if value != value else value  # noqa: PLR0124
