"""A module of ours that serves -> a process that listens; its log, once it has ended."""

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
    """`python -m module *flags` as long as the block runs; gives its pid once it listens."""
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
    """Tell whoever started us that we listen."""
    print(READY, flush=True)


def exit_on_sigterm() -> None:
    def leave(*_: Any) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, leave)
