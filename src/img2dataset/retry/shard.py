"""A stored shard, and its rows that failed for a passing reason -> the shard with what came back.

The rows are written as a small shard of the same format, in the hidden folder where they wait;
each of its files is joined with the stored one; then they take the places of the old files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa

from img2dataset.dataset import replace as journal
from img2dataset.dataset.replace import staged_path
from img2dataset.dataset.stats import stats_name, stats_of
from img2dataset.errors import DamagedError, MismatchError, Status, may_pass
from img2dataset.formats import WriterConfig, open_writer
from img2dataset.formats.document import to_json
from img2dataset.formats.joins import JOINS, Join, Keys
from img2dataset.records import URL, Sample
from img2dataset.storage.folder import Folder
from img2dataset.storage.pending import whole
from img2dataset.storage.reading import open_stored
from img2dataset.tally import ShardResult, Tally
from img2dataset.text import plural

KeyOf = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class StoredRow:
    """What a shard's table says of one of its rows."""

    url: str | None
    status: str
    message: str | None

    @property
    def may_pass(self) -> bool:
        return self.status != Status.SUCCESS.value and may_pass(self.message)


def stored_rows(folder: Folder, name: str) -> dict[str, StoredRow]:
    """Key -> what the shard `name` says of the row.

    Raises:
        DamagedError: its table is not what it should be.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415  (only where a shard is completed)

    wanted = ["key", URL, "status", "error_message"]
    with open_stored(folder, f"{name}.parquet") as file:
        table = pq.ParquetFile(file).read(columns=wanted)
    missing = set(wanted) - set(table.column_names)
    if missing:
        raise DamagedError(f"its table has no column {', '.join(sorted(missing))}")
    keys, *others = (table[column].to_pylist() for column in wanted)
    rows = dict(zip(keys, map(StoredRow, *others), strict=True))
    if len(rows) != len(keys):
        raise DamagedError("its table has a key twice")
    return rows


def check_same(rows: dict[str, StoredRow], table: pa.Table, keys: list[str]) -> None:
    """Refuse a list that is not the one the shard was made from."""
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
    """The writer of the rows of a stored shard that are fetched again."""

    def __init__(self, folder: Folder, name: str, output_format: str, config: WriterConfig) -> None:
        self._folder = folder
        self._name = name
        self._format = output_format
        self._config = config
        self._handed_over = False

    def begin(self, table: pa.Table, key_of: KeyOf) -> tuple[pa.Table, KeyOf]:
        """Those rows of the shard's `table` that are to be fetched again, and their keys."""
        journal.begin(self._folder, self._name)
        keys = [key_of(index) for index in range(table.num_rows)]
        with translate_errors():
            rows = self._folder.do(lambda: stored_rows(self._folder, self._name))
        check_same(rows, table, keys)
        again = [index for index, key in enumerate(keys) if rows[key].may_pass]
        self._keys = Keys(
            kept=frozenset(k for k, row in rows.items() if row.status == Status.SUCCESS.value),
            again=frozenset(keys[index] for index in again),
        )
        self._rest = tally_of(row for key, row in rows.items() if key not in self._keys.again)
        self._table = table.take(pa.array(again, pa.int64()))
        self._writer = open_writer(
            self._format,
            self._folder,
            staged_path(self._name, self._name),
            self._table,
            self._config,
        )
        return self._table, lambda index: keys[again[index]]

    def write(self, sample: Sample) -> None:
        self._writer.write(sample)

    def complete(self, result: ShardResult) -> ShardResult:
        """The rows are in: replace the shard, unless none of them came back."""
        done = replace(result, kept=self._rest.count)
        if result.tally.successes == 0:
            self.abort()
            return done
        self._writer.commit()
        for suffix, join in JOINS[self._format].items():
            with translate_errors():
                self._folder.do(partial(self._join, self._name + suffix, join))
        stats = stats_of(replace(result, tally=self._rest + result.tally))
        last = stats_name(self._name)
        self._folder.write(staged_path(self._name, last), to_json(stats))
        self._handed_over = True
        journal.replace(self._folder, self._name, last)
        return done

    def _join(self, name: str, join: Join) -> None:
        """Join the stored file with the new one, in the place of the new one."""
        where = staged_path(self._name, name)
        pending = self._folder.begin(where)
        with (
            whole(pending),
            open_stored(self._folder, name) as old,
            open_stored(self._folder, where) as new,
        ):
            join(old, new, pending.file, self._keys)

    def abort(self) -> None:
        """Leave the shard as it was; but once its new files are whole they will take over."""
        if self._handed_over:
            return
        self._writer.abort()
        journal.discard_staged(self._folder, self._name)


def tally_of(rows: Iterator[StoredRow]) -> Tally:
    tally = Tally()
    for row in rows:
        tally.add_stored(row.status, row.message)
    return tally


@contextmanager
def translate_errors() -> Iterator[None]:
    """Say in the error what to do about a stored shard that cannot be read."""
    try:
        yield
    except (DamagedError, pa.ArrowException) as error:
        raise DamagedError(
            f"the stored shard is damaged ({error}): 'img2dataset verify FOLDER --repair' removes "
            "it, so that the next run makes it anew"
        ) from error
