"""Measure how soon the first image of a long list is requested, and the memory while it is read.

`python -m benchmarks.lists [--rows 10000000 --seconds 30 --cases plain where shuffle]`
Each case is a run over the whole list that is stopped after --seconds.  Every request is answered
404 by a server that only notes when the first one came, so what is measured is the list.
"""

from __future__ import annotations

import argparse
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.longrun import processes_of, resident

EVERY_SECONDS = 0.1
BATCH_ROWS = 1_000_000
ROW_GROUP_ROWS = 100_000
DUPLICATE_EVERY = 5
"""Of the rows, one in so many has the URL of another one."""
IMAGES_PER_DOCUMENT = 4
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
PARQUET = "--input_format=parquet"
CASES = {
    "plain": ("flat.parquet", [PARQUET]),
    "csv": ("flat.csv", ["--input_format=csv", "--columns=id,url,similarity,caption"]),
    "where": ("flat.parquet", [PARQUET, "--where=similarity > 0.9"]),
    "url_template": ("flat.parquet", [PARQUET, "--url_template={url}?{id}"]),
    "all columns": ("flat.parquet", [PARQUET, "--save_additional_columns=*"]),
    "deduplicate": ("flat.parquet", [PARQUET, "--deduplicate=url"]),
    "duplicate_captions": ("flat.parquet", [
        PARQUET, "--deduplicate=url", "--caption_col=caption", "--duplicate_captions=all",
    ]),
    "shuffle": ("flat.parquet", [PARQUET, "--shuffle=1"]),
    "shuffle csv": ("flat.csv", [
        "--input_format=csv", "--columns=id,url,similarity,caption", "--shuffle=1",
    ]),
    "documents": ("documents.parquet", [PARQUET, "--url_col=images[*].url"]),
}  # fmt: skip
"""Name -> the list, and the options that say its shape."""


@dataclass
class Seen:
    """What was seen of a run."""

    first_request: float | None = None
    """Seconds after the command began."""
    parent: list[float] = field(default_factory=list)
    workers: list[float] = field(default_factory=list)
    """Resident MB, ten times a second."""
    cpu: float = 0.0
    """Seconds of the parent."""


class Answers:
    """A server that answers every request with 404, and knows when the first one came."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._socket.getsockname()[1]
        self.first: float | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                while request := connection.recv(65_536):
                    self.first = self.first or time.monotonic()
                    connection.sendall(NOT_FOUND * request.count(b"\r\n\r\n"))
            except OSError:  # the run was stopped
                return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--folder", type=Path, help="where the lists are kept; else they go")
    flags = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a run begun by nohup ignores it
    answers = Answers()
    with open_folder(flags.folder) as folder:
        print(
            "| case | first request after, s | parent's CPU s | parent, MB, by quarters | workers |"
        )
        print("|--|--:|--:|--:|--:|")
        for case in flags.cases:
            name, options = CASES[case]
            path = make_list(folder, name, flags.rows)
            print(describe(case, measure(path, options, answers, flags.seconds)), flush=True)


@contextmanager
def open_folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with TemporaryDirectory(prefix="img2dataset-lists-") as name:
        yield Path(name)


def make_list(folder: Path, name: str, rows: int) -> Path:
    """Write a list, unless it is there.  Its URLs say no host: `measure` names one for them."""
    path = folder / f"{rows}-{name}"
    if path.exists():
        return path
    if name == "flat.csv":
        with path.open("wb") as file:
            for table in make_tables(rows):
                options = pyarrow.csv.WriteOptions(include_header=False)
                pyarrow.csv.write_csv(table, file, options)
        return path
    tables = map(make_documents, make_tables(rows)) if "documents" in name else make_tables(rows)
    writer = None
    for table in tables:
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
    if writer is not None:
        writer.close()
    return path


def make_tables(rows: int) -> Iterator[pa.Table]:
    for start in range(0, rows, BATCH_ROWS):
        ids = range(start, min(start + BATCH_ROWS, rows))
        urls = [f"http://list.test/{i - i % DUPLICATE_EVERY // 4}/a-photo.jpg" for i in ids]
        yield pa.table({
            "id": ids,
            "url": urls,
            "similarity": [i * 7919 % 1000 / 1000 for i in ids],
            "caption": [f"a photo with the number {i}" for i in ids],
        })  # fmt: skip


def make_documents(table: pa.Table) -> pa.Table:
    images = pa.StructArray.from_arrays([table["url"].combine_chunks()], names=["url"])
    offsets = pa.array(range(0, len(images) + 1, IMAGES_PER_DOCUMENT), pa.int32())
    return pa.table({"images": pa.ListArray.from_arrays(offsets, images)})


def measure(path: Path, options: list[str], answers: Answers, seconds: float) -> Seen:
    """Run over the list for so many seconds, through a proxy: so any host is this server."""
    answers.first = None
    seen = Seen()
    with TemporaryDirectory(prefix="img2dataset-lists-") as output:
        begun = time.monotonic()
        run = subprocess.Popen(
            [
                sys.executable, "-m", "img2dataset", f"--url_list={path}", *options,
                f"--output_folder={output}/out", "--output_format=dummy", "--timeout=10",
            ],
            env={"http_proxy": f"http://127.0.0.1:{answers.port}", "PATH": ""},
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while run.poll() is None and time.monotonic() < begun + seconds:
            sizes = dict(processes_of(run.pid))
            parent = resident(sizes.pop("parent"))
            seen.parent.append(parent)
            seen.workers.append(sum(map(resident, sizes.values())))
            seen.cpu = max(seen.cpu, cpu_of(run.pid))
            time.sleep(EVERY_SECONDS)
        run.send_signal(signal.SIGINT)
        run.wait()
    seen.first_request = None if answers.first is None else answers.first - begun
    return seen


def cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / 100


def describe(case: str, seen: Seen) -> str:
    first = "never" if seen.first_request is None else f"{seen.first_request:.2f}"
    parent, workers = map(by_quarters, (seen.parent, seen.workers))
    return f"| {case} | {first} | {seen.cpu:.1f} | {parent} | {workers} |"


def by_quarters(sizes: list[float]) -> str:
    step = max(1, len(sizes) // 4)
    return ", ".join(f"{median(sizes[at : at + step]):.0f}" for at in range(0, 4 * step, step))


if __name__ == "__main__":
    main()
