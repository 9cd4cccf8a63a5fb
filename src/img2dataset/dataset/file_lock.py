"""Locks of the operating system on local files, which end with the process that holds them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

HAS_FILE_LOCKS = fcntl is not None
"""False on Windows."""


def open_lock_file(path: Path) -> IO[Any]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a+")  # NFS reads for a shared lock, and writes for the other kind


def try_lock(file: IO[Any], *, shared: bool = False) -> bool:
    """Lock an open file; False if another process has locked it.  File systems without locks
    never refuse."""
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def is_same_file(file: IO[Any], path: Path) -> bool:
    """True if `path` still names the open file: the holder before may have removed it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
