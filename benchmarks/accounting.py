"""Measure what accounting costs a run: this code and that of another checkout, in turn.

`python -m benchmarks.accounting OTHER/src [--rows 3000 --rounds 7 --photos FOLDER]`
The other checkout is one before accounting, with its C modules.  Without --photos the images are small
JPEGs of 1 to 3 kB, beside which everything else weighs most; the way "not decoded" weighs it even more.
"""

from __future__ import annotations

import argparse
import compileall
import os
import sys
from pathlib import Path
from shutil import rmtree
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.longrun import make_photos, write_list
from benchmarks.measure import Usage, measure
from benchmarks.site import serving

HERE = Path(__file__).parents[1] / "src"
WAYS = {"resized": [], "not decoded": ["--disable_all_reencoding=True"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--photos", type=Path)
    flags = parser.parse_args()
    for source in (flags.other, HERE):  # else one of them may compile itself in each run
        compileall.compile_dir(source, quiet=1)
    with TemporaryDirectory(prefix="img2dataset-accounting-") as name:
        folder = Path(name)
        photos = flags.photos or folder / "small"
        if flags.photos is None:
            make_photos(photos)
        (folder / "site").mkdir()
        with serving(photos, folder / "site") as site:
            write_list(folder / "list.txt", site, flags.rows)
            print("| | CPU ms per image without | with | with / without, in turn |")
            print("|--|--:|--:|--|")
            for way in WAYS:
                pairs = [
                    (run(folder, way, flags.other), run(folder, way, HERE))
                    for _ in range(flags.rounds)
                ]
                show(way, pairs, flags.rows)


def run(folder: Path, way: str, source: Path) -> Usage:
    rmtree(folder / "out", ignore_errors=True)
    command = [
        sys.executable, "-m", "img2dataset", f"--url_list={folder / 'list.txt'}",
        f"--output_folder={folder / 'out'}", "--output_format=webdataset",
        "--number_sample_per_shard=1000", *WAYS[way],
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(source)}
    usage = measure(command, env=environment, log=folder / "log", timeout=3600)
    assert usage.exit_code == 0, (folder / "log").read_text()
    return usage


def show(way: str, pairs: list[tuple[Usage, Usage]], rows: int) -> None:
    without, with_it = (1000 * median(pair[i].cpu for pair in pairs) / rows for i in (0, 1))
    ratios = [pair[1].cpu / pair[0].cpu for pair in pairs]
    each = ", ".join(f"{ratio:.3f}" for ratio in ratios)
    print(f"| {way} | {without:.3f} | {with_it:.3f} | {median(ratios):.3f} ({each}) |", flush=True)


if __name__ == "__main__":
    main()
