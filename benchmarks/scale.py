"""Measure time and memory for a list of a billion rows and a folder of 100,000 shards.

`python -m benchmarks.scale [--files 1000 --rows 1000000 --shards 100000 --s3]`
The list is small on the disk: the same few addresses over and over, which Parquet stores once.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

ADDRESS = "http://127.0.0.1:1/a.jpg"
SHARD = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=1_000_000, help="in each file")
    parser.add_argument("--shards", type=int, default=100_000, help="that are done")
    parser.add_argument("--s3", action="store_true", help="resume on an S3 server too")
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.step:
        STEPS[flags.step[0]](flags.step[1:])
        return
    with TemporaryDirectory(prefix="img2dataset-scale-") as name:
        folder = Path(name)
        make_list(folder / "list", flags.files, flags.rows)
        show("planning", plan, [str(folder / "list")])
        shutil.rmtree(folder / "list")
        make_list(folder / "short", 1, flags.shards + 1)
        make_folder(folder / "out", flags.shards)
        show("resuming, on the disk", resume, [str(folder / "short"), str(folder / "out")])
        if flags.s3:
            resume_on_s3(str(folder / "short"), flags.shards)


def make_list(folder: Path, files: int, rows: int) -> None:
    folder.mkdir()
    table = pa.table({"url": pa.DictionaryArray.from_arrays(pa.array([0] * rows), [ADDRESS])})
    first = folder / "00000.parquet"
    pq.write_table(table.cast(pa.schema([("url", pa.string())])), first, row_group_size=rows)
    for number in range(1, files):
        shutil.copyfile(first, folder / f"{number:05d}.parquet")
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"list: {files} files, {files * rows:,} rows, {size / 1e6:.1f} MB", flush=True)


def make_folder(folder: Path, shards: int) -> None:
    """Make a folder of done shards, three files each."""
    folder.mkdir()
    for shard in range(shards):
        for suffix in (".tar", ".parquet", "_stats.json"):
            os.close(os.open(f"{folder}/{shard:05d}{suffix}", os.O_CREAT | os.O_WRONLY))


def plan(arguments: Sequence[str]) -> None:
    """Cut the whole list into shards, in a process of its own."""
    from img2dataset.options import Options  # noqa: PLC0415
    from img2dataset.sources import SourceConfig, open_source  # noqa: PLC0415

    begun = time.monotonic()
    options = Options(arguments[0], input_format="parquet")
    source = open_source(options.url_list, SourceConfig.of(options))
    opened = time.monotonic()
    shards = source.shards(SHARD, 0)
    next(shards)
    first = time.monotonic()
    count = 1 + sum(1 for _ in shards)
    print(
        f"opened in {opened - begun:.2f} s, first shard after {first - begun:.2f} s, "
        f"{count:,} shards after {time.monotonic() - begun:.2f} s; {memory()}"
    )


def resume(arguments: Sequence[str]) -> None:
    """Run the whole command, in a process of its own, with one shard of one row to do."""
    url_list, output = arguments
    begun = time.monotonic()
    done = subprocess.run(
        [
            sys.executable, "-m", "img2dataset", f"--url_list={url_list}", f"--output_folder={output}",
            "--input_format=parquet", "--number_sample_per_shard=1", "--output_format=webdataset",
        ],
        check=False, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"whole command {time.monotonic() - begun:.2f} s, CPU {usage.ru_utime + usage.ru_stime:.2f} "
        f"s, largest process {usage.ru_maxrss / 1024:.0f} MB; it says: {done.stderr.splitlines()[-1]}"
    )


def resume_on_s3(url_list: str, shards: int) -> None:
    from tests.stores.s3 import S3Server  # noqa: PLC0415  (needs the extra `test`)

    with S3Server(filled=("out", shards)) as server:
        os.environ.update(server.environment)
        for time_ in ("first", "second"):
            server.proxy.asked.clear()
            show(f"resuming, on S3, {time_} time", resume, [url_list, "s3://bucket/out"])
            asked = server.proxy.asked
            listings = sum("list-type" in each.query for each in asked)
            print(f"  {len(asked)} requests, {listings} of them listings")


def memory() -> str:
    return f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"


STEPS: dict[str, Callable[[Sequence[str]], None]] = {"plan": plan, "resume": resume}


def show(title: str, step: Callable[[Sequence[str]], None], arguments: Sequence[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scale", "--step", step.__name__, *arguments],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    print(f"{title}: {done.stdout.strip()}", flush=True)


if __name__ == "__main__":
    main()
