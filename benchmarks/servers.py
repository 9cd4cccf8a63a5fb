"""A module with a server -> a process that listens; after its end, its log."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError

READY = "ready"


@contextmanager
def started(module: str, flags: Sequence[str]) -> Iterator[int]:
    """Run `python -m module *flags` during the block; yield its pid once it listens."""
    server = subprocess.Popen(
        [sys.executable, "-m", module, *flags],
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        try:
            if server.stdout is None or server.stdout.readline().strip() != READY:
                raise BenchmarkError(f"{module} did not start; it says why above")
            yield server.pid
        finally:
            server.terminate()
            server.wait()


def announce() -> None:
    """Tell the parent process that this one listens."""
    print(READY, flush=True)


def exit_on_sigterm() -> None:
    def leave(*_: Any) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, leave)
