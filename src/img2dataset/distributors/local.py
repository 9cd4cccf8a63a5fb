"""Shards -> worker processes on this machine, watched: the run ends whatever dies.

When a worker dies, its pipe closes.  Another worker replaces it, and the shards it had open are
retried at the end, like those that failed, but isolated: the image that killed it should now cost
a row only.  A retried shard goes to a worker that has nothing else open, so that a shard that
kills its worker again takes no other shard with it twice.

The first worker is started before the job is known, and the others as there are shards for
them: starting takes longer than most of what is done meanwhile.

A worker that has sent a `LifeSign` is expected to go on: if it hangs with the GIL held, none of its
own threads can end it.
"""

from __future__ import annotations

import logging
import math
import pickle
import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from img2dataset.distributors import (
    Handle,
    LifeSign,
    Notice,
    RunHalted,
    SamplesSent,
    ShardFailed,
    ShardsCounted,
    ShardStored,
    ShardWanted,
    Stop,
    TakeShard,
    Work,
    WorkerPool,
    WorkerReady,
    WorkersCounted,
)
from img2dataset.distributors.shard_queue import ShardQueue, skip_repeated_notices
from img2dataset.errors import RunError
from img2dataset.process.forks import NO_FORK, OwnFiles
from img2dataset.process.spawn import (
    describe_exit,
    end_with_traceback,
    is_stopped,
    start_python,
    widen_pipe,
)
from img2dataset.records import Shard

log = logging.getLogger(__name__)

TICK_S = 0.25
"""Interval at which `handle` is called with None."""
MAX_FAILED_STARTS = 3
"""Consecutive workers that die before they are ready; then the run ends."""
MAX_DEATHS = 5
"""Workers that died with shards open; then all shards are isolated, which costs less than so many
retries."""
STOP_TIMEOUT_S = 5.0
"""Time for workers to exit after `Stop`; then they are killed."""


@dataclass(frozen=True, slots=True)
class PipeClosed:
    """The pipe of a worker has closed: the worker is dead."""


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Something has changed outside: another shard may begin, or the end was asked for."""


@dataclass(eq=False, slots=True)
class Process:
    """A worker process, as its supervisor sees it."""

    popen: subprocess.Popen[bytes]
    listener: threading.Thread | None = None
    open_shards: dict[int, Shard] = field(default_factory=dict)
    ready: bool = False
    wants: bool = False
    retrying: bool = False
    """Whether its open shard is a retry, which must be its only one."""
    patience: float = math.inf
    """See `LifeSign`."""
    silence: float = 0.0
    """Seconds since the last message, in ticks."""
    is_heard: bool = True
    """Whether messages are read: not while an outlet has no room."""

    def note_tick(self) -> None:
        """Another TICK_S went by.  It was not silent in it if it could not speak."""
        if self.is_heard and not is_stopped(self.popen):
            self.silence += TICK_S
        else:
            self.silence = 0.0

    def send(self, message: Any) -> None:
        assert self.popen.stdin is not None  # noqa: S101  (for the type checker)
        try:
            self.popen.stdin.write(pickle.dumps(message, protocol=5))
            self.popen.stdin.flush()
        except OSError:
            log.debug("worker %d is gone", self.popen.pid)  # its closed pipe is noticed elsewhere


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
    """Keep workers alive and busy until every shard is stored or given up."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._job: Any = None
        self._handle: Handle = lambda _: None
        self._notify = skip_repeated_notices(self._handle)
        self._queue = ShardQueue(iter(()), 0, self._handle)
        self._running = False
        self._isolated: set[int] = set()  # shards that were open in a worker that died
        self._processes: list[Process] = []
        self._pipes = OwnFiles()
        self._inbox: queue.SimpleQueue[tuple[Process | None, Any]] = queue.SimpleQueue()
        self._killed = False
        self._failed_starts = 0
        self._deaths = 0

    def describe_pool(self) -> WorkerPool:
        return WorkerPool(self._work.processes)

    def run(self, job: Any, shards: Iterator[Shard], handle: Handle) -> dict[int, str]:
        """Do all `shards`; return those that were given up, with their errors."""
        self._job, self._handle = job, handle
        self._notify = skip_repeated_notices(handle)
        self._queue = ShardQueue(shards, self._work.max_shard_retry, handle)
        self._running = True
        try:
            for process in self._processes:
                process.send(job)
            self._supervise()
        except KeyboardInterrupt:
            handle(Notice("stopping; Ctrl-C again stops at once"))
            self.stop()
            self._handle_last_stored()
            raise
        finally:
            self.stop()
        return self._queue.finish()

    def _handle_last_stored(self) -> None:
        """Count the shards that were stored while the workers ended."""
        while not self._inbox.empty():
            _, message = self._inbox.get()
            if isinstance(message, ShardStored):
                self._handle(message)

    def _supervise(self) -> None:
        next_tick = time.monotonic() + TICK_S
        while not self._finished():
            starting = self._start_if_needed()
            try:
                process, message = self._inbox.get(timeout=0 if starting else TICK_S)
            except queue.Empty:
                pass
            else:
                if process is not None:
                    self._handle_message(process, message)
                self._give_waiting()
            if time.monotonic() >= next_tick:
                next_tick = time.monotonic() + TICK_S
                self._end_silent()
                self._handle(WorkersCounted(sum(each.ready for each in self._processes)))
                self._handle(None)

    def _start_if_needed(self) -> bool:
        """Read a shard ahead, and start a process if there are now more shards than processes.

        Return whether there may be work for yet another process.
        """
        if self._queue.all_read or len(self._processes) >= self._work.processes:
            return False
        if not self._may_begin():
            return False
        if self._queue.read_ahead() and self._queue.shards_read > len(self._processes):
            self.start()
        return True

    def _end_silent(self) -> None:
        """End workers that hang.  Ticks are counted, which stop with this process; a clock does not."""
        for process in self._processes:
            process.note_tick()
            if process.silence > process.patience:
                said = f"a worker has not answered for {process.patience:g} s and is ended"
                self._handle(Notice(said))
                process.silence = 0.0
                end_with_traceback(process.popen)

    def look_again(self) -> None:
        """Let what waits for `Outlet.may_begin` begin.  Thread-safe."""
        self._inbox.put((None, LookAgain()))

    def kill(self) -> None:
        """End everything at once: `run` returns, and no process is left.  Thread-safe."""
        self._killed = True
        for process in list(self._processes):
            process.popen.kill()
        self.look_again()

    def stop(self) -> None:
        """Stop all workers, and kill those that do not exit in time or have done nothing yet."""
        for process in self._processes:
            if process.ready:
                process.send(Stop())
            else:
                process.popen.kill()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for process in self._processes:
            try:
                process.popen.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.popen.kill()
                process.popen.wait()
            self._close_pipes(process)
        self._processes.clear()

    def _finished(self) -> bool:
        if self._killed:
            return True
        busy = any(process.open_shards for process in self._processes)
        return self._queue.empty and not busy

    def start(self) -> None:
        """Start a process; it gets its job now, or in `run` if there is none yet."""
        with NO_FORK:
            popen = start_python("img2dataset.distributors.child", self._work.entry)
            self._pipes.add(popen.stdin, popen.stdout)
        if self._work.outlet is not None and popen.stdout is not None:
            widen_pipe(popen.stdout)
        process = Process(popen)
        self._processes.append(process)
        if self._killed:  # by another thread, which may not have seen it
            popen.kill()
        if self._running:
            process.send(self._job)
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
                message = PipeClosed()
            process.silence = 0.0
            if isinstance(message, LifeSign):
                process.patience = message.patience
                continue
            if isinstance(message, SamplesSent) and self._work.outlet is not None:
                process.is_heard = False
                self._work.outlet.deliver(message)
                process.is_heard = True
                continue
            self._inbox.put((process, message))
            if isinstance(message, PipeClosed):
                return

    def _handle_message(self, process: Process, message: Any) -> None:
        match message:
            case WorkerReady():
                process.ready = True
                self._failed_starts = 0
            case ShardWanted():
                process.wants = True
                self._give_shard(process)
            case ShardsCounted():
                self._handle(message)
            case Notice():
                self._notify(message)
            case ShardStored(result=result):
                self._close_shard(process, result.id)
                self._queue.note_stored(message)
            case ShardFailed(shard_id=shard_id, error=error, final=final):
                self._give_back(self._close_shard(process, shard_id), error, final=final)
            case RunHalted(error=error):
                raise RunError(error)
            case PipeClosed():
                self._replace_dead(process)

    def _give_waiting(self) -> None:
        """Give shards to workers that asked when there was nothing to do: those that failed, and
        those of a stream that may begin now."""
        outlet = self._work.outlet
        if outlet is not None or (self._queue.all_read and self._queue.has_retries):
            for process in self._processes:
                self._give_shard(process)

    def _may_begin(self) -> bool:
        return self._work.outlet is None or self._work.outlet.may_begin()

    def _give_shard(self, process: Process) -> None:
        """Give `process` the next shard, if it wants one and there is one for it."""
        if not process.wants or process.retrying:
            return
        may_begin = self._queue.has_read_ahead or self._may_begin()
        shard = self._queue.next_new() if may_begin else None
        if shard is None and not process.open_shards:
            shard = self._queue.next_retry()
            process.retrying = shard is not None
        if shard is not None:
            self._send_shard(process, shard)

    def _send_shard(self, process: Process, shard: Shard) -> None:
        process.wants = False
        process.open_shards[shard.id] = shard
        isolated = shard.id in self._isolated or self._deaths >= MAX_DEATHS
        process.send(TakeShard(shard, isolated))

    def _close_shard(self, process: Process, shard_id: int) -> Shard:
        process.retrying = False
        return process.open_shards.pop(shard_id)

    def _give_back(
        self, shard: Shard, error: str, *, died: bool = False, final: bool = False
    ) -> None:
        """Retry a shard at the end, or give it up.

        After the death of its worker it is retried in any case, unless it was isolated already.
        """
        outlet = self._work.outlet
        if outlet is not None:
            shard = outlet.find_rest(shard)
        isolated = died and shard.id not in self._isolated
        if isolated:
            self._isolated.add(shard.id)
        if self._queue.give_back(shard, error, once_more=isolated, final=final):
            how = "retried, isolated" if isolated else "retried"
            self._handle(Notice(f"shard {shard.id} failed and will be {how}: {error}"))
        else:
            self._handle(Notice(f"shard {shard.id} failed: {error}"))
            if outlet is not None:
                outlet.give_up(shard)

    def _replace_dead(self, process: Process) -> None:
        """Take back the shards of a worker that died, and start another one."""
        self._processes.remove(process)
        status = process.popen.wait()
        self._close_pipes(process)
        how = describe_exit(status)
        if not process.ready:
            self._failed_starts += 1
            if self._failed_starts >= MAX_FAILED_STARTS:
                raise RunError(f"workers do not start ({how}); see the messages above")
        lost = list(process.open_shards.values())
        self._deaths += bool(lost)
        self._handle(Notice(f"a worker died ({how}); shards it had open: {len(lost)}"))
        for shard in lost:
            self._give_back(shard, f"its worker died ({how})", died=True)
        if not self._finished():
            self.start()

    def _close_pipes(self, process: Process) -> None:
        """Close the pipes of a process that has ended."""
        if process.listener is not None:
            process.listener.join()
        self._pipes.remove(process.popen.stdin, process.popen.stdout)
        for pipe in (process.popen.stdin, process.popen.stdout):
            assert pipe is not None  # noqa: S101  (for the type checker)
            try:
                pipe.close()
            except OSError:
                log.debug("unsent messages to worker %d are dropped", process.popen.pid)
