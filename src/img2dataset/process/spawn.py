"""A fresh Python process with two pipes to us: how workers and their helpers are started.

It is started with a command of ours, so the user's script is never imported again and needs
no main guard.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from importlib import import_module; import_module(sys.argv[2]).main()"
)
"""Python code for `python -c`; its arguments are the parent's sys.path as JSON, a module with a
function `main`, and what that module wants: the first of these is sys.argv[3]."""

EXIT_ORPHANED = 3
EXIT_CRASHED = 70  # EX_SOFTWARE


def start_python(module: str, argument: str) -> subprocess.Popen[bytes]:
    """Start `module`.main(), with pipes to its standard input and output."""
    import subprocess  # noqa: PLC0415  (those that are started mostly start nothing)

    return subprocess.Popen(  # noqa: S603  (our own code in our own interpreter)
        [sys.executable, "-c", START, json.dumps(sys.path), module, argument],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"MALLOC_ARENA_MAX": malloc_arenas(), **os.environ},
        # Ctrl-C in the terminal is for the parent of all alone
        start_new_session=os.name == "posix",
    )


def pipes_to_parent() -> tuple[IO[bytes], IO[bytes]]:
    """In the process that was started: what the parent says, and where to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    commands, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # whatever a library prints must not end up between our messages
    keep_libraries_quiet()
    return commands, replies


def keep_libraries_quiet() -> None:
    """Keep standard error for Python alone.

    libpng, libtiff, OpenCV and others write to file descriptor 2 what they think of damaged
    images: such rows have a reason of their own, and a thousand lines hide the few that matter.
    Tracebacks and faulthandler go to a copy of it.
    """
    if sys.stderr is None:  # closed by who started us
        return
    kept = os.dup(2)
    sys.stderr = sys.__stderr__ = os.fdopen(  # type: ignore[misc]
        kept, "w", buffering=1, errors="backslashreplace"
    )
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    os.close(nothing)


def malloc_arenas() -> str:
    """Heaps that glibc may keep in a worker: with one for each thread, as it would have on its
    own, what one frees the others cannot use (2.9 GB instead of 2.5 with 2,000 bodies of 5 MB)."""
    return str(max(2, (os.cpu_count() or 1) // 4))


def describe_exit(status: int) -> str:
    """An exit status for people: "signal SIGKILL" or "exit status 70"."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"
