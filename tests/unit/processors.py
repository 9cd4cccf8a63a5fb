"""A processor for the tests of sandboxes: it does what the body says."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from img2dataset.errors import Reason, RowError
from img2dataset.records import EncodedImage

HANGS = b"it hangs now\n"
"""What a process says on standard error before it does."""


def spin() -> None:
    while True:
        pass


def sleep() -> None:
    os.write(sys.stderr.fileno(), HANGS)
    time.sleep(10_000)


def freeze() -> None:
    os.write(sys.stderr.fileno(), HANGS)
    ctypes.PyDLL(None).sleep(10_000)  # keeps the GIL


def bug() -> None:
    raise AssertionError("a bug of ours")


def refuse() -> None:
    raise RowError(Reason.DECODE, "so", "and so")


ACTIONS: dict[bytes, Callable[[], Any]] = {
    b"segv": faulthandler._sigsegv,  # type: ignore[attr-defined]  # for tests such as these
    b"overflow": faulthandler._stack_overflow,  # type: ignore[attr-defined]
    b"abort": os.abort,
    b"kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    b"exit 0": lambda: os._exit(0),
    b"exit 70": lambda: os._exit(70),
    b"sys.exit": lambda: sys.exit(70),
    b"spin": spin,
    b"sleep": sleep,
    b"freeze": freeze,
    b"bug": bug,
    b"refuse": refuse,
    b"print": lambda: os.write(1, b"between the messages"),
    b"pid": os.getpid,
    b"modules": lambda: " ".join(sys.modules),
    b"oom": lambda: Path("/proc/self/oom_score_adj").read_text().strip(),
}


class ImageProcessor:
    def __init__(self, config: str) -> None:
        self._config = config
        self._poisoned = False

    def process(self, data: bytes, boxes: Any = None) -> EncodedImage:
        if self._poisoned:
            os.abort()
        self._poisoned = data == b"poison"
        done = ACTIONS.get(data, lambda: f"{self._config} {data!r} {boxes}")()
        return EncodedImage(str(done).encode(), 1, 2, 3, 4)


def make_none(config: Any) -> None:
    """Die before being ready."""
    os._exit(9)


HANGING = """
import sys
from img2dataset.worker.sandbox import Sandbox
from img2dataset.process.watchdog import Watch
sandbox = Sandbox("tests.unit.processors:ImageProcessor", "", 1000.0, Watch(1000.0))
print(sandbox.process(b"pid").data.decode(), flush=True)
sandbox.process(sys.argv[1].encode())
"""
"""A program whose sandbox hangs; it prints the pid of that."""
