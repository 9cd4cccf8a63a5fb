"""Shards -> tasks of Spark jobs.

A job has the shards of one batch.  The outcome of a task arrives through an accumulator: Spark
applies its updates once for each task, as soon as it ends, however often it runs the task.  The
next job is submitted before the last one is over, so that a straggler delays only itself.
"""

from __future__ import annotations

import os
import pickle
import queue
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

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
    TICK_S,
    ClusterTask,
    TaskOutcome,
    TaskTracker,
    do_task,
)
from img2dataset.errors import OptionError
from img2dataset.process.startup import end_minimal
from img2dataset.records import Shard

MAX_JOBS = 64
"""At once: each has a thread of this process."""
STOP_TIMEOUT_S = 30.0
"""Time for cancelled jobs, and for Java, to end."""
PROGRESS_SETTING = "spark.ui.showConsoleProgress"
LOCAL_SETTINGS = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    PROGRESS_SETTING: "false",
}
"""Of a session on this machine alone: nothing else reaches it, and progress is shown already."""


def start_workers(work: Work) -> AbstractContextManager[SparkWorkers]:
    return close_at_end("pyspark", SparkWorkers(work))


class SparkWorkers:
    """The tasks of a Spark session: the active one, or one that this run starts."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._session: Any = None
        self._own = False

    def describe_pool(self) -> WorkerPool:
        self._open_session()
        context = self._session.sparkContext
        here = re.fullmatch(r"local(\[.*\])?", context.master) is not None
        cores = share_cores(count_slots(context)) if here else count_cores_per_task(context)
        return WorkerPool(count_slots(context), cores, remote=True)

    def run(self, job: Any, shards: Iterator[Shard], handle: Handle) -> dict[int, str]:
        """Do all `shards`; return those that were given up, with their errors."""
        self._open_session()
        jobs = Jobs(self._session.sparkContext, self._work.entry, job)
        tracker = TaskTracker(self._work, shards, handle)
        tracker.announce(count_slots(self._session.sparkContext))
        try:
            while not tracker.over:
                self._submit(tracker, jobs)
                with suppress(queue.Empty):
                    handle_message(jobs.inbox.get(timeout=TICK_S), tracker)
                handle(None)
        except BaseException:
            jobs.cancel()
            raise
        finally:
            jobs.close()
        return tracker.finish()

    def _submit(self, tracker: TaskTracker, jobs: Jobs) -> None:
        """Keep more tasks in flight than there are slots, so that no slot is empty for long."""
        workers = count_slots(self._session.sparkContext)
        while tracker.open_tasks < 2 * workers and jobs.running < MAX_JOBS:
            tasks = tracker.next_batch(workers)
            if not tasks:
                return
            jobs.submit(tasks)

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None and self._own:
            stop_session(session)

    def _open_session(self) -> None:
        if self._session is not None:
            return
        self._session, self._own = open_session(self._work.processes)
        check_workers("pyspark", "docs/spark.md", self._ask_version, import_engine_errors())

    def _ask_version(self) -> str:
        entry = self._session.sparkContext.parallelize([self._work.entry], 1)
        (version,) = entry.map(import_worker).collect()
        return str(version)


def handle_message(message: Any, tracker: TaskTracker) -> None:
    match message:
        case JobEnded(numbers=numbers, error=error):
            if error is not None and not isinstance(error, import_engine_errors()):
                raise error
            why = "Spark did not run it" if error is None else shorten_error(error)
            tracker.handle_failure(numbers, why)
        case (number, outcome):
            tracker.handle_outcome(number, outcome)


def import_engine_errors() -> tuple[type[Exception], ...]:
    """Import the exceptions that Spark raises."""
    from py4j.protocol import Py4JError  # noqa: PLC0415  (an extra)
    from pyspark.errors import PySparkException  # noqa: PLC0415

    return (Py4JError, PySparkException)


# -- sessions --
def open_session(processes: int) -> tuple[Any, bool]:
    """Find or start a session; return it and whether this run must stop it."""
    end_minimal()
    from pyspark import SparkContext  # noqa: PLC0415  (an extra)
    from pyspark.sql import SparkSession  # noqa: PLC0415

    there = SparkContext._active_spark_context is not None  # noqa: SLF001  (no public way)
    try:
        active = SparkSession.getActiveSession()
        if active is not None and not hasattr(active, "_jsparkSession"):
            raise OptionError(
                "distributor is 'pyspark': the active session is one of Spark Connect, which "
                "cannot run workers; use a classic session"
            )
        if active is not None or there:
            return active or SparkSession.builder.getOrCreate(), False
        with keep_signal_handlers():
            return make_session(processes), True
    except import_engine_errors() as error:
        raise OptionError(
            f"distributor is 'pyspark': Spark does not start: {shorten_error(error)}"
        ) from error


def make_session(processes: int) -> Any:
    """Start a session: where spark-submit or spark-defaults.conf say, else on this machine."""
    from pyspark import SparkConf, SparkContext  # noqa: PLC0415
    from pyspark.sql import SparkSession  # noqa: PLC0415

    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # else this is spark-submit, which has Java
        check_java()
    SparkContext._ensure_initialized()  # noqa: SLF001  (starts Java, which knows its settings)
    conf = SparkConf()
    builder = SparkSession.builder.appName("img2dataset")
    if conf.get("spark.master") in (None, "local[*]"):  # the latter is the default
        builder = builder.master(f"local[{processes}]")
        for name, value in LOCAL_SETTINGS.items():
            if name == PROGRESS_SETTING or not conf.contains(name):
                builder = builder.config(name, value)
        # Spark would look for "python3", which need not be this one
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def check_java() -> None:
    home = os.environ.get("JAVA_HOME")
    found = Path(home, "bin", "java").exists() if home else shutil.which("java")
    if not found:
        raise OptionError(
            "distributor is 'pyspark': Spark needs Java, and there is none: install a JRE, 17 or "
            "newer (Debian: apt-get install default-jre-headless), or set JAVA_HOME"
        )


def stop_session(session: Any) -> None:
    """Stop a session that this run started, and the Java process behind it."""
    from pyspark import SparkContext  # noqa: PLC0415

    gateway = SparkContext._gateway  # noqa: SLF001  (PySpark keeps it for the next session)
    session.stop()
    process = getattr(gateway, "proc", None)
    if gateway is None or process is None:  # under spark-submit it is the other way round
        return
    gateway.shutdown()
    SparkContext._gateway = SparkContext._jvm = None  # noqa: SLF001
    process.stdin.close()  # which it waits for
    process.wait(STOP_TIMEOUT_S)


def count_cores_per_task(context: Any) -> int:
    return int(context.getConf().get("spark.task.cpus", "1"))


def count_slots(context: Any) -> int:
    """Count the tasks that run at once, for now: executors come and go."""
    return max(1, int(context.defaultParallelism) // count_cores_per_task(context))


# -- jobs --
@dataclass(frozen=True, slots=True)
class JobEnded:
    """A Spark job is over; an error, if it failed."""

    numbers: tuple[int, ...]
    error: BaseException | None


class Jobs:
    """Spark jobs under way; their outcomes arrive in `inbox`."""

    def __init__(self, context: Any, entry: str, job: Any) -> None:
        self.inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._context = context
        self._group = f"img2dataset-{uuid4().hex}"
        self._job = context.broadcast(pickle.dumps((entry, job), protocol=5))
        self._outcomes = context.accumulator((), OutcomeParam(self.inbox))
        self._threads: list[threading.Thread] = []
        self._cancelled = False

    @property
    def running(self) -> int:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return len(self._threads)

    def submit(self, tasks: list[ClusterTask]) -> None:
        thread = threading.Thread(target=self._run, args=(tasks,), name="spark-job", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, tasks: list[ClusterTask]) -> None:
        error: BaseException | None = None
        shards = sum(len(task.shards) for task in tasks)
        try:
            # of this thread; Spark's own pages show it
            self._context.setJobGroup(
                self._group, f"img2dataset: {shards} shards", interruptOnCancel=True
            )
            if not self._cancelled:
                self._context.parallelize(
                    [(task.number, task.data) for task in tasks], len(tasks)
                ).foreachPartition(partial(do_partition, self._job, self._outcomes))
        except BaseException as caught:  # noqa: BLE001  (the main thread decides what it means)
            error = caught
        self.inbox.put(JobEnded(tuple(task.number for task in tasks), error))

    def cancel(self) -> None:
        """End the jobs under way."""
        self._cancelled = True
        self._context.cancelJobGroup(self._group)

    def close(self) -> None:
        for thread in self._threads:
            thread.join(STOP_TIMEOUT_S)
        self._job.unpersist()


class OutcomeParam:
    """An AccumulatorParam of PySpark: it collects outcomes on executors, and puts them into the
    inbox in the driver."""

    def __init__(self, inbox: queue.SimpleQueue[Any] | None = None) -> None:
        self._inbox = inbox

    def __reduce__(self) -> tuple[type[OutcomeParam], tuple[()]]:
        return OutcomeParam, ()

    def zero(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        del value
        return ()

    def addInPlace(  # noqa: N802  (PySpark's name)
        self, before: tuple[Any, ...], added: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        if self._inbox is None:
            return before + added
        for message in added:
            self._inbox.put(message)
        return ()


def do_partition(job: Any, outcomes: Any, tasks: Iterator[tuple[int, bytes]]) -> None:
    """Do the tasks of a partition, on an executor; there is one in each."""
    entry, common = pickle.loads(job.value)  # noqa: S301  (from our own driver)
    for number, data in tasks:
        outcome: TaskOutcome = do_task(entry, common, data)
        outcomes.add(((number, outcome),))
