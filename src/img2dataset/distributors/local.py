"""Shards -> worker processes on this machine, watched: the run ends whatever dies.

A worker that dies is noticed by the end of its pipe.  Another one takes its place, and the
shards it had open are done again at the end, like those that failed, but carefully: what killed
it should now cost a row only.  What is done again is given to a worker that has nothing else open,
so that a shard that kills its worker all the same takes no other shard with it twice.

The first worker is started before the job is known, and the others as there are shards for
them: starting takes longer than most of what is done meanwhile.
"""

from __future__ import annotations

import logging
import pickle
import queue
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from img2dataset.distributors import (
    Counted,
    Failed,
    Halted,
    Handle,
    Lost,
    Notice,
    Ready,
    Stop,
    Stored,
    Take,
    Want,
    Work,
    WorkerPool,
)
from img2dataset.distributors.shard_supply import Supply
from img2dataset.errors import RunError
from img2dataset.process.spawn import describe_exit, start_python
from img2dataset.records import Shard

log = logging.getLogger(__name__)

TICK = 0.25
"""Seconds after which `handle` is called even though nothing happened."""
MAX_FAILED_STARTS = 3
"""Workers in a row that die before they are ready; after that it is no accident."""
MANY_DEATHS = 5
"""Workers that died with shards open; after that all shards are done carefully, which costs less
than to do so many again."""
GRACE = 5.0
"""Seconds that workers have to end when they are told to."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker's pipe has ended."""


@dataclass(eq=False, slots=True)
class Process:
    """A worker process, as its supervisor sees it."""

    popen: subprocess.Popen[bytes]
    listener: threading.Thread | None = None
    open: dict[int, Shard] = field(default_factory=dict)
    ready: bool = False
    wants: bool = False
    alone: bool = False
    """Whether it is doing a shard again, which it must not share with others."""

    def tell(self, message: Any) -> None:
        assert self.popen.stdin is not None  # noqa: S101  (for the type checker)
        try:
            self.popen.stdin.write(pickle.dumps(message, protocol=5))
            self.popen.stdin.flush()
        except OSError:
            log.debug("worker %d is gone", self.popen.pid)  # its pipe's end tells the same


@contextmanager
def start_workers(work: Work) -> Iterator[Supervisor]:
    """Start the first of `work.processes` processes; the others follow in `run`."""
    supervisor = Supervisor(work)
    try:
        supervisor.start()
        yield supervisor
    finally:
        supervisor.stop()


class Supervisor:
    """Keeps workers alive and busy until every shard is stored or given up."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._job: Any = None
        self._supply = Supply(iter(()))
        self._handle: Handle = lambda _: None
        self._errors: dict[int, str] = {}  # shards that were given up, and why
        self._running = False
        self._first: deque[Shard] = deque()  # read to see how many processes there is work for
        self._again: deque[Shard] = deque()
        self._attempts: dict[int, int] = {}
        self._isolated: set[int] = set()  # shards that were open in a worker that died
        self._processes: list[Process] = []
        self._inbox: queue.SimpleQueue[tuple[Process, Any]] = queue.SimpleQueue()
        self._failed_starts = 0
        self._deaths = 0
        self._said: set[str] = set()

    def crew(self) -> WorkerPool:
        return WorkerPool(self._work.processes)

    def run(self, job: Any, shards: Iterator[Shard], handle: Handle) -> dict[int, str]:
        """Do all `shards`; return those not done with their errors."""
        self._job, self._supply, self._handle = job, Supply(shards), handle
        self._running = True
        try:
            for process in self._processes:
                process.tell(job)
            self._supervise()
        except KeyboardInterrupt:
            handle(Notice("stopping; Ctrl-C again stops at once"))
            self.stop()
            self._take_in_the_last()
            raise
        finally:
            self.stop()
        return self._errors

    def _take_in_the_last(self) -> None:
        """Shards that were stored while the workers ended."""
        while not self._inbox.empty():
            _, message = self._inbox.get()
            if isinstance(message, Stored):
                self._handle(message)

    def _supervise(self) -> None:
        next_tick = time.monotonic() + TICK
        while not self._finished():
            starting = self._start_another()
            try:
                process, message = self._inbox.get(timeout=0 if starting else TICK)
            except queue.Empty:
                pass
            else:
                self._take_in(process, message)
            if time.monotonic() >= next_tick:
                next_tick = time.monotonic() + TICK
                self._handle(None)
        self._supply.check()

    def _start_another(self) -> bool:
        """Read a shard ahead, and start a process if it is one more than there are processes;
        say whether there may be work for yet another."""
        if self._supply.over or len(self._processes) >= self._work.processes:
            return False
        shard = self._supply.next()
        if shard is not None:
            self._first.append(shard)
            if self._supply.count > len(self._processes):
                self.start()
        return True

    def stop(self) -> None:
        """End all workers: kindly, then not; at once those that have done nothing yet."""
        for process in self._processes:
            if process.ready:
                process.tell(Stop())
            else:
                process.popen.kill()
        deadline = time.monotonic() + GRACE
        for process in self._processes:
            try:
                process.popen.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.popen.kill()
                process.popen.wait()
            close(process)
        self._processes.clear()

    def _finished(self) -> bool:
        busy = any(process.open for process in self._processes)
        return self._supply.over and not self._first and not self._again and not busy

    def start(self) -> None:
        """Start a process; it can be told its job later."""
        popen = start_python("img2dataset.distributors.child", self._work.entry)
        process = Process(popen)
        self._processes.append(process)
        if self._running:
            process.tell(self._job)
        process.listener = threading.Thread(
            target=self._listen, args=(process,), name=f"worker-{popen.pid}", daemon=True
        )
        process.listener.start()

    def _listen(self, process: Process) -> None:
        assert process.popen.stdout is not None  # noqa: S101  (for the type checker)
        while True:
            try:
                message = pickle.load(process.popen.stdout)  # noqa: S301  (our own child)
            except (EOFError, OSError, pickle.UnpicklingError, ValueError):
                message = Ended()
            self._inbox.put((process, message))
            if isinstance(message, Ended):
                return

    def _take_in(self, process: Process, message: Any) -> None:
        match message:
            case Ready():
                process.ready = True
                self._failed_starts = 0
            case Want():
                process.wants = True
                self._feed(process)
            case Counted() | Notice():
                self._pass_on(message)
            case Stored(result=result):
                self._close_shard(process, result.id)
                self._errors.pop(result.id, None)
                self._handle(message)
            case Failed(shard_id=shard_id, error=error, final=final):
                self._give_back(self._close_shard(process, shard_id), error, final=final)
            case Halted(error=error):
                raise RunError(error)
            case Ended():
                self._bury(process)
        if self._supply.over and self._again:
            for waiting in self._processes:
                self._feed(waiting)

    def _pass_on(self, event: Counted | Notice) -> None:
        if isinstance(event, Notice):
            if event.subject in self._said:  # another worker has said it
                return
            self._said.add(event.subject)
        self._handle(event)

    def _feed(self, process: Process) -> None:
        """Give `process` the next shard, if it wants one and there is one for it."""
        if not process.wants or process.alone:
            return
        shard = self._next_shard()
        if shard is not None:
            self._hand_over(process, shard)
            return
        if self._again and not process.open:
            process.alone = True
            self._hand_over(process, self._again.popleft())

    def _next_shard(self) -> Shard | None:
        return self._first.popleft() if self._first else self._supply.next()

    def _hand_over(self, process: Process, shard: Shard) -> None:
        process.wants = False
        process.open[shard.id] = shard
        isolated = shard.id in self._isolated or self._deaths >= MANY_DEATHS
        process.tell(Take(shard, isolated))

    def _close_shard(self, process: Process, shard_id: int) -> Shard:
        process.alone = False
        return process.open.pop(shard_id)

    def _give_back(
        self, shard: Shard, error: str, *, died: bool = False, final: bool = False
    ) -> None:
        """A shard was not stored: do it again at the end, or give it up.  After a death it is
        done again in any case, unless that was done carefully."""
        self._errors[shard.id] = error
        self._handle(Lost(shard.id))
        attempts = self._attempts[shard.id] = self._attempts.get(shard.id, 0) + 1
        isolated = died and shard.id not in self._isolated
        if isolated:
            self._isolated.add(shard.id)
        if isolated or (attempts <= self._work.max_shard_retry and not final):
            self._again.append(shard)
            how = "again, carefully" if isolated else "again"
            self._handle(Notice(f"shard {shard.id} failed and will be done {how}: {error}"))
        else:
            self._handle(Notice(f"shard {shard.id} failed: {error}"))

    def _bury(self, process: Process) -> None:
        """A worker has ended by itself: take its shards back and replace it."""
        self._processes.remove(process)
        status = process.popen.wait()
        close(process)
        how = describe_exit(status)
        if not process.ready:
            self._failed_starts += 1
            if self._failed_starts >= MAX_FAILED_STARTS:
                raise RunError(f"workers do not start ({how}); see the messages above")
        lost = list(process.open.values())
        self._deaths += bool(lost)
        self._handle(Notice(f"a worker died ({how}); shards it had open: {len(lost)}"))
        for shard in lost:
            self._give_back(shard, f"its worker died ({how})", died=True)
        if not self._finished():
            self.start()


def close(process: Process) -> None:
    """Close the pipes of a process that has ended."""
    if process.listener is not None:
        process.listener.join()
    for pipe in (process.popen.stdin, process.popen.stdout):
        assert pipe is not None  # noqa: S101  (for the type checker)
        try:
            pipe.close()
        except OSError:
            log.debug("unsent messages to worker %d are dropped", process.popen.pid)
