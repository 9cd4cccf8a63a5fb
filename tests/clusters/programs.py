"""Programs that use a cluster on this machine: started, watched, and seen to leave nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from tests.e2e.dataset import Dataset
from tests.site import Site

ROOT = Path(__file__).parents[2]
ROWS = 60
ROWS_PER_SHARD = 6
SHARDS = ROWS // ROWS_PER_SHARD
MARK = "IMG2DATASET_TEST_PROGRAM"


def write_list(site: Site, folder: Path) -> None:
    """urls.parquet, of a site that takes its time; some rows fail."""
    urls = [site.url(f"/slow?seconds=0.4&n={number}") for number in range(ROWS)]
    urls[::10] = [site.url(f"/status/404?n={number}") for number in range(0, ROWS, 10)]
    table = pa.table({"url": urls, "caption": [f"no. {number}" for number in range(ROWS)]})
    pq.write_table(table, folder / "urls.parquet", row_group_size=40)


def example(page: str) -> str:
    """The program that a page of the documentation shows, with shards that suit a test."""
    code: str
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    assert "10_000" in code
    return code.replace("10_000", str(ROWS_PER_SHARD))


@dataclass(frozen=True)
class Program:
    """A running program; every process it starts inherits its mark."""

    mark: str
    process: subprocess.Popen[str]

    def processes(self, words: str) -> list[int]:
        """Those of its processes whose command line has these words."""
        return [pid for pid in marked(self.mark) if words in command_line(pid)]

    def result(self, timeout: float = 250) -> tuple[str, str]:
        """What it said, on both streams."""
        return self.process.communicate(timeout=timeout)


@contextmanager
def running(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[Program]:
    """A program in `folder`; it must have left nothing running when the block ends."""
    mark = uuid4().hex
    # short: there are sockets in it, whose names may have 107 characters
    temporary = tempfile.mkdtemp(prefix="i2d")
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={
            **os.environ, **environment, MARK: mark,
            "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable,
            # three of them start: this is twice as fast
            "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto",
            "RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": temporary, "PYTHONPATH": str(ROOT),
            # 127.0.0.1 stays what it is
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        },
    )  # fmt: skip
    try:
        yield Program(mark, process)
        wait_for(lambda: not marked(mark), "everything to end", 30)
    finally:
        for pid in marked(mark):
            os.kill(pid, 9)
        process.communicate()
        shutil.rmtree(temporary, ignore_errors=True)


def marked(mark: str) -> list[int]:
    """The processes that have inherited a mark."""
    every = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [pid for pid in every if mark.encode() in read_proc(pid, "environ")]


def read_proc(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it has ended
        return b""


def command_line(pid: int) -> str:
    return read_proc(pid, "cmdline").replace(b"\0", b" ").decode()


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 200) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


def to_store_too(distributor: str) -> str:
    """Code that follows the example: the cluster is as it was, and does this as well."""
    return f"""
import os
common = dict(
    input_format="parquet", caption_col="caption", output_format="webdataset",
    number_sample_per_shard={ROWS_PER_SHARD}, distributor="{distributor}",
)
report = download("urls.parquet", output_folder=os.environ["STORE"], **common)
print("store:", report.exit_code, report.count)
"""


def command(distributor: str, *options: str) -> list[str]:
    """A run into the folder `own`, on a cluster of our own."""
    return [
        sys.executable, "-m", "img2dataset", "urls.parquet", "--output_folder=own",
        "--input_format=parquet", "--caption_col=caption", "--output_format=webdataset",
        f"--number_sample_per_shard={ROWS_PER_SHARD}", f"--distributor={distributor}",
        "--processes_count=2", "--subjob_size=5", *options,
    ]  # fmt: skip


@contextmanager
def something_in_the_way(folder: Path) -> Iterator[None]:
    """The third shard cannot be stored."""
    way = folder / "00002.tar" / "in the way"
    way.mkdir(parents=True)
    yield
    way.rmdir()
    way.parent.rmdir()


def check_equal(folder: Path, expected: Dataset) -> None:
    """Every row is there, once, as it would be without a cluster."""
    made = Dataset(folder)
    assert made.members() == expected.members()
    assert made.table.equals(expected.table)


def shards_done(folder: Path) -> int:
    return len(list(folder.glob("*_stats.json")))
