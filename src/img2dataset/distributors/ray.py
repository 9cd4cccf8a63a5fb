"""Shards -> tasks of a Ray cluster: a bounded number in flight, results as they come."""

from __future__ import annotations

import logging
import os
import pickle
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from img2dataset.distributors import Handle, Work, WorkerPool
from img2dataset.distributors.cluster import (
    check_workers,
    close_at_end,
    import_worker,
    share_cores,
    shorten_error,
)
from img2dataset.distributors.signals import keep_signal_handlers
from img2dataset.distributors.tasks import (
    MAX_FAILED_BATCHES,
    TICK_S,
    ClusterTask,
    TaskOutcome,
    TaskTracker,
    do_task,
)
from img2dataset.errors import OptionError
from img2dataset.process.startup import end_minimal
from img2dataset.records import Shard

MAX_TASK_RETRIES = 3
"""By Ray, when the node of a task was lost: that does not count against its shards."""
CORES_PER_TASK = 1
"""As Ray counts them."""
OBJECT_STORE_BYTES = 200_000_000
"""Of a cluster that this run starts: only line formats put their rows there."""
CONNECT_TIMEOUT_S = 10
CANCEL_TIMEOUT_S = 10


def start_workers(work: Work) -> AbstractContextManager[RayWorkers]:
    return close_at_end("ray", RayWorkers(work))


class RayWorkers:
    """The tasks of a Ray cluster: the connected one, a running one, or one that this run starts."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._ray: Any = None
        self._connected = False  # by this run
        self._own = False

    def describe_pool(self) -> WorkerPool:
        self._open_cluster()
        if self._own:
            processes = self._work.processes
            return WorkerPool(processes, share_cores(processes), remote=True)
        return WorkerPool(self._count_slots(), CORES_PER_TASK, remote=True)

    def run(self, job: Any, shards: Iterator[Shard], handle: Handle) -> dict[int, str]:
        """Do all `shards`; return those that were given up, with their errors."""
        self._open_cluster()
        tracker = TaskTracker(self._work, shards, handle)
        tracker.announce(self._count_slots())
        in_flight = TasksInFlight(self._ray, self._work.entry, job)
        try:
            while not tracker.over:
                self._submit(tracker, in_flight)
                in_flight.collect(tracker)
                handle(None)
        finally:
            in_flight.cancel()
        return tracker.finish()

    def _submit(self, tracker: TaskTracker, in_flight: TasksInFlight) -> None:
        """Keep more tasks in flight than there are slots, so that no slot is empty for long."""
        slots = self._count_slots()
        while len(in_flight) < 2 * slots:
            if not in_flight.waiting:
                in_flight.waiting.extend(tracker.next_batch(slots))
            if not in_flight.waiting:
                return
            in_flight.start(in_flight.waiting.popleft())

    def _count_slots(self) -> int:
        """Count the tasks that run at once, for now: nodes come and go."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)) // CORES_PER_TASK)

    def close(self) -> None:
        if self._connected:
            self._connected = False
            self._ray.shutdown()

    def _open_cluster(self) -> None:
        if self._ray is not None:
            return
        end_minimal()
        import ray  # noqa: PLC0415  (an extra, and slow)

        self._ray = ray
        with keep_signal_handlers():
            if not ray.is_initialized():
                self._own = connect(ray, self._work.processes)
                self._connected = True
        ask = ray.remote(num_cpus=CORES_PER_TASK)(import_worker)
        check_workers(
            "ray",
            "docs/ray.md",
            lambda: str(ray.get(ask.remote(self._work.entry))),
            (ray.exceptions.RayError,),
        )


def connect(ray: Any, processes: int) -> bool:
    """Connect to the cluster that RAY_ADDRESS names or that runs here, else start one.

    Return whether this run started it.
    """
    named = os.environ.get("RAY_ADDRESS")
    if named != "local":
        try:
            if named:
                check_listens(named)
            ray.init(address=named or "auto", logging_level=logging.WARNING)
        except OSError as error:  # Ray's ConnectionError is one
            if named:
                raise OptionError(
                    f"distributor is 'ray': no cluster answers at RAY_ADDRESS={named}"
                ) from error
        else:
            return False
    # the user did not ask for a cluster, and would not know that Ray reports its use
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(
        address="local",
        num_cpus=processes,
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        logging_level=logging.WARNING,
        _node_ip_address="127.0.0.1",
    )
    return True


def check_listens(address: str) -> None:
    """Raise OSError if no server listens at host:port: Ray takes two minutes to say so."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "://" not in address:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT_S).close()


class TasksInFlight:
    """Tasks that were submitted and have not ended."""

    def __init__(self, ray: Any, entry: str, job: Any) -> None:
        self.waiting: deque[ClusterTask] = deque()
        self._ray = ray
        self._entry = entry
        self._job = ray.put(pickle.dumps(job, protocol=5))
        self._start = ray.remote(num_cpus=CORES_PER_TASK, max_retries=MAX_TASK_RETRIES)(do_packed)
        self._numbers: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def start(self, task: ClusterTask) -> None:
        result = self._start.remote(self._entry, self._job, task.data)
        self._numbers[result] = task.number

    def collect(self, tracker: TaskTracker) -> None:
        """Hand over the outcomes of tasks that have ended; wait a moment if there is none."""
        if not self._numbers:
            return
        ended, _ = self._ray.wait(list(self._numbers), num_returns=1, timeout=TICK_S)
        for result in ended:
            number = self._numbers.pop(result)
            try:
                outcome: TaskOutcome = self._ray.get(result)
            except self._ray.exceptions.RayError as error:
                # one bad node fails many tasks, and the others go on
                tracker.handle_failure(
                    [number],
                    shorten_error(error),
                    max_failures=max(MAX_FAILED_BATCHES, 2 * len(self)),
                )
            else:
                tracker.handle_outcome(number, outcome)

    def cancel(self) -> None:
        """End the tasks in flight."""
        results = list(self._numbers)
        for result in results:
            self._ray.cancel(result, force=True)
        if results:
            self._ray.wait(results, num_returns=len(results), timeout=CANCEL_TIMEOUT_S)
        self._numbers.clear()


def do_packed(entry: str, job: bytes, data: bytes) -> TaskOutcome:
    """Do a task, on a node."""
    return do_task(entry, pickle.loads(job), data)  # noqa: S301  (from our own driver)
