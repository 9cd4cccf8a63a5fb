"""Shards -> tasks of a Ray cluster: so many at once, results as they come."""

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
    shorten_error,
)
from img2dataset.distributors.signals import keep_signal_handlers
from img2dataset.distributors.tasks import (
    MAX_FAILED_BATCHES,
    TICK,
    Outcome,
    Task,
    TaskTracker,
    do_task,
)
from img2dataset.errors import OptionError
from img2dataset.process.startup import end_minimal
from img2dataset.records import Shard

RETRIES = 3
"""Times that Ray does a task again whose node was lost; it is not the shard's fault."""
CORES = 1
"""Of one task, as Ray counts them."""
STORE_BYTES = 200_000_000
"""Object store of a cluster of ours: only line formats put their rows there."""


def start_workers(work: Work) -> AbstractContextManager[RayWorkers]:
    return close_at_end("ray", RayWorkers(work))


class RayWorkers:
    """The tasks of a Ray cluster: the connected one, a running one, or one of ours."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._ray: Any = None
        self._connected = False  # by us
        self._own = False

    def describe_pool(self) -> WorkerPool:
        self._find_cluster()
        if self._own:
            cores = max(1, (os.cpu_count() or 1) // self._work.processes)
            return WorkerPool(self._work.processes, cores, remote=True)
        return WorkerPool(self._places(), CORES, remote=True)

    def run(self, job: Any, shards: Iterator[Shard], handle: Handle) -> dict[int, str]:
        """Do all `shards`; return those not done with their errors."""
        self._find_cluster()
        book = TaskTracker(self._work, shards, handle)
        book.begin(self._places())
        flight = Flight(self._ray, self._work.entry, job)
        try:
            while not book.over:
                self._submit(book, flight)
                flight.land(book)
                handle(None)
        finally:
            flight.cancel()
        return book.close()

    def _submit(self, book: TaskTracker, flight: Flight) -> None:
        """Keep more tasks in flight than there are places, so that none is empty for long."""
        places = self._places()
        while len(flight) < 2 * places:
            if not flight.waiting:
                flight.waiting.extend(book.next_batch(places))
            if not flight.waiting:
                return
            flight.start(flight.waiting.popleft())

    def _places(self) -> int:
        """Tasks that run at once, for now: nodes come and go."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)) // CORES)

    def close(self) -> None:
        if self._connected:
            self._connected = False
            self._ray.shutdown()

    def _find_cluster(self) -> None:
        if self._ray is not None:
            return
        end_minimal()
        import ray  # noqa: PLC0415  (an extra, and slow)

        self._ray = ray
        with keep_signal_handlers():
            if not ray.is_initialized():
                self._own = connect(ray, self._work.processes)
                self._connected = True
        ask = ray.remote(num_cpus=CORES)(import_worker)
        check_workers(
            "ray",
            "docs/ray.md",
            lambda: str(ray.get(ask.remote(self._work.entry))),
            (ray.exceptions.RayError,),
        )


def connect(ray: Any, processes: int) -> bool:
    """Connect to the cluster that RAY_ADDRESS names or that runs here; else start one, and say
    so."""
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
    # nobody has asked for a cluster, and so nobody would know that it tells its maker about it
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(
        address="local",
        num_cpus=processes,
        include_dashboard=False,
        object_store_memory=STORE_BYTES,
        logging_level=logging.WARNING,
        _node_ip_address="127.0.0.1",
    )
    return True


def check_listens(address: str) -> None:
    """Raise OSError if nobody listens at host:port: Ray takes two minutes to say so."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "://" not in address:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


class Flight:
    """Tasks under way."""

    def __init__(self, ray: Any, entry: str, job: Any) -> None:
        self.waiting: deque[Task] = deque()
        self._ray = ray
        self._entry = entry
        self._job = ray.put(pickle.dumps(job, protocol=5))
        self._start = ray.remote(num_cpus=CORES, max_retries=RETRIES)(do_packed)
        self._numbers: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def start(self, task: Task) -> None:
        place = self._start.remote(self._entry, self._job, task.data)
        self._numbers[place] = task.number

    def land(self, book: TaskTracker) -> None:
        """Take in what has ended, if anything does within a moment."""
        if not self._numbers:
            return
        ended, _ = self._ray.wait(list(self._numbers), num_returns=1, timeout=TICK)
        for place in ended:
            number = self._numbers.pop(place)
            try:
                outcome: Outcome = self._ray.get(place)
            except self._ray.exceptions.RayError as error:
                # one bad node fails many tasks, and the others go on
                book.lose(
                    [number], shorten_error(error), most=max(MAX_FAILED_BATCHES, 2 * len(self))
                )
            else:
                book.take(number, outcome)

    def cancel(self) -> None:
        """End what is under way."""
        places = list(self._numbers)
        for place in places:
            self._ray.cancel(place, force=True)
        if places:
            self._ray.wait(places, num_returns=len(places), timeout=10)
        self._numbers.clear()


def do_packed(entry: str, job: bytes, data: bytes) -> Outcome:
    """On a node: do a task."""
    return do_task(entry, pickle.loads(job), data)  # noqa: S301  (from our own driver)
