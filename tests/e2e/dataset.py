"""A stored dataset, read back with the libraries that people use."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER_WIDE = frozenset(
    {"README.md", "croissant.json", "metadata.parquet", "sizes.json", "wids.json", "index.json"}
)
"""What a run writes beside the shards."""


@dataclass(frozen=True)
class Dataset:
    """The folder of a run."""

    folder: Path

    @property
    def visible(self) -> list[str]:
        """The names of the shards' files, and of whatever should not be there."""
        names = {path.name for path in self.folder.iterdir() if path.name[0] != "."}
        return sorted(names - FOLDER_WIDE)

    @property
    def table(self) -> pa.Table:
        """All metadata, in the order of shards."""
        return pa.concat_tables(
            pq.read_table(path) for path in sorted(self.folder.glob("[0-9]*.parquet"))
        )

    @property
    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.table.to_pylist()
        return rows

    @property
    def stats(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("*_stats.json"))]

    def members(self) -> dict[str, bytes]:
        """Name -> bytes of every member of every tar; a name that stands twice is an error."""
        found: dict[str, bytes] = {}
        for path in sorted(self.folder.glob("*.tar")):
            with tarfile.open(path) as tar:
                for member in tar:
                    assert member.name not in found, f"{member.name} stands twice"
                    file = tar.extractfile(member)
                    assert file is not None
                    found[member.name] = file.read()
        return found

    def check_whole(self, count: int) -> None:
        """Every row exactly once, in the table, the stats and the tars."""
        rows = self.rows
        keys = [row["key"] for row in rows]
        assert len(rows) == count
        assert keys == sorted(set(keys)), "keys are unique and in order"
        assert sum(stats["count"] for stats in self.stats) == count
        kept = {row["key"] for row in rows if row["status"] == "success"}
        assert sum(stats["successes"] for stats in self.stats) == len(kept)
        for stats in self.stats:
            assert sum(stats["status_dict"].values()) == stats["count"]
        stored = {name.partition(".")[0] for name in self.members()}
        assert stored in (kept, set())
        shards = {name.removesuffix("_stats.json") for name in self.visible if "_stats" in name}
        for name in self.visible:
            assert name.partition(".")[0].removesuffix("_stats") in shards, f"{name} is stale"
        hidden = self.folder / ".img2dataset"
        kept = {path.name for path in hidden.iterdir()}
        assert kept - {"indexes", "published", "accounts"} == {
            "identity",
            "lock",
        }  # killed: not published
