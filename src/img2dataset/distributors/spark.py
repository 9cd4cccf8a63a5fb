"""Shards -> tasks of Spark jobs.

A job has the shards of one batch.  What a task did comes to us through an accumulator: Spark
hands over its updates once for each task, as soon as it ends, whatever else it tries.  The next
job is submitted before the last one is over, so that a straggler holds up nothing but itself.
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
    shorten_error,
)
from img2dataset.distributors.signals import keep_signal_handlers
from img2dataset.distributors.tasks import (
    TICK,
    Outcome,
    Task,
    TaskTracker,
    do_task,
)
from img2dataset.errors import OptionError
from img2dataset.process.startup import end_minimal
from img2dataset.records import Shard

MOST_JOBS = 64
"""Under way at once: each has a thread of ours."""
GRACE = 30.0
"""Seconds that cancelled jobs have to end."""
PROGRESS = "spark.ui.showConsoleProgress"
OURS = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    PROGRESS: "false",
}
"""Of a session on this machine alone: it is reached from nowhere else, and we show progress."""


def start_workers(work: Work) -> AbstractContextManager[SparkWorkers]:
    return close_at_end("pyspark", SparkWorkers(work))


class SparkWorkers:
    """The tasks of a Spark session: the active one, or one of ours."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._session: Any = None
        self._own = False

    def describe_pool(self) -> WorkerPool:
        self._find_session()
        context = self._session.sparkContext
        here = re.fullmatch(r"local(\[.*\])?", context.master) is not None
        cores = share_of_cores(slots(context)) if here else cores_per_task(context)
        return WorkerPool(slots(context), cores, remote=True)

    def run(self, job: Any, shards: Iterator[Shard], handle: Handle) -> dict[int, str]:
        """Do all `shards`; return those not done with their errors."""
        self._find_session()
        jobs = Jobs(self._session.sparkContext, self._work.entry, job)
        book = TaskTracker(self._work, shards, handle)
        book.begin(slots(self._session.sparkContext))
        try:
            while not book.over:
                self._submit(book, jobs)
                with suppress(queue.Empty):
                    take(jobs.inbox.get(timeout=TICK), book)
                handle(None)
        except BaseException:
            jobs.cancel()
            raise
        finally:
            jobs.close()
        return book.close()

    def _submit(self, book: TaskTracker, jobs: Jobs) -> None:
        """Keep more tasks than there are places for them."""
        workers = slots(self._session.sparkContext)
        while book.tasks_open < 2 * workers and jobs.running < MOST_JOBS:
            tasks = book.next_batch(workers)
            if not tasks:
                return
            jobs.submit(tasks)

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None and self._own:
            stop_session(session)

    def _find_session(self) -> None:
        if self._session is not None:
            return
        self._session, self._own = find_session(self._work.processes)
        check_workers("pyspark", "docs/spark.md", self._ask_version, engine_errors())

    def _ask_version(self) -> str:
        entry = self._session.sparkContext.parallelize([self._work.entry], 1)
        (version,) = entry.map(import_worker).collect()
        return str(version)


def take(message: Any, book: TaskTracker) -> None:
    match message:
        case Ended(numbers=numbers, error=error):
            if error is not None and not isinstance(error, engine_errors()):
                raise error
            book.lose(numbers, "Spark did not run it" if error is None else shorten_error(error))
        case (number, outcome):
            book.take(number, outcome)


def engine_errors() -> tuple[type[Exception], ...]:
    """What Spark raises."""
    from py4j.protocol import Py4JError  # noqa: PLC0415  (an extra)
    from pyspark.errors import PySparkException  # noqa: PLC0415

    return (Py4JError, PySparkException)


# -- sessions --
def find_session(processes: int) -> tuple[Any, bool]:
    """The session to use, and whether it is ours to stop."""
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
    except engine_errors() as error:
        raise OptionError(
            f"distributor is 'pyspark': Spark does not start: {shorten_error(error)}"
        ) from error


def make_session(processes: int) -> Any:
    """A session: where spark-submit or spark-defaults.conf say, else on this machine."""
    from pyspark import SparkConf, SparkContext  # noqa: PLC0415
    from pyspark.sql import SparkSession  # noqa: PLC0415

    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # else Java is there: we run under spark-submit
        check_java()
    SparkContext._ensure_initialized()  # noqa: SLF001  (starts Java, which knows its settings)
    conf = SparkConf()
    builder = SparkSession.builder.appName("img2dataset")
    if conf.get("spark.master") in (None, "local[*]"):  # the latter is what nobody has chosen
        builder = builder.master(f"local[{processes}]")
        for name, value in OURS.items():
            if name == PROGRESS or not conf.contains(name):
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
    """Stop a session of ours, and the Java process behind it."""
    from pyspark import SparkContext  # noqa: PLC0415

    gateway = SparkContext._gateway  # noqa: SLF001  (PySpark keeps it for the next session)
    session.stop()
    process = getattr(gateway, "proc", None)
    if gateway is None or process is None:  # under spark-submit it is the other way round
        return
    gateway.shutdown()
    SparkContext._gateway = SparkContext._jvm = None  # noqa: SLF001
    process.stdin.close()  # which it waits for
    process.wait(GRACE)


def cores_per_task(context: Any) -> int:
    return int(context.getConf().get("spark.task.cpus", "1"))


def slots(context: Any) -> int:
    """Tasks that run at once, for now: executors come and go."""
    return max(1, int(context.defaultParallelism) // cores_per_task(context))


def share_of_cores(workers: int) -> int:
    return max(1, (os.cpu_count() or 1) // workers)


# -- jobs --
@dataclass(frozen=True, slots=True)
class Ended:
    """A Spark job is over; an error, if it failed."""

    numbers: tuple[int, ...]
    error: BaseException | None


class Jobs:
    """Spark jobs under way; what becomes of them arrives in `inbox`."""

    def __init__(self, context: Any, entry: str, job: Any) -> None:
        self.inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._context = context
        self._group = f"img2dataset-{uuid4().hex}"
        self._job = context.broadcast(pickle.dumps((entry, job), protocol=5))
        self._outcomes = context.accumulator((), Mail(self.inbox))
        self._threads: list[threading.Thread] = []
        self._cancelled = False

    @property
    def running(self) -> int:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return len(self._threads)

    def submit(self, tasks: list[Task]) -> None:
        thread = threading.Thread(target=self._run, args=(tasks,), name="spark-job", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, tasks: list[Task]) -> None:
        error: BaseException | None = None
        shards = sum(len(task.shards) for task in tasks)
        try:
            # of this thread; it is what a person sees in Spark's own pages
            self._context.setJobGroup(
                self._group, f"img2dataset: {shards} shards", interruptOnCancel=True
            )
            if not self._cancelled:
                self._context.parallelize(
                    [(task.number, task.data) for task in tasks], len(tasks)
                ).foreachPartition(partial(do_partition, self._job, self._outcomes))
        except BaseException as caught:  # noqa: BLE001  (the main thread decides what it means)
            error = caught
        self.inbox.put(Ended(tuple(task.number for task in tasks), error))

    def cancel(self) -> None:
        """End what is under way."""
        self._cancelled = True
        self._context.cancelJobGroup(self._group)

    def close(self) -> None:
        for thread in self._threads:
            thread.join(GRACE)
        self._job.unpersist()


class Mail:
    """An accumulator's parameter (see PySpark's AccumulatorParam): on executors it collects, at
    home it delivers."""

    def __init__(self, inbox: queue.SimpleQueue[Any] | None = None) -> None:
        self._inbox = inbox

    def __reduce__(self) -> tuple[type[Mail], tuple[()]]:
        return Mail, ()

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
    """On an executor: do the tasks of a partition (there is one in each)."""
    entry, of_all = pickle.loads(job.value)  # noqa: S301  (from our own driver)
    for number, data in tasks:
        outcome: Outcome = do_task(entry, of_all, data)
        outcomes.add(((number, outcome),))
