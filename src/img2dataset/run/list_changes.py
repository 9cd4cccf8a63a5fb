"""A changed list and the stored shards -> the shards whose rows the list no longer has.

The stored tables are the record: the table of a shard holds the rows that it was made from.  A
shard whose rows are still in the list stays, whatever happened to the file that holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from img2dataset.dataset.identity import list_fingerprints
from img2dataset.errors import RunError
from img2dataset.records import URL, Shard
from img2dataset.sources import InputFile, Source, SourceConfig, close_tables, load_table
from img2dataset.sources.columns import list_columns
from img2dataset.storage.folder import Folder
from img2dataset.storage.reading import open_stored

if TYPE_CHECKING:
    import pyarrow as pa

IsSame = Callable[[Shard], bool]


@dataclass(frozen=True, slots=True)
class ListCheck:
    """Compare the current list with the stored shards."""

    source: Source
    rows_per_shard: int
    is_same: IsSame
    """Whether a stored shard has the rows that the list gives it."""
    is_shuffled: bool = False
    """Whether a shard has rows of many files: then any change can touch all shards."""

    def touched(
        self, before: Sequence[Mapping[str, Any]], first_id: int, done: frozenset[int]
    ) -> Mapping[int, str]:
        """Find the stored shards that the list changes; see `dataset.plan.Comparison`."""
        own = frozenset(each for each in done if each >= first_id)
        listed = list[int]()
        close_tables()  # of a file as it was, if this process has read it before
        try:
            shards = self._done_shards(first_id, own, listed)
            known = () if self.is_shuffled else list_fingerprints(before)
            found = find_touched_shards(shards, self.source.files, known, self.is_same)
            if self.is_shuffled:
                found = dict.fromkeys(found, "of a shuffled list")
        finally:
            close_tables()
        return found | dict.fromkeys(sorted(own.difference(listed)), "")

    def _done_shards(
        self, first_id: int, done: frozenset[int], listed: list[int]
    ) -> Iterator[Shard]:
        """Yield the shards of the list that are done, and append their ids to `listed`."""
        for shard in self.source.shards(self.rows_per_shard, first_id):
            if shard.id > max(done, default=-1):
                return
            if shard.id in done:
                listed.append(shard.id)
                yield shard


def count_unchanged_files(before: Sequence[Any], now: Sequence[Any]) -> int:
    """Count the files at the start of the list that are unchanged; their shards are too."""
    pairs = enumerate(zip(before, now, strict=False))
    return next((number for number, (old, new) in pairs if old != new), min(len(before), len(now)))


def find_touched_shards(
    shards: Iterable[Shard],
    files: Sequence[InputFile],
    before: Sequence[tuple[Any, Any]],
    is_same: IsSame,
) -> dict[int, str]:
    """Find the shards that differ, with their files.

    Unchanged files at the start of the list are not compared.  Of an unchanged file elsewhere only
    the first and the last shard are compared: it may just have moved.
    """
    kept = frozenset(before)
    same_start = count_unchanged_files(before, [(file.size, file.fingerprint) for file in files])
    touched: dict[int, str] = {}
    begun: dict[int, bool] = {}
    ids: list[int] = []
    asked = (shard for shard in shards if shard.file >= same_start)
    for shard, after in pair_with_next(asked):
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


def pair_with_next(shards: Iterable[Shard]) -> Iterator[tuple[Shard, Shard | None]]:
    """Yield each shard with the one after it."""
    held: Shard | None = None
    for shard in shards:
        if held is not None:
            yield held, shard
        held = shard
    if held is not None:
        yield held, None


def make_row_check(folder: Folder, config: SourceConfig, name_of: Callable[[int], str]) -> IsSame:
    """Whether a stored shard has the rows that the list gives it."""

    def is_same(shard: Shard) -> bool:
        try:
            stored = folder.do(lambda: read_stored_columns(folder, name_of(shard.id), config))
        except OSError as error:
            raise RunError(f"{folder.url} cannot be read: {error}") from error
        return stored is not None and have_same_values(
            stored, convert_columns(load_table(shard, config), config)
        )

    return is_same


def list_compared_columns(config: SourceConfig) -> list[str]:
    """List the columns that are stored unchanged: a verified hash is replaced."""
    hash_type = None if config.verify_hash is None else config.verify_hash[1]
    return [column.name for column in list_columns(config) if column.name != hash_type]


def read_stored_columns(
    folder: Folder, name: str, config: SourceConfig
) -> dict[str, list[Any]] | None:
    """Read the list's columns from the table of a stored shard, in list order; None if it lacks any."""
    import pyarrow as pa  # noqa: PLC0415  (few runs compare)
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        with open_stored(folder, f"{name}.parquet") as file:
            table = pq.ParquetFile(file).read(columns=["key", *list_compared_columns(config)])
        # the old tool stored rows as they came in
        return convert_columns(table.sort_by("key"), config)
    except (FileNotFoundError, KeyError, pa.ArrowException):
        return None


def convert_columns(table: pa.Table, config: SourceConfig) -> dict[str, list[Any]]:
    return {name: table.column(name).to_pylist() for name in list_compared_columns(config)}


def have_same_values(
    stored: Mapping[str, Sequence[Any]], listed: Mapping[str, Sequence[Any]]
) -> bool:
    """True if all values are equal, whatever the types of the columns."""
    return all(
        len(stored[name]) == len(values)
        and all(
            normalise_value(name, old) == normalise_value(name, new)
            for old, new in zip(stored[name], values, strict=True)
        )
        for name, values in listed.items()
    )


def normalise_value(name: str, value: Any) -> Any:
    """Make a value that equals itself, which NaN does not; the old tool kept blanks around URLs."""
    if name == URL:
        return (value or "").strip()
    return "NaN" if value != value else value  # noqa: PLR0124
