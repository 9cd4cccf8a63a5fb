"""Measure the memory of each process over a long run of small images.

`python -m benchmarks.longrun [--rows 300000 --photos FOLDER --formats webdataset parquet]`
Resident memory is sampled twice a second; the first quarter of the run may grow, the rest must
be flat.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from PIL import Image

from benchmarks.site import Site, serving

EVERY = 0.5
Samples = dict[str, list[tuple[float, float]]]
"""Process -> (seconds, MB)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--formats", nargs="+", default=["webdataset"])
    flags = parser.parse_args()
    with TemporaryDirectory(prefix="img2dataset-longrun-") as name:
        folder = Path(name)
        make_photos(folder / "small")
        (folder / "site").mkdir()
        with serving(folder / "small", folder / "site") as site:
            write_list(folder / "list.txt", site, flags.rows)
            for output_format in flags.formats:
                begun = time.monotonic()
                samples = measure(folder, output_format, flags.processes)
                show(output_format, flags.rows, time.monotonic() - begun, samples)


def make_photos(folder: Path) -> None:
    """Write a hundred different JPEGs of 1 to 3 kB."""
    folder.mkdir()
    for number in range(200):
        image = Image.effect_noise((40 + number % 30, 40), 60 + number % 40).convert("RGB")
        image.save(folder / f"{number}.jpg", quality=80)


def write_list(path: Path, site: Site, rows: int) -> None:
    with path.open("w") as file:
        for start in range(0, rows, 10_000):
            file.writelines(f"{url}&part={start}\n" for url in site.urls(min(10_000, rows - start)))


def measure(folder: Path, output_format: str, processes: int) -> Samples:
    output = folder / "out"
    run = subprocess.Popen(
        [
            sys.executable, "-m", "img2dataset", f"--url_list={folder / 'list.txt'}",
            f"--output_folder={output}", f"--output_format={output_format}", "--image_size=64",
            f"--processes_count={processes}", "--number_sample_per_shard=5000",
        ],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    begun = time.monotonic()
    samples: Samples = defaultdict(list)
    while run.poll() is None:
        now = time.monotonic() - begun
        for name, pid in processes_of(run.pid):
            samples[name].append((now, resident(pid)))
        for done in sorted(output.glob("*_stats.json"))[:-2]:  # room on this machine's disk
            remove_data(output, done.name.removesuffix("_stats.json"))
        time.sleep(EVERY)
    shutil.rmtree(output)
    return samples


def remove_data(output: Path, shard: str) -> None:
    for path in (
        output / f"{shard}.tar",
        output / f"{shard}.tfrecord",
        output / f"{shard}.parquet",
    ):
        path.unlink(missing_ok=True)
    shutil.rmtree(output / shard, ignore_errors=True)


def processes_of(parent: int) -> Iterator[tuple[str, int]]:
    yield "parent", parent
    children = Path(f"/proc/{parent}/task/{parent}/children")
    try:
        pids = sorted(map(int, children.read_text().split()))
    except OSError:
        return
    for number, pid in enumerate(pids, 1):
        yield f"worker {number}", pid


def resident(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * 4096 / 1e6


def show(output_format: str, rows: int, seconds: float, samples: Samples) -> None:
    """Print a table row for each process: the median of each quarter, and the peak."""
    print(f"\n{output_format}: {rows:,} rows in {seconds:.0f} s, {rows / seconds:.0f} images/s\n")
    print("| process | 1st quarter | 2nd | 3rd | 4th | peak |")
    print("|--|--:|--:|--:|--:|--:|")
    for name, points in samples.items():
        quarters = [
            median(mb for at, mb in points if seconds * q / 4 <= at < seconds * (q + 1) / 4)
            for q in range(4)
        ]
        cells = " | ".join(f"{mb:.0f}" for mb in [*quarters, max(mb for _, mb in points)])
        print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
