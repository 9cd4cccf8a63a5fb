"""Something that is being written: it exists for others only once it is complete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Protocol

from img2dataset.storage.retry import try_once


class Pending(Protocol):
    """Something that is being written; it exists for others only after `commit`."""

    def commit(self) -> None: ...

    def abort(self) -> None: ...


class PendingFile(Pending, Protocol):
    """One file: write bytes to `file`, then commit or abort."""

    file: IO[bytes]


class PendingFolder(Pending, Protocol):
    """A folder of files, which appears with all of them."""

    def write(self, name: str, data: bytes) -> None: ...


@contextmanager
def whole(pending: Pending) -> Iterator[None]:
    """Commit `pending` if the block succeeds, else abort it."""
    try:
        yield
        pending.commit()
    except BaseException:
        try_once(pending.abort)  # what cannot be removed now must not hide why
        raise
