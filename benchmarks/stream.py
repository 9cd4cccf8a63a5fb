"""Compare `stream` with a run that stores nothing, and watch its memory.

`python -m benchmarks.stream [--rows 20000 --rounds 5 --memory-rows 1000000]`
The two are run in turn on the same list of small JPEGs: CPU seconds of all their processes, and
images a second.  With --memory-rows a last stream is run over so many, and its resident memory is
sampled as in `benchmarks.longrun`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.longrun import EVERY, Samples, make_photos, resident, show, write_list
from benchmarks.measure import Usage, measure
from benchmarks.site import serving

STREAM = """\
import sys, time
from img2dataset import stream
end = time.monotonic() + float(sys.argv[6])
with stream(sys.argv[1], image_size=int(sys.argv[2]), processes_count=int(sys.argv[3]),
            compute_hash=None, extract_exif=False, ordered=sys.argv[4] == "True") as samples:
    count = size = 0
    for sample in samples:
        count += 1
        size += len(sample.image)
        if time.monotonic() > end:
            break
print(count, "images", size, "bytes")
"""
DOWNLOAD = """\
import sys
from img2dataset import download
report = download(sys.argv[1], image_size=int(sys.argv[2]), processes_count=int(sys.argv[3]),
                  compute_hash=None, extract_exif=False, output_format="dummy",
                  output_folder=sys.argv[5], incremental_mode="overwrite", reporters=())
print(report.successes, "images")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--memory-rows", type=int, default=0)
    parser.add_argument("--ordered", action="store_true")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end of a stream")
    flags = parser.parse_args()
    with TemporaryDirectory(prefix="img2dataset-stream-") as name:
        folder = Path(name)
        make_photos(folder / "small")
        (folder / "site").mkdir()
        with serving(folder / "small", folder / "site") as site:
            if flags.rounds:
                write_list(folder / "list.txt", site, flags.rows)
                compare(folder, flags)
            if flags.memory_rows:
                write_list(folder / "list.txt", site, flags.memory_rows)
                watch_memory(folder, flags)


def make_command(program: str, folder: Path, flags: argparse.Namespace) -> list[str]:
    values = (flags.image_size, flags.processes, flags.ordered)
    arguments = [str(folder / "list.txt"), *map(str, values), str(folder / "out")]
    arguments.append(str(flags.seconds))
    return [sys.executable, "-c", program, *arguments]


def compare(folder: Path, flags: argparse.Namespace) -> None:
    """Print a table row for each of the two, and the median of the ratios of neighbours."""
    runs: dict[str, list[Usage]] = {"download": [], "stream": []}
    for _ in range(flags.rounds):
        for name, program in (("download", DOWNLOAD), ("stream", STREAM)):
            usage = measure(
                make_command(program, folder, flags), env=dict(os.environ),
                log=folder / f"{name}.log", timeout=3600,
            )  # fmt: skip
            assert usage.exit_code == 0, (folder / f"{name}.log").read_text()
            runs[name].append(usage)
    print("| | images/s | CPU ms per image | lowest | peak MB |")
    print("|--|--:|--:|--:|--:|")
    for name, usages in runs.items():
        speed = median(flags.rows / usage.wall for usage in usages)
        cpu = [1000 * usage.cpu / flags.rows for usage in usages]
        peak = max(usage.peak_memory for usage in usages) / 1e6
        print(f"| {name} | {speed:.0f} | {median(cpu):.4f} | {min(cpu):.4f} | {peak:.0f} |")
    for what in ("cpu", "wall"):
        ratios = [
            getattr(s, what) / getattr(d, what)
            for d, s in zip(runs["download"], runs["stream"], strict=True)
        ]
        print(f"\n{what}, stream / download: median {median(ratios):.3f}", end="")
        print(f" ({', '.join(f'{ratio:.3f}' for ratio in ratios)})", flush=True)


def processes_of(parent: int) -> Iterator[tuple[str, int]]:
    """Yield the process and its workers, which a thread of it has started."""
    yield "parent", parent
    pids: list[int] = []
    for children in Path(f"/proc/{parent}/task").glob("*/children"):
        with suppress(OSError):
            pids += map(int, children.read_text().split())
    for number, pid in enumerate(sorted(pids), 1):
        yield f"worker {number}", pid


def watch_memory(folder: Path, flags: argparse.Namespace) -> None:
    run = subprocess.Popen(make_command(STREAM, folder, flags))
    begun = time.monotonic()
    samples: Samples = defaultdict(list)
    while run.poll() is None:
        now = time.monotonic() - begun
        for name, pid in processes_of(run.pid):
            samples[name].append((now, resident(pid)))
        time.sleep(EVERY)
    show("stream", flags.memory_rows, time.monotonic() - begun, samples)


if __name__ == "__main__":
    main()
