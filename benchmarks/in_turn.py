"""The same whole run in several ways, in turn: what each costs, as a ratio of CPU seconds.

Without --photos the images are small JPEGs of 1 to 3 kB, beside which everything else weighs most.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.longrun import make_photos, write_list
from benchmarks.measure import Usage, measure
from benchmarks.site import serving

BASE = "without"
"""The way that the others are compared with."""


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Make a parser of the flags that these benchmarks share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=Path)
    return parser


@contextmanager
def serving_list(photos: Path | None, rows: int) -> Iterator[Path]:
    """Serve photos; yield a folder with a `list.txt` of `rows` of them."""
    with TemporaryDirectory(prefix="img2dataset-in-turn-") as name:
        folder = Path(name)
        if photos is None:
            photos = folder / "small"
            make_photos(photos)
        (folder / "site").mkdir()
        with serving(photos, folder / "site") as site:
            write_list(folder / "list.txt", site, rows)
            yield folder


def run(
    folder: Path, options: Sequence[str], environment: Mapping[str, str] | None = None
) -> Usage:
    """Make a WebDataset of the list."""
    rmtree(folder / "out", ignore_errors=True)
    command = [
        sys.executable, "-m", "img2dataset", f"--url_list={folder / 'list.txt'}",
        f"--output_folder={folder / 'out'}", "--output_format=webdataset",
        "--number_sample_per_shard=1000", *options,
    ]  # fmt: skip
    usage = measure(
        command, env={**os.environ, **(environment or {})}, log=folder / "log", timeout=3600
    )
    assert usage.exit_code == 0, (folder / "log").read_text()
    return usage


def compare(runs: Mapping[str, Callable[[], Usage]], rounds: int, rows: int) -> None:
    """Do the runs in turn, and print what each takes; the first one is called BASE."""
    usages: dict[str, list[Usage]] = {way: [] for way in runs}
    for _ in range(rounds):
        for way, measured in runs.items():
            usages[way].append(measured())
    print("| | CPU ms per image | parent's CPU s | wall s | CPU, of the run without, in turn |")
    print("|--|--:|--:|--:|--|")
    for way, found in usages.items():
        ratios = [one.cpu / base.cpu for one, base in zip(found, usages[BASE], strict=True)]
        cpu = 1000 * median(usage.cpu for usage in found) / rows
        parent = median(usage.cpu_of_parent for usage in found)
        wall = median(usage.wall for usage in found)
        each = ", ".join(f"{ratio:.3f}" for ratio in ratios)
        print(
            f"| {way} | {cpu:.3f} | {parent:.2f} | {wall:.1f} | {median(ratios):.3f} ({each}) |",
            flush=True,
        )
