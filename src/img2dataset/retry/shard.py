"""A stored shard, and its rows with transient failures -> the shard with the recovered rows.

The refetched rows are written as a small shard of the same format, staged in the hidden folder;
each of its files is merged with the stored one; then they replace the stored files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa

from img2dataset.dataset import replace as journal
from img2dataset.dataset.replace import staged_path
from img2dataset.dataset.stats import make_stats, stats_name
from img2dataset.errors import DamagedError, MismatchError, Status
from img2dataset.formats import (
    TABLE,
    Merge,
    ShardFiles,
    ShardKeys,
    WriterConfig,
    find_format,
    list_index_names,
)
from img2dataset.json_text import to_json
from img2dataset.messages import is_transient
from img2dataset.records import URL, Sample
from img2dataset.storage.folder import Folder
from img2dataset.storage.pending import whole
from img2dataset.storage.reading import open_stored
from img2dataset.tally import ShardResult, Tally
from img2dataset.text import plural

KeyOf = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row in the table of a stored shard."""

    url: str | None
    status: str
    message: str | None

    @property
    def is_transient(self) -> bool:
        return self.status != Status.SUCCESS.value and is_transient(self.message)


def read_rows(folder: Folder, name: str) -> dict[str, StoredRow]:
    """Read the rows of the shard `name` by key.

    Raises:
        DamagedError: its table lacks a column, or has a key twice.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415  (only where a shard is completed)

    wanted = ["key", URL, "status", "error_message"]
    with open_stored(folder, name + TABLE) as file:
        table = pq.ParquetFile(file).read(columns=wanted)
    missing = set(wanted) - set(table.column_names)
    if missing:
        raise DamagedError(f"its table has no column {', '.join(sorted(missing))}")
    keys, *others = (table[column].to_pylist() for column in wanted)
    rows = dict(zip(keys, map(StoredRow, *others), strict=True))
    if len(rows) != len(keys):
        raise DamagedError("its table has a key twice")
    return rows


def check_same_rows(rows: dict[str, StoredRow], table: pa.Table, keys: list[str]) -> None:
    """Refuse a list other than the one that the shard was made from."""
    if rows.keys() != set(keys):
        raise MismatchError(
            f"the stored shard has {plural(len(rows), 'row')}, not the {len(keys)} of the list, or other "
            "keys: use the list and the options it was made with"
        )
    for key, url in zip(keys, table[URL].to_pylist(), strict=True):
        if (rows[key].url or "").strip() != (url or "").strip():
            raise MismatchError(
                f"the row {key} of the stored shard is not the one of the list: use the list "
                "it was made from"
            )


class Completion:
    """Writes the refetched rows of a stored shard, and merges them into it."""

    def __init__(self, folder: Folder, name: str, output_format: str, config: WriterConfig) -> None:
        self._folder = folder
        self._name = name
        self._format_name = output_format
        self._format = find_format(output_format)
        self._config = config
        self._handed_over = False

    def begin(self, table: pa.Table, key_of: KeyOf) -> tuple[pa.Table, KeyOf]:
        """Return the rows of `table` that are to be fetched again, and their keys."""
        journal.begin(self._folder, self._name)
        keys = [key_of(index) for index in range(table.num_rows)]
        with translate_errors():
            rows = self._folder.do(lambda: read_rows(self._folder, self._name))
        check_same_rows(rows, table, keys)
        again = [index for index, key in enumerate(keys) if rows[key].is_transient]
        self._keys = ShardKeys(
            kept=frozenset(k for k, row in rows.items() if row.status == Status.SUCCESS.value),
            refetched=frozenset(keys[index] for index in again),
        )
        self._rest = count_rows(row for key, row in rows.items() if key not in self._keys.refetched)
        self._table = table.take(pa.array(again, pa.int64()))
        self._writer = self._format.writer(
            self._folder,
            staged_path(self._name, self._name),
            self._table,
            replace(self._config, index_kinds=()),  # of the merged shard only
        )
        return self._table, lambda index: keys[again[index]]

    def write(self, sample: Sample) -> None:
        self._writer.write(sample)

    def complete(self, result: ShardResult) -> ShardResult:
        """Replace the shard, unless no row was recovered."""
        done = replace(result, kept=self._rest.count)
        if result.tally.successes == 0:
            self.abort()
            return done
        self._writer.commit()
        for suffix, merge in self._format.files.items():
            if merge is not None:
                with translate_errors():
                    self._folder.do(partial(self._merge, self._name + suffix, merge))
        if "" in self._format.files:
            with translate_errors():
                self._format.merge_folder(
                    self._folder, self._name, staged_path(self._name, self._name), self._keys
                )
        self._stage_indexes()
        stats = make_stats(replace(result, tally=self._rest + result.tally))
        last = stats_name(self._name)
        self._folder.write(staged_path(self._name, last), to_json(stats))
        self._handed_over = True
        journal.replace(self._folder, self._name, last)
        return done

    def _merge(self, name: str, merge: Merge) -> None:
        """Merge the stored file with the staged one, in the place of the staged one."""
        where = staged_path(self._name, name)
        pending = self._folder.begin(where)
        with (
            whole(pending),
            open_stored(self._folder, name) as old,
            open_stored(self._folder, where) as new,
        ):
            merge(old, new, pending.file, self._keys)

    def _stage_indexes(self) -> None:
        """Write the indexes of the merged shard: those asked for, and those that it has."""
        names = list_index_names(self._format_name, self._name)
        kinds = [
            kind
            for kind, name in zip(self._format.indexes, names, strict=True)
            if kind in self._config.index_kinds or self._folder.exists(name)
        ]
        if not kinds:
            return
        from img2dataset.formats.tar_scan import build_stored  # noqa: PLC0415  (few have any)

        merged = ShardFiles(self._folder, self._name, staged_path(self._name))
        with translate_errors():
            built = build_stored(merged, kinds)
        for suffix, data in built.items():
            self._folder.write(merged.path(suffix), data)

    def abort(self) -> None:
        """Leave the shard as it was; after the hand-over, the next run rolls its files forward."""
        if self._handed_over:
            return
        self._writer.abort()
        journal.discard_staged(self._folder, self._name)


def count_rows(rows: Iterator[StoredRow]) -> Tally:
    tally = Tally()
    for row in rows:
        tally.add_stored(row.status, row.message)
    return tally


@contextmanager
def translate_errors() -> Iterator[None]:
    """Add to an error of a damaged shard what to do about it."""
    try:
        yield
    except (DamagedError, pa.ArrowException) as error:
        raise DamagedError(
            f"the stored shard is damaged ({error}): 'img2dataset verify FOLDER --repair' removes "
            "it, so that the next run makes it again"
        ) from error
