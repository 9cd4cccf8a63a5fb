"""Time and memory of `img2dataset inspect` and `report` over tables of a million rows.

    python -m benchmarks.insight [--shards 100] [--rows 10000] [--hosts 60000] [--folder FOLDER]

Makes the tables (no images), with hosts and failures as in lists of the web, and runs each command
in a process of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MESSAGES = (
    ("failed_to_download", "HTTP Error 404: Not Found", 0.16),
    ("failed_to_download", "HTTP Error 403: Forbidden", 0.07),
    ("failed_to_download", "no such host", 0.06),
    ("failed_to_download", "timed out", 0.04),
    ("failed_to_resize", "Image decoding error", 0.03),
)
"""Status, message, share of all rows."""
DUPLICATES = 0.05
"""Share of images whose bytes are those of one of 1,000 others."""


def make_table(shard: int, rows: int, hosts: int, seed: int) -> pa.Table:
    """Make the metadata of a shard; few hosts have most of the rows."""
    random = np.random.default_rng((seed, shard))
    ranks = np.minimum(random.zipf(1.3, rows), hosts)
    outcomes = random.choice(
        len(MESSAGES) + 1,
        rows,
        p=[1 - sum(each[2] for each in MESSAGES), *(each[2] for each in MESSAGES)],
    )
    copies = random.random(rows) < DUPLICATES
    digests = []
    for row in range(rows):
        name = f"copy {random.integers(1000)}" if copies[row] else f"{shard} {row}"
        digests.append(hashlib.sha256(name.encode()).hexdigest() if outcomes[row] == 0 else None)
    kept = outcomes == 0
    sides = [pa.array(random.integers(80, 3000, rows), pa.int32(), mask=~kept) for _ in range(2)]
    failures = [(None if code == 0 else MESSAGES[code - 1]) for code in outcomes.tolist()]
    size = pa.array(np.full(rows, 256), pa.int32(), mask=~kept)
    return pa.table({
        "caption": [f"photo {'of something ' * (row % 9)}{row}" for row in range(rows)],
        "url": [f"https://host{rank}.example/p/{shard}/{row}.jpg" for row, rank in enumerate(ranks.tolist())],
        "key": [f"{shard:05d}{row:04d}" for row in range(rows)],
        "status": ["success" if each is None else each[0] for each in failures],
        "error_message": pa.array([None if each is None else each[1] for each in failures], pa.string()),
        "width": size, "height": size, "original_width": sides[0], "original_height": sides[1],
        "exif": pa.array(["{}" if each else None for each in kept.tolist()], pa.string()),
        "sha256": pa.array(digests, pa.string()),
    })  # fmt: skip


def make_dataset(folder: Path, shards: int, rows: int, hosts: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for shard in range(shards):
        table = make_table(shard, rows, hosts, seed=1)
        pq.write_table(table, folder / f"{shard:05d}.parquet")
        labels = table["error_message"].value_counts().to_pylist()
        counts = {each["values"] or "success": each["counts"] for each in labels}
        statuses = {
            each["values"]: each["counts"] for each in table["status"].value_counts().to_pylist()
        }
        stats = {
            "count": rows,
            "successes": statuses.get("success", 0),
            "failed_to_download": statuses.get("failed_to_download", 0),
            "failed_to_resize": statuses.get("failed_to_resize", 0),
            "duration": 60.0,
            "start_time": 1.7e9 + 60 * shard,
            "end_time": 1.7e9 + 60 * shard + 60,
            "status_dict": counts,
        }
        (folder / f"{shard:05d}_stats.json").write_text(json.dumps(stats, indent=2))
        (folder / f"{shard:05d}.tar").write_bytes(bytes(10240))


def measure(words: list[str]) -> str:
    """Run a command; return its seconds, CPU seconds and peak memory."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "img2dataset", *words], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    return (
        f"{words[0]:<8} exit {process.returncode}  {seconds:6.1f} s  CPU "
        f"{usage.ru_utime + usage.ru_stime:6.1f} s  peak {usage.ru_maxrss / 1024:6.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--shards", type=int, default=100)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--hosts", type=int, default=60_000)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch) / "dataset"
        if not folder.exists():
            make_dataset(folder, asked.shards, asked.rows, asked.hosts)
        print(f"{asked.shards} shards of {asked.rows:,} rows")
        for _ in range(3):
            print(measure(["inspect", str(folder)]))
        print(measure(["report", str(folder), "--html", f"{scratch}/report.html"]))


if __name__ == "__main__":
    main()
