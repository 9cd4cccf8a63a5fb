"""Measure what distribution costs the driver: `python -m benchmarks.distribution`.

The list has one row for each shard: the driver of a Parquet list sees shards, not rows.
"""

from __future__ import annotations

import os
import pickle
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from img2dataset.distributors import ShardStored, Work
from img2dataset.distributors.tasks import TaskOutcome, TaskTracker, do_task
from img2dataset.job import Job
from img2dataset.options import Options
from img2dataset.records import Shard
from img2dataset.sources import Source, SourceConfig, open_source
from img2dataset.tally import ShardResult, Tally

SHARDS = 100_000
WORKERS = 64
ENTRY = "img2dataset.worker.main:serve"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "list.parquet")
        urls = [f"http://127.0.0.1:9/{number}.jpg" for number in range(SHARDS)]
        pq.write_table(pa.table({"url": urls}), path, row_group_size=10_000)
        options = Options(
            str(path), input_format="parquet", number_sample_per_shard=1,
            output_folder=str(Path(folder, "out")),
        )  # fmt: skip
        plan(open_source(options.url_list, SourceConfig.of(options)))
        starts(Job(options, SourceConfig.of(options)), str(path))


def result(shard: Shard) -> ShardResult:
    return ShardResult(shard.id, f"{shard.id:05d}", Tally(), 0.0, 1.0)


@contextmanager
def timed(what: str, count: int) -> Iterator[None]:
    wall, used = time.monotonic(), cpu()
    yield
    wall, used = time.monotonic() - wall, cpu() - used
    print(f"{what}: {wall:.2f} s, {used:.2f} s of CPU; {1000 * used / count:.3f} ms of CPU each")


def cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def memory() -> int:
    """Return the resident memory of this process, in kB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1000


def plan(source: Source) -> None:
    """Track the tasks of 100,000 shards, with an engine that takes no time."""
    before, most, sent, tasks = memory(), 0, 0, 0
    stored: list[int] = []
    book = TaskTracker(
        Work(ENTRY, 1, 1),
        source.shards(1),
        lambda event: stored.append(event.result.id) if isinstance(event, ShardStored) else None,
    )
    with timed(f"driver, {SHARDS} shards", SHARDS):
        while not book.over:
            for task in book.next_batch(WORKERS):
                tasks, sent = tasks + 1, sent + len(task.data)
                book.handle_outcome(
                    task.number, TaskOutcome(tuple(map(result, task.shards)), {}, ())
                )
            most = max(most, memory())
    assert len(stored) == SHARDS
    print(f"driver: {(most - before) / 1000:.1f} MB more than before, in {tasks} tasks")
    print(f"sent: {sent / SHARDS:.0f} bytes for each shard, {sent / tasks:.0f} for each task")
    outcome = TaskOutcome(tuple(result(Shard(n, 1, pa.table({}))) for n in range(3)), {}, ())
    print(f"returned: {len(pickle.dumps(outcome)) / 3:.0f} bytes for each shard, counts apart")


def starts(job: Job, path: str) -> None:
    """Run tasks of one row that is refused at once: what remains is the start and end of a worker."""
    source = open_source(path, job.source)
    shard = next(source.shards(1))
    times = 5
    with timed(f"{times} tasks with nothing to download", times):
        for _ in range(times):
            do_task(ENTRY, job, pickle.dumps([shard]))


if __name__ == "__main__":
    main()
