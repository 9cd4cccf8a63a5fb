"""A stored dataset -> its failed rows, of a reason or a host, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from img2dataset.dataset.layout import Layout, StoredShard
from img2dataset.errors import DamagedError, OptionError, Reason
from img2dataset.formats import TABLE, find_format
from img2dataset.insight.shard_facts import (
    BATCH_ROWS,
    MESSAGE,
    SUCCESS,
    find_hosts,
    take_text,
    to_numbers,
)
from img2dataset.records import URL
from img2dataset.reports.words import UNKNOWN, name_reason
from img2dataset.storage.checked_file import open_checked
from img2dataset.storage.folder import Folder

REASONS = (*(reason.value for reason in Reason), UNKNOWN)
REASON = "reason"
"""Name of the added column."""
OUTCOME_COLUMNS = ("key", "status", MESSAGE)
MAX_KNOWN_HOSTS = 100_000
"""Hosts that the nearest is looked for among, if the one that was asked for is not there."""


@dataclass(slots=True)
class FailedRows:
    """Which failed rows are wanted, and what was seen on the way."""

    reason: str | None = None
    host: str | None = None
    hosts: set[str] = field(default_factory=set)
    has_host: bool = False
    """Whether any row, failed or not, is of `host`."""
    count: int = 0
    """Rows found so far."""
    problems: list[str] = field(default_factory=list)
    """What is damaged, and left out: a text for each shard."""

    def __post_init__(self) -> None:
        if self.reason is not None:
            self.reason = check_reason(self.reason)
        if self.host is not None:
            self.host = self.host.lower()

    def read(self, folder: Folder, layout: Layout) -> Iterator[tuple[StoredShard, pa.RecordBatch]]:
        """Yield the rows of each shard: the columns of the list, key, status, error_message, reason.

        Raises:
            OptionError: no row of the dataset has the host; the message has the nearest.
        """
        for shard in layout.shards:
            if not find_format(shard.output_format).stores_rows:
                continue
            try:
                for batch in self._read_shard(folder, shard):
                    self.count += batch.num_rows
                    yield shard, batch
            except DamagedError as error:
                self.problems.append(f"{shard.name}: {error}")
        if self.host is not None and not self.has_host and not self.problems:
            raise OptionError(f"host {self.host!r} is in no row{suggest(self.host, self.hosts)}")

    def _read_shard(self, folder: Folder, shard: StoredShard) -> Iterator[pa.RecordBatch]:
        table = shard.name + TABLE
        if table not in shard.files:
            raise DamagedError(f"{table} is missing")
        with open_checked(folder, table) as file:
            parquet = pq.ParquetFile(file, pre_buffer=False)
            names = list_row_columns(parquet.schema_arrow)
            for batch in parquet.iter_batches(BATCH_ROWS, columns=names, use_threads=False):
                wanted = self._choose(batch)
                if wanted.num_rows:
                    yield wanted

    def _choose(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        is_failed = pc.fill_null(pc.not_equal(take_text(batch, "status"), SUCCESS), True)
        if self.host is not None:
            hosts = find_hosts(take_text(batch, URL))
            self._note(hosts.dictionary.to_pylist())
            is_failed = pc.and_(is_failed, pc.equal(hosts.cast(pa.string()), self.host))
        rows = batch.filter(is_failed)
        messages = pc.dictionary_encode(pc.fill_null(take_text(rows, MESSAGE), ""))
        named = pa.array(
            [name_reason(each) for each in messages.dictionary.to_pylist()], pa.string()
        )
        reasons = named.take(pa.array(to_numbers(messages.indices)))
        rows = rows.append_column(REASON, reasons)
        return rows if self.reason is None else rows.filter(pc.equal(reasons, self.reason))

    def _note(self, hosts: Sequence[str]) -> None:
        self.has_host = self.has_host or self.host in hosts
        if not self.has_host and len(self.hosts) < MAX_KNOWN_HOSTS:
            self.hosts.update(hosts)


def list_row_columns(schema: pa.Schema) -> list[str]:
    """List the columns of the list, which stand before the key, and those of the outcome."""
    names = schema.names
    first = names.index("key") if "key" in names else 0
    of_list = [each for each in names[:first] if not pa.types.is_binary(schema.field(each).type)]
    return [*of_list, *OUTCOME_COLUMNS]


def check_reason(name: str) -> str:
    """Return the reason of this name.

    Raises:
        OptionError: there is none; the message has the nearest.
    """
    known = name.lower().replace("-", "_")
    if known in REASONS:
        return known
    raise OptionError(f"reason {name!r} is not known{suggest(known, REASONS)}; see docs/reasons.md")


def suggest(name: str, known: Any) -> str:
    """Name the nearest one, if one is near."""
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
