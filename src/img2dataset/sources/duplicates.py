"""Rows with the same URL -> the first of them, over a list of any length.

What was seen is kept in a temporary SQLite database, which is in memory up to its cache and on the
disk beyond (in SQLITE_TMPDIR or TMPDIR): 16 bytes of a digest for each URL, and the captions if all of
them are wanted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import pyarrow as pa

from img2dataset.options.columns import ALL_CAPTIONS
from img2dataset.records import CAPTION, URL

DIGEST_BYTES = 16
"""So many that two of 10^12 URLs have the same digest with a probability of 10^-15."""
CACHE_KIB = 65_536

TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE seen (url BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE captions (url BLOB, caption TEXT);
"""


class Duplicates:
    """What one pass over a list has seen."""

    def __init__(self) -> None:
        # one thread at a time uses it, but not always the same one
        self._data = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._data.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._data.executescript(TABLES)
        self._data.execute("BEGIN")
        self._has_captions = False

    def close(self) -> None:
        self._data.close()

    def note_captions(self, tables: Iterable[pa.Table]) -> None:
        """Remember the captions of all rows, before the first is kept."""
        self._has_captions = True
        for table in tables:
            pairs = zip(
                table.column(URL).to_pylist(), table.column(CAPTION).to_pylist(), strict=True
            )
            self._data.executemany(
                "INSERT INTO captions VALUES (?, ?)",
                [(digest_url(url), caption) for url, caption in pairs if url is not None],
            )
        self._data.execute("CREATE INDEX by_url ON captions (url)")

    def keep_first(self, table: pa.Table) -> pa.Table:
        """Leave out the rows whose URL has been seen; rows without a URL stay.

        With the captions of all rows the table gets a column of lists of them.
        """
        digests = [
            None if url is None else digest_url(url) for url in table.column(URL).to_pylist()
        ]
        is_new = [digest is None or self._add(digest) for digest in digests]
        kept = table.filter(pa.array(is_new, pa.bool_()))
        if not self._has_captions:
            return kept
        lists = [
            self._captions_of(digest) for digest, new in zip(digests, is_new, strict=True) if new
        ]
        place = table.column_names.index(CAPTION)
        return kept.add_column(place, ALL_CAPTIONS, pa.array(lists, pa.list_(pa.string())))

    def _add(self, digest: bytes) -> bool:
        """Return whether this one is new."""
        return self._data.execute("INSERT OR IGNORE INTO seen VALUES (?)", (digest,)).rowcount > 0

    def _captions_of(self, digest: bytes | None) -> list[Any]:
        """The captions of all rows with a URL in their order, each once."""
        found = self._data.execute(
            "SELECT caption FROM captions WHERE url = ? ORDER BY rowid", (digest,)
        )
        return list(dict.fromkeys(caption for (caption,) in found if caption is not None))


def digest_url(url: str) -> bytes:
    """Digest a URL, without white space at its ends."""
    return blake2b(url.strip().encode(), digest_size=DIGEST_BYTES).digest()
