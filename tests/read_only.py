"""A folder that nothing can be written into, for root too: Python's own calls are refused."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EROFS
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.utime"}


class Refusal:
    """Refuses changes below the folders in `roots`, as a read-only file system does."""

    def __init__(self) -> None:
        self.roots: list[str] = []

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.roots or not (event == "open" or event in CHANGES):
            return
        if event == "open" and not args[2] & WRITING:
            return
        if str(args[0]).startswith(tuple(self.roots)):
            raise OSError(EROFS, os.strerror(EROFS), str(args[0]))


refusal = Refusal()
sys.addaudithook(refusal.hear)  # for good: there is no other way


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """In the block, nothing below the folder can be changed."""
    refusal.roots.append(f"{folder}/")
    try:
        yield
    finally:
        refusal.roots.pop()
