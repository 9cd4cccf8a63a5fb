"""Start a fresh Python process with two pipes to its parent: for workers and sandboxes.

It runs a fixed command, so the user's script is never imported again and needs no main guard.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

START_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from importlib import import_module; import_module(sys.argv[2]).main()"
)
"""Python code for `python -c`; its arguments are the parent's sys.path as JSON, a module with a
function `main`, and the arguments of that module: the first of these is sys.argv[3]."""

KEPT_BLOCK_BYTES = 16_000_000
"""Largest block that is kept when it is freed: the pixels of most images."""

F_SETPIPE_SZ = 1031
"""Linux; Python has a name for it since 3.10, on Linux only."""
WIDE_PIPE_BYTES = 1 << 20

PR_SET_PDEATHSIG = 1
"""Of prctl(2)."""

EXIT_ORPHANED = 3
EXIT_CRASHED = 70  # EX_SOFTWARE


def start_python(module: str, argument: str) -> subprocess.Popen[bytes]:
    """Start `module`.main(), with pipes to its standard input and output."""
    import subprocess  # noqa: PLC0415  (most child processes start nothing)

    return subprocess.Popen(  # noqa: S603  (fixed code in this interpreter)
        [sys.executable, "-c", START_CODE, json.dumps(sys.path), module, argument],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**choose_malloc_settings(), **os.environ},
        # Ctrl-C in the terminal is for the first parent only
        start_new_session=os.name == "posix",
    )


def widen_pipe(pipe: IO[bytes]) -> None:
    """Let a pipe hold a whole message with images, where the system can: else its two ends take
    turns every 64 kB."""
    try:
        import fcntl  # noqa: PLC0415  (not on Windows)

        fcntl.fcntl(pipe, F_SETPIPE_SZ, WIDE_PIPE_BYTES)
    except (ImportError, OSError):  # not Linux, or the user has too many
        return


def open_pipes_to_parent() -> tuple[IO[bytes], IO[bytes]]:
    """Open the pipes in the new process: commands of the parent, and replies to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    commands, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # the output of a library must not get between the messages
    silence_libraries()
    end_with_parent()
    return commands, replies


def end_with_parent() -> None:
    """Let the kernel end this process with the thread that started it, which waits for it as long as
    it lives, even if a decoder holds the GIL.  Linux only: elsewhere a process ends when it reads
    from its parent or writes to it."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415  (nothing for the other systems)

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def silence_libraries() -> None:
    """Keep standard error for Python alone.

    libpng, libtiff, OpenCV and others write warnings about damaged images to file descriptor 2:
    such rows have a reason already, and a thousand lines hide the few that matter.  Tracebacks
    and faulthandler write to a copy of the descriptor.
    """
    if sys.stderr is None:  # closed by the parent
        return
    kept = os.dup(2)
    sys.stderr = sys.__stderr__ = os.fdopen(  # type: ignore[misc]
        kept, "w", buffering=1, errors="backslashreplace"
    )
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    os.close(nothing)


def choose_malloc_settings() -> dict[str, str]:
    """Choose how glibc keeps a worker's memory: variables of the environment, which the user's own
    override.

    With a heap for each thread, its default, a thread cannot use what another one frees (2.9 GB
    instead of 2.5 with 2,000 bodies of 5 MB).  And what an image takes is kept for the next one:
    by default it is given back, and each of its pages costs a fault again, 70 for a picture of
    256 x 256 or a sixth of its time.  glibc does the same by itself once it has seen an image
    of that size.
    """
    return {
        "MALLOC_ARENA_MAX": str(max(2, (os.cpu_count() or 1) // 4)),
        "MALLOC_MMAP_THRESHOLD_": str(KEPT_BLOCK_BYTES),
        "MALLOC_TRIM_THRESHOLD_": str(2 * KEPT_BLOCK_BYTES),
    }


def is_stopped(popen: subprocess.Popen[bytes]) -> bool:
    """True while a process is stopped (SIGSTOP, as batch systems do); False too where the system does
    not tell: Windows, and macOS before Python 3.13."""
    if not hasattr(os, "waitid"):
        return False
    try:
        found = os.waitid(os.P_PID, popen.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # it has ended
        return False
    return found is not None


def end_with_traceback(popen: subprocess.Popen[bytes]) -> None:
    """End a process that hangs; it shows where, if faulthandler is on there.  A second call is sure
    to end it."""
    if os.name == "posix":
        popen.send_signal(signal.SIGABRT)
    else:
        popen.kill()


def describe_exit(status: int) -> str:
    """Describe an exit status: "signal SIGKILL" or "exit status 70"."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"
