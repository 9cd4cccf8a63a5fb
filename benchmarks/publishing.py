"""Measure what the card and all indexes of a dataset cost: runs with and without them, in turn.

`python -m benchmarks.publishing [--rows 5000 --rounds 5 --photos FOLDER]`
Without --photos the images are small JPEGs of 1 to 3 kB, beside which everything else weighs most.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from shutil import rmtree
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.longrun import make_photos, write_list
from benchmarks.measure import Usage, measure
from benchmarks.site import serving

WAYS = {
    "without": ["--card=False", "--indexes=[]"],
    "card": ["--card=True", "--indexes=[]"],
    "card and all indexes": ["--card=True", "--indexes=all"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=Path)
    flags = parser.parse_args()
    with TemporaryDirectory(prefix="img2dataset-publishing-") as name:
        folder = Path(name)
        photos = flags.photos or folder / "small"
        if flags.photos is None:
            make_photos(photos)
        (folder / "site").mkdir()
        with serving(photos, folder / "site") as site:
            write_list(folder / "list.txt", site, flags.rows)
            runs: dict[str, list[Usage]] = {way: [] for way in WAYS}
            for _ in range(flags.rounds):
                for way in WAYS:
                    runs[way].append(run(folder, way))
    show(runs, flags.rows)


def run(folder: Path, way: str) -> Usage:
    rmtree(folder / "out", ignore_errors=True)
    command = [
        sys.executable, "-m", "img2dataset", f"--url_list={folder / 'list.txt'}",
        f"--output_folder={folder / 'out'}", "--output_format=webdataset",
        "--number_sample_per_shard=1000", *WAYS[way],
    ]  # fmt: skip
    usage = measure(command, env=dict(os.environ), log=folder / "log", timeout=3600)
    assert usage.exit_code == 0, (folder / "log").read_text()
    return usage


def show(runs: dict[str, list[Usage]], rows: int) -> None:
    print("| | CPU ms per image | wall s | CPU, of the run without, in turn |")
    print("|--|--:|--:|--|")
    for way, usages in runs.items():
        ratios = [one.cpu / base.cpu for one, base in zip(usages, runs["without"], strict=True)]
        cpu = 1000 * median(usage.cpu for usage in usages) / rows
        wall = median(usage.wall for usage in usages)
        each = ", ".join(f"{ratio:.3f}" for ratio in ratios)
        print(f"| {way} | {cpu:.3f} | {wall:.1f} | {median(ratios):.3f} ({each}) |", flush=True)


if __name__ == "__main__":
    main()
