"""Shards -> tasks of a cluster; the outcome of a task -> shards stored, retried or given up.

What Spark and Ray have in common.  A task is a few shards: a worker process of its own does them
where the task runs, and `local` watches it.  So a crash of the worker does not kill the engine's
process, and the slowest URLs of one shard do not hold up the next.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from img2dataset.distributors import Event, Handle, Notice, ShardStored, Work
from img2dataset.distributors.local import start_workers
from img2dataset.distributors.shard_queue import ShardQueue, skip_repeated_notices
from img2dataset.errors import RunError
from img2dataset.records import Shard
from img2dataset.tally import ShardResult
from img2dataset.text import plural

MAX_SHARDS_PER_TASK = 2
"""The second shard is downloaded while the slowest URLs of the first time out; with more shards,
stragglers would be longer, and the driver would learn of them later."""
TASKS_PER_WORKER = 4
"""In one batch, if there are enough shards."""
MAX_BATCH_BYTES = 64_000_000
"""The rows of line formats are part of a batch, and the engine keeps it in memory."""
MAX_FAILED_BATCHES = 3
"""Consecutive failures of the engine without a finished task; then the run ends."""

TICK_S = 0.25
"""Interval at which `handle` is called with None."""


# -- on a worker of the cluster --
@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """What became of the shards of a task: each is in `stored` or in `errors`."""

    stored: tuple[ShardResult, ...]
    errors: Mapping[int, str]
    notices: tuple[Notice, ...]


def do_task(entry: str, job: Any, data: bytes) -> TaskOutcome:
    """Do the shards of a task."""
    stored: list[ShardResult] = []
    notices: list[Notice] = []

    def keep(event: Event | None) -> None:
        match event:
            case ShardStored(result=result):
                stored.append(result)
            case Notice() as notice:
                notices.append(notice)

    with start_workers(Work(entry, processes=1, max_shard_retry=0)) as workers:
        shards: list[Shard] = pickle.loads(data)  # noqa: S301  (from our own driver)
        errors = workers.run(job, iter(shards), keep)
    return TaskOutcome(tuple(stored), errors, tuple(notices))


# -- in the driver --
@dataclass(frozen=True, slots=True)
class ClusterTask:
    """Shards that one worker does."""

    number: int
    shards: tuple[Shard, ...]
    data: bytes
    """The shards, pickled."""


def choose_task_size(shards: int, workers: int) -> int:
    """Choose how many shards each task of a batch has."""
    return min(MAX_SHARDS_PER_TASK, max(1, shards // (TASKS_PER_WORKER * workers)))


class TaskTracker:
    """Which task has which shards, and what became of them.  Used from one thread."""

    def __init__(self, work: Work, shards: Iterator[Shard], handle: Handle) -> None:
        self._work = work
        self._queue = ShardQueue(shards, work.max_shard_retry, handle)
        self._handle = handle
        self._notify = skip_repeated_notices(handle)
        self._tasks: dict[int, ClusterTask] = {}
        self._next_number = 0
        self._failures = 0

    @property
    def open_tasks(self) -> int:
        return len(self._tasks)

    @property
    def over(self) -> bool:
        return self._queue.empty and not self._tasks

    def finish(self) -> dict[int, str]:
        """Return the shards that were given up, and why; call it when all is over."""
        return self._queue.finish()

    def next_batch(self, workers: int) -> list[ClusterTask]:
        """Make the next tasks; none if there are none for now.

        Shards that failed come last, each in a task of its own: one that kills its worker takes
        no other with it twice.
        """
        shards = list(self._read_batch())
        size = choose_task_size(len(shards), workers)
        if not shards:
            shards, size = list(iter(self._queue.next_retry, None)), 1
        return [self._open(shards[at : at + size]) for at in range(0, len(shards), size)]

    def _read_batch(self) -> Iterator[Shard]:
        size = 0
        for _ in range(self._work.batch):
            shard = self._queue.next_new() if size < MAX_BATCH_BYTES else None
            if shard is None:
                return
            size += getattr(shard.rows, "nbytes", 0)
            yield shard

    def _open(self, shards: Sequence[Shard]) -> ClusterTask:
        task = ClusterTask(self._next_number, tuple(shards), pickle.dumps(list(shards), protocol=5))
        self._next_number += 1
        self._tasks[task.number] = task
        return task

    def handle_outcome(self, number: int, outcome: TaskOutcome) -> None:
        """Take the outcome of a task; the second one of a task that ran twice changes nothing."""
        task = self._tasks.pop(number, None)
        if task is None:
            return
        self._failures = 0
        for notice in outcome.notices:
            self._notify(notice)
        stored = {result.id: result for result in outcome.stored}
        for shard in task.shards:
            if shard.id in stored:
                self._queue.note_stored(ShardStored(stored[shard.id]))
            else:
                self._give_back(shard, outcome.errors.get(shard.id, "its task did not say why"))

    def handle_failure(
        self, numbers: Iterable[int], why: str, *, max_failures: int = MAX_FAILED_BATCHES
    ) -> None:
        """Retry the shards of those of these tasks that have not ended: the engine lost them.

        Raises:
            RunError: the engine has failed `max_failures` times without a finished task.
        """
        lost = [self._tasks.pop(number) for number in numbers if number in self._tasks]
        if not lost:
            return
        self._failures += 1
        if self._failures >= max_failures:
            raise RunError(f"the cluster does no task: {why}")
        shards = [shard for task in lost for shard in task.shards]
        what = f"{plural(len(lost), 'task')} with {plural(len(shards), 'shard')}"
        self._notify(Notice(f"the cluster lost {what}: {why}"))
        for shard in shards:
            self._give_back(shard, why)

    def _give_back(self, shard: Shard, error: str) -> None:
        """Retry a shard at the end, or give it up."""
        if self._queue.give_back(shard, error):
            self._handle(Notice(f"shard {shard.id} will be retried"))

    def announce(self, workers: int) -> None:
        """Say why there is no progress at first."""
        text = f"{plural(workers, 'worker')} at once; each reports when its task ends"
        self._notify(Notice(text))
