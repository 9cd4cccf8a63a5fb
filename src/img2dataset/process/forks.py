"""Files of this process alone: a process that another thread forks from it does not keep them.

A worker ends when the last copy of its pipe is closed, and the peer of a socket sees that it is
closed likewise: a copy in a forked process, which knows nothing of it, would prevent that after
the death of its parent.  A fork while a process is being started would be worse: starting one ends
when the last copy of a pipe is closed, so it would wait for the end of the fork.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet


class File(Protocol):
    """What has a file descriptor."""

    def fileno(self) -> int: ...


class OwnFiles:
    """Open files, each under its file descriptor."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        _all.add(self)

    def add(self, *files: File | None) -> None:
        """Take these files; None is none."""
        self.numbers.update(file.fileno() for file in files if file is not None)

    def remove(self, *files: File | None) -> None:
        """Leave these files out, before they are closed."""
        self.numbers.difference_update(file.fileno() for file in files if file is not None)


NO_FORK = threading.RLock()
"""While a thread holds it, no other one forks."""

_all: WeakSet[OwnFiles] = WeakSet()


def close_in_child() -> None:
    """Put the null device in the place of each file.

    The objects of Python still have its number: what they do to it later must not touch another
    file.
    """
    NO_FORK.release()
    nothing = os.open(os.devnull, os.O_RDWR)
    for files in list(_all):
        for number in files.numbers:
            os.dup2(nothing, number, inheritable=False)
        files.numbers.clear()
    os.close(nothing)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=NO_FORK.acquire,
        after_in_parent=NO_FORK.release,
        after_in_child=close_in_child,
    )
