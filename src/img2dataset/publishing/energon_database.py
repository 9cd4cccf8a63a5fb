"""What is in the tars -> index.sqlite, by which Megatron-Energon 7.4 finds a sample by its key.

SQLite needs a local file: the database is built in one, and then copied to its place.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from img2dataset.formats.tar_indexes import TarContents
from img2dataset.publishing.energon import DATABASE
from img2dataset.storage.folder import Folder
from img2dataset.storage.pending import whole

TABLES = """
CREATE TABLE samples (
    tar_file_id INTEGER NOT NULL,
    sample_key TEXT NOT NULL UNIQUE,
    sample_index INTEGER NOT NULL,
    byte_offset INTEGER,
    byte_size INTEGER
);
CREATE TABLE sample_parts (
    tar_file_id INTEGER,
    sample_index INTEGER,
    part_name TEXT,
    content_byte_offset INTEGER,
    content_byte_size INTEGER
);
"""
INDEXES = """
CREATE INDEX idx_samples_by_tar_and_idx ON samples(tar_file_id, sample_index);
CREATE INDEX idx_sample_parts_seq
    ON sample_parts(tar_file_id, sample_index, content_byte_offset);
CREATE INDEX idx_sample_parts_full
    ON sample_parts(tar_file_id, sample_index, part_name, content_byte_offset, content_byte_size);
"""
"""Made last: that is faster."""


class EnergonDatabase:
    """The database while it is built."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tars = 0
        self.given_up = False
        connection.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {TABLES}")

    def add(self, tar: TarContents) -> None:
        """Add the samples of the next tar, in the order of .info.json; an empty one has no number."""
        samples = list(tar.samples())
        if not samples:
            return
        starts = [places[0][1] for _, places in samples]
        ends = [*starts[1:], tar.end]
        self._connection.executemany(
            "INSERT INTO samples VALUES (?, ?, ?, ?, ?)",
            (
                (self._tars, key, index, start, end - start)
                for index, ((key, _), start, end) in enumerate(
                    zip(samples, starts, ends, strict=True)
                )
            ),
        )
        self._connection.executemany(
            "INSERT INTO sample_parts VALUES (?, ?, ?, ?, ?)",
            (
                (self._tars, index, name.partition(".")[2], offset, size)
                for index, (_, places) in enumerate(samples)
                for name, _, offset, size in places
            ),
        )
        self._tars += 1

    def give_up(self) -> None:
        """Leave it out: it cannot be complete."""
        self.given_up = True

    def finish(self) -> None:
        self._connection.executescript(INDEXES)
        self._connection.commit()


@contextmanager
def build_database(folder: Folder) -> Iterator[EnergonDatabase]:
    """Build the database in the block; it takes its place when the block succeeds."""
    parts = folder.path(folder.parts) if folder.local else None
    if parts is not None:  # /tmp may be small
        Path(parts).mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=parts, prefix="img2dataset-") as temporary:
        path = Path(temporary) / "index.sqlite"
        with closing(sqlite3.connect(path)) as connection:
            database = EnergonDatabase(connection)
            yield database
            if database.given_up:
                return
            database.finish()
        pending = folder.begin(DATABASE)
        with whole(pending), path.open("rb") as built:
            shutil.copyfileobj(built, pending.file, 1 << 20)
