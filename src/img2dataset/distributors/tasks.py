"""Shards -> tasks of a cluster; what came of a task -> shards done, to do again, or given up.

What Spark and Ray have in common.  A task is a few shards: they are done where the task runs, by
a worker process of its own, which `local` watches.  So what kills the worker does not kill the
engine's process, and the slowest URLs of one shard do not hold up the next.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from img2dataset.distributors import Event, Handle, Notice, Stored, Work
from img2dataset.distributors.local import start_workers
from img2dataset.distributors.shard_queue import ShardQueue, skip_repeated_notices
from img2dataset.errors import RunError
from img2dataset.records import Shard
from img2dataset.tally import ShardResult
from img2dataset.text import plural

MOST_SHARDS = 2
"""Shards of a task at most.  The second is downloaded while the slowest URLs of the first time
out; with more, stragglers would be longer, and the driver would hear of them later."""
WAVES = 4
"""Tasks that each worker gets of a batch, if there are enough shards."""
BATCH_BYTES = 64_000_000
"""Of a batch at most: the rows of line formats travel with it, and the engine keeps it."""
MAX_FAILED_BATCHES = 3
"""Failures of the engine in a row without one shard done; after that it is no accident."""


TICK = 0.25
"""Seconds after which `handle` is called even though nothing happened."""


# -- where the task runs --
@dataclass(frozen=True, slots=True)
class Outcome:
    """What a task did with its shards; each is in one of the first two."""

    stored: tuple[ShardResult, ...]
    errors: Mapping[int, str]
    notices: tuple[Notice, ...]


def do_task(entry: str, job: Any, data: bytes) -> Outcome:
    """Do the shards of a task."""
    stored: list[ShardResult] = []
    notices: list[Notice] = []

    def take(event: Event | None) -> None:
        match event:
            case Stored(result=result):
                stored.append(result)
            case Notice() as notice:
                notices.append(notice)

    with start_workers(Work(entry, processes=1, max_shard_retry=0)) as workers:
        shards: list[Shard] = pickle.loads(data)  # noqa: S301  (from our own driver)
        errors = workers.run(job, iter(shards), take)
    return Outcome(tuple(stored), errors, tuple(notices))


# -- where the run is --
@dataclass(frozen=True, slots=True)
class Task:
    """Shards to be done in one place."""

    number: int
    shards: tuple[Shard, ...]
    data: bytes
    """The shards, as they travel."""


def shards_per_task(shards: int, workers: int) -> int:
    """How many shards each task of a batch has."""
    return min(MOST_SHARDS, max(1, shards // (WAVES * workers)))


class TaskTracker:
    """Who has which shard, and what became of it.  Used from one thread."""

    def __init__(self, work: Work, shards: Iterator[Shard], handle: Handle) -> None:
        self._work = work
        self._queue = ShardQueue(shards, work.max_shard_retry, handle)
        self._handle = handle
        self._notify = skip_repeated_notices(handle)
        self._tasks: dict[int, Task] = {}
        self._begun = 0
        self._failures = 0

    @property
    def tasks_open(self) -> int:
        return len(self._tasks)

    @property
    def over(self) -> bool:
        return self._queue.empty and not self._tasks

    def close(self) -> dict[int, str]:
        """The shards that were given up, and why; to be called when all is over."""
        return self._queue.finish()

    def next_batch(self, workers: int) -> list[Task]:
        """The next tasks; none if there are none for now.

        Shards that failed come last, each in a task of its own: one that kills its worker takes
        no other with it twice.
        """
        shards = list(self._read_batch())
        size = shards_per_task(len(shards), workers)
        if not shards:
            shards, size = list(iter(self._queue.next_retry, None)), 1
        return [self._open(shards[at : at + size]) for at in range(0, len(shards), size)]

    def _read_batch(self) -> Iterator[Shard]:
        size = 0
        for _ in range(self._work.batch):
            shard = self._queue.next_new() if size < BATCH_BYTES else None
            if shard is None:
                return
            size += getattr(shard.rows, "nbytes", 0)
            yield shard

    def _open(self, shards: Sequence[Shard]) -> Task:
        task = Task(self._begun, tuple(shards), pickle.dumps(list(shards), protocol=5))
        self._begun += 1
        self._tasks[task.number] = task
        return task

    def take(self, number: int, outcome: Outcome) -> None:
        """A task has ended.  The second end of a task that was tried twice says nothing new."""
        task = self._tasks.pop(number, None)
        if task is None:
            return
        self._failures = 0
        for notice in outcome.notices:
            self._notify(notice)
        stored = {result.id: result for result in outcome.stored}
        for shard in task.shards:
            if shard.id in stored:
                self._queue.note_stored(Stored(stored[shard.id]))
            else:
                self._give_back(shard, outcome.errors.get(shard.id, "its task did not say why"))

    def lose(self, numbers: Iterable[int], why: str, *, most: int = MAX_FAILED_BATCHES) -> None:
        """The engine failed; those of these tasks that had not ended are lost.  `most` failures
        without one shard done between them are no accident."""
        lost = [self._tasks.pop(number) for number in numbers if number in self._tasks]
        if not lost:
            return
        self._failures += 1
        if self._failures >= most:
            raise RunError(f"the cluster does no task: {why}")
        shards = [shard for task in lost for shard in task.shards]
        what = f"{plural(len(lost), 'task')} with {plural(len(shards), 'shard')}"
        self._notify(Notice(f"the cluster lost {what}: {why}"))
        for shard in shards:
            self._give_back(shard, why)

    def _give_back(self, shard: Shard, error: str) -> None:
        """A shard was not stored: do it again at the end, or give it up."""
        if self._queue.give_back(shard, error):
            self._handle(Notice(f"shard {shard.id} will be done again"))

    def begin(self, workers: int) -> None:
        """Say why nothing is heard at first."""
        self._notify(
            Notice(
                f"{plural(workers, 'worker')} at once; each tells what it did when its task ends"
            )
        )
