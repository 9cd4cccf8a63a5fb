"""A list, read once from its start to its end -> a random sample of its rows, and its hosts.

Memory is bounded, however long the list is: the sample, `MAX_HOSTS` hosts, `MAX_URLS` hashes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import pyarrow as pa

from img2dataset.estimation.reservoir import Reservoir
from img2dataset.insight.shard_facts import find_hosts
from img2dataset.records import URL
from img2dataset.sources import Source, SourceConfig, close_tables, load_table

MAX_HOSTS = 50_000
"""Hosts that are counted; up to twice as many between two prunings: about 15 MB."""
MAX_URLS = 1 << 18
"""Hashes of URLs that are kept: about 25 MB."""
ROWS_AT_ONCE = 10_000


class HostHistogram:
    """Counts rows by host; exact up to `max_hosts` hosts.

    With more, those with the fewest rows are dropped now and then (lossy counting: Manku and
    Motwani, 2002), and `lacking` says how many rows the count of a host may lack.
    """

    def __init__(self, max_hosts: int = MAX_HOSTS) -> None:
        self._max_hosts = max_hosts
        self.rows: Counter[str] = Counter()
        self.lacking = 0

    def add(self, hosts: pa.DictionaryArray) -> None:
        """Add the hosts of some rows."""
        counted = hosts.value_counts()
        names, counts = counted.field("values"), counted.field("counts")
        self.rows.update(dict(zip(names.to_pylist(), counts.to_pylist(), strict=True)))
        if len(self.rows) > 2 * self._max_hosts:
            ranked = self.rows.most_common()
            self.lacking += ranked[self._max_hosts][1]
            self.rows = Counter(dict(ranked[: self._max_hosts]))


class UrlCounts:
    """Counts distinct URLs: exact up to `max_urls`, then an estimate from a random share of them.

    Adaptive sampling (Flajolet, 1990): only hashes are kept that end in `level` zeros.
    """

    def __init__(self, max_urls: int = MAX_URLS) -> None:
        self._max_urls = max_urls
        self._mask = 0
        self._rows = 0  # with a URL whose hash is kept
        self._hashes: Counter[int] = Counter()

    @property
    def is_exact(self) -> bool:
        return self._mask == 0

    def add(self, urls: Sequence[str | None]) -> None:
        """Add the URLs of some rows."""
        for url in urls:
            if not url:
                continue
            number = int.from_bytes(blake2b(url.encode(), digest_size=8).digest(), "big")
            if not number & self._mask:
                self._hashes[number] += 1
        while len(self._hashes) > self._max_urls:
            self._mask = 2 * self._mask + 1
            kept = {each: rows for each, rows in self._hashes.items() if not each & self._mask}
            self._hashes = Counter(kept)

    @property
    def repeated_share(self) -> float:
        """The share of rows whose URL a row before has."""
        rows = self._hashes.total()
        return 1 - len(self._hashes) / rows if rows else 0.0


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over a list found."""

    rows: int
    without_url: int
    sample: pa.Table
    """Random rows, in random order, as shards have them."""
    hosts: HostHistogram
    urls: UrlCounts


def survey_list(source: Source, config: SourceConfig, size: int, seed: int) -> Survey:
    """Read the list once.

    Args:
        source: the list.
        config: how it is read.
        size: rows of the sample; a shorter list is taken whole.
        seed: the same list and seed give the same sample.
    """
    reservoir = Reservoir(size, seed)
    hosts, urls = HostHistogram(), UrlCounts()
    places: dict[int, pa.Table] = {}
    without_url = 0
    try:
        for shard in source.shards(ROWS_AT_ONCE):
            table = load_table(shard, config)
            column = combine(table.column(URL))
            texts = column.to_pylist()
            without_url += sum(not text for text in texts)
            hosts.add(find_hosts(column))
            urls.add(texts)
            keep(places, reservoir, table)
    finally:
        close_tables()
    sample = pa.concat_tables(
        [places[place] for place in sorted(places)], promote_options="default"
    )
    return Survey(reservoir.seen, without_url, sample.combine_chunks(), hosts, urls)


def combine(column: pa.ChunkedArray) -> pa.Array:
    """Return the texts of a column as one array."""
    found = column.cast(pa.string()).combine_chunks()
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def keep(places: dict[int, pa.Table], reservoir: Reservoir, table: pa.Table) -> None:
    """Put the rows of a table that the reservoir takes in their places."""
    taken = reservoir.offer(table.num_rows)
    if not taken:
        return
    # a copy: a slice would keep the whole table in memory
    rows = table.take(pa.array([each.position for each in taken], pa.int64()))
    for number, each in enumerate(taken):
        places[each.place] = rows.slice(number, 1)
