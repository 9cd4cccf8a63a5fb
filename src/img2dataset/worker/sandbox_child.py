"""The other end of a sandbox: a process that encodes images, one at a time, and may be killed.

It imports only what images need.  Requests come on standard input; when that ends, the worker is
gone, and this process exits.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from img2dataset.errors import RowError
from img2dataset.process.spawn import EXIT_CRASHED, EXIT_ORPHANED, open_pipes_to_parent
from img2dataset.process.startup import start_minimal
from img2dataset.worker.sandbox import Bug, Ready

OOM_SCORE = "1000"
"""Of -1000 to 1000, the kernel's scale for what is ended when memory runs out."""


def main() -> None:
    requests, replies = open_pipes_to_parent()
    sys.excepthook = partial(tell_bug, replies)
    start_minimal()
    module, _, function = sys.argv[3].partition(":")
    make_processor = getattr(import_module(module), function)
    task = receive(requests)
    processor = make_processor(task.config)
    raise_oom_score()
    gc.freeze()  # what is imported stays
    send(replies, Ready())
    while True:
        data, boxes = receive(requests)
        with limit_cpu_time(task.seconds):
            outcome = process(processor, data, boxes)
        send(replies, outcome)


def process(processor: Any, data: bytes, boxes: Any) -> Any:
    """Return an encoded image, or the RowError that says why there is none."""
    try:
        return processor.process(data, boxes)
    except RowError as error:
        return error


@contextmanager
def limit_cpu_time(seconds: float) -> Iterator[None]:
    """End the process by SIGPROF if the block takes more CPU time: the kernel does it, even if a
    decoder holds the GIL.  Without such a timer, only the worker's watchdog ends it."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)


def receive(requests: IO[bytes]) -> Any:
    try:
        return pickle.load(requests)  # noqa: S301  (from our own parent)
    except (EOFError, pickle.UnpicklingError, OSError):
        os._exit(EXIT_ORPHANED)


def send(replies: IO[bytes], answer: Any) -> None:
    try:
        pickle.dump(answer, replies, protocol=5)
        replies.flush()
    except BrokenPipeError:
        os._exit(EXIT_ORPHANED)


def tell_bug(
    replies: IO[bytes],
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
) -> None:
    """Report an unexpected exception to the worker, which raises it.  If the process ends in any
    other way, the decoder is blamed."""
    send(replies, Bug("".join(traceback.format_exception(kind, error, trace))))
    os._exit(EXIT_CRASHED)


def raise_oom_score() -> None:
    """Let the system end this process first if memory runs out."""
    with suppress(OSError):  # not Linux, or not allowed: the system chooses
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
