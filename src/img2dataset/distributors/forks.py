"""Pipes to workers are closed in a process that is forked from this one.

A worker ends when the last copy of its pipe is closed: a copy in a forked process, which knows
nothing of it, would keep it alive after the death of its parent.
"""

from __future__ import annotations

import os
import subprocess
from weakref import WeakSet


class Pipes:
    """The open pipes of one supervisor."""

    def __init__(self) -> None:
        self.numbers: dict[int, tuple[int, ...]] = {}
        """Process -> file descriptors."""
        _all.add(self)

    def add(self, popen: subprocess.Popen[bytes]) -> None:
        pipes = (popen.stdin, popen.stdout)
        self.numbers[popen.pid] = tuple(pipe.fileno() for pipe in pipes if pipe is not None)

    def remove(self, popen: subprocess.Popen[bytes]) -> None:
        self.numbers.pop(popen.pid, None)


_all: WeakSet[Pipes] = WeakSet()


def close_in_child() -> None:
    """Put the null device in the place of each pipe.

    The file objects still have its number: what they do to it later must not touch another file.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for pipes in list(_all):
        for number in [each for numbers in pipes.numbers.values() for each in numbers]:
            os.dup2(nothing, number, inheritable=False)
        pipes.numbers.clear()
    os.close(nothing)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=close_in_child)
