"""What a stream leaves behind in this process: nothing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.processes import children

END_TIMEOUT_S = 5.0
"""On a busy machine; the stream itself needs a fraction of a second."""


def describe_process() -> dict[str, Any]:
    """Threads, children, and sockets and pipes of this process."""
    links = filter(None, map(read_link, Path("/proc/self/fd").iterdir()))
    return {
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "children": sorted(children(os.getpid())),
        "files": sorted(link for link in links if link.startswith(("socket", "pipe"))),
    }


def read_link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:  # that of the folder itself
        return ""


@contextmanager
def leaving_nothing() -> Iterator[None]:
    """Check that threads, processes, pipes and sockets are as they were before the block."""
    before = describe_process()
    yield
    deadline = time.monotonic() + END_TIMEOUT_S
    while describe_process() != before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert describe_process() == before
