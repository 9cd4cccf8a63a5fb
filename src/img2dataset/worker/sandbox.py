"""Body -> encoded image in another process: whatever a decoder does to it, the worker continues.

It protects from accidents (a crash, an endless loop, unbounded memory), not from an attacker:
the process may do all that the worker may.
"""

from __future__ import annotations

import pickle
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from img2dataset.errors import Reason, RowError
from img2dataset.process.spawn import describe_exit, start_python
from img2dataset.process.watchdog import Watch
from img2dataset.records import EncodedImage

if TYPE_CHECKING:
    import subprocess

MAX_FAILED_STARTS = 3
"""Consecutive processes that may end before they are ready; more are no accident."""
MAX_CRASHES = 2
"""Processes that a body crashes before it is blamed: the first may have been damaged by an earlier
body, or ended by the system when memory ran out.  The last one is always new."""
EXIT_GRACE_S = 1.0
"""Seconds between the end of a process's pipe and the end of the process."""
CPU_TIME_STATUS = -signal.SIGPROF if hasattr(signal, "SIGPROF") else None
"""The exit status of a process that has spent its CPU time, see sandbox_child.py."""


# -- answers of the process, besides an EncodedImage or a RowError --
@dataclass(frozen=True, slots=True)
class Ready:
    """It has started."""


@dataclass(frozen=True, slots=True)
class Bug:
    """An unexpected exception, as text: the program is at fault, not the body."""

    traceback: str


@dataclass(frozen=True, slots=True)
class Task:
    """The first request to a process."""

    config: Any
    seconds: float
    """CPU time for one body."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The process has ended."""

    status: int
    overdue: bool
    """True if it was ended because it took too long."""


class Sandbox:
    """Takes the place of an image processor, for any number of threads: each has its own process,
    started when it is first needed."""

    def __init__(self, make_processor: str, config: Any, seconds: float, watch: Watch) -> None:
        """`make_processor` names a function ("package.module:function") that makes a processor from
        `config`; one body may take it `seconds` of CPU time, and what `watch` allows."""
        self._make_processor = make_processor
        self._task = Task(config, seconds)
        self._watch = watch
        self._children: dict[int, Child] = {}  # thread -> its process

    def process(self, data: bytes, boxes: Sequence[Sequence[float]] | None = None) -> EncodedImage:
        """Return the image to store for a body.

        Raises:
            RowError: it has no image to store; there are reasons for a decoder that crashes or hangs.
        """
        for _ in range(MAX_CRASHES):
            answer = self._ask(self._child(), (data, boxes))
            match answer:
                case EncodedImage():
                    return answer
                case RowError():
                    raise answer
                case Ended(overdue=True):
                    raise RowError(Reason.DECODER_TIMEOUT)
        raise RowError(Reason.DECODER_CRASHED, detail=f"({describe_exit(answer.status)})")

    def close(self) -> None:
        """End all processes."""
        while self._children:
            self._children.popitem()[1].end()

    def _child(self) -> Child:
        """Return the process of this thread; start it if there is none."""
        me = threading.get_ident()
        if me in self._children:
            return self._children[me]
        for _ in range(MAX_FAILED_STARTS):
            self._children[me] = child = Child(self._make_processor)
            answer = self._ask(child, self._task)
            if not isinstance(answer, Ended):
                return child
        raise RuntimeError(f"processes for images do not start: {describe_exit(answer.status)}")

    def _ask(self, child: Child, request: Any) -> Any:
        """Return the answer to `request`; after Ended, this thread has no process any more."""
        with self._watch.over(child.take_away):
            answer = child.ask(request)
        if isinstance(answer, Bug):
            raise RuntimeError(f"a process for images failed\n{answer.traceback}")  # noqa: TRY004
        if isinstance(answer, Ended):
            self._children.pop(threading.get_ident(), None)
        return answer


class Child:
    """A process for bodies, seen from the worker."""

    def __init__(self, make_processor: str) -> None:
        self._popen: subprocess.Popen[bytes] = start_python(
            "img2dataset.worker.sandbox_child", make_processor
        )
        self._overdue = False

    def ask(self, request: Any) -> Any:
        """Return the answer, or Ended."""
        popen, self._overdue = self._popen, False
        assert popen.stdin is not None  # noqa: S101  (for the type checker)
        assert popen.stdout is not None  # noqa: S101
        try:
            pickle.dump(request, popen.stdin, protocol=5)
            popen.stdin.flush()
            return pickle.load(popen.stdout)  # noqa: S301  (our own child)
        except (OSError, EOFError, pickle.UnpicklingError):
            status = self._last_words()
            return Ended(status, self._overdue or status == CPU_TIME_STATUS)

    def take_away(self) -> None:
        """End the process because it takes too long.  Called from another thread."""
        self._overdue = True
        self._popen.kill()

    def _last_words(self) -> int:
        """Return the exit status of a process whose pipe is closed."""
        import subprocess  # noqa: PLC0415  (imported when it was started)

        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(EXIT_GRACE_S)
        return self.end()

    def end(self) -> int:
        """Make sure that it has ended, and return its exit status."""
        self._popen.kill()  # has no effect on one that has
        status = self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            assert pipe is not None  # noqa: S101  (for the type checker)
            with suppress(OSError):  # a rest of what it was to be sent
                pipe.close()
        return status
