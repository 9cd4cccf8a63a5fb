"""File systems registered in fsspec that are slow, broken or endless."""

from __future__ import annotations

import asyncio
import errno
import io
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import fsspec
from fsspec.asyn import AsyncFileSystem
from fsspec.registry import _registry


class Endless(io.RawIOBase):
    """A file that has no end."""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return bytes(size)


class Held(io.BytesIO):
    """A file whose bytes come when they are released."""

    reading: ClassVar[int] = 0
    most: ClassVar[int] = 0
    """Files that were read at once."""

    def read(self, size: int | None = -1) -> bytes:
        Held.reading += 1
        Held.most = max(Held.most, Held.reading)
        StandIn.release.wait(30)
        data = super().read(size)
        Held.reading -= 1
        return data


class StandIn(fsspec.AbstractFileSystem):  # type: ignore[misc]  # it has no types
    """A blocking file system; the path says what it does, `files` what it has."""

    protocol = "standin"
    files: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[Counter[str]] = Counter()
    opened: ClassVar[Counter[str]] = Counter()
    release: ClassVar[threading.Event] = threading.Event()
    """Ends the reads that hang."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.opened[""] += 1
        self.is_cut = False
        """Whether its connection is dead, which a path with "cut" makes it."""

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        self.asked[path] += 1
        self.is_cut |= "cut" in path
        check(self)
        act(path, self.asked[path])
        if "hang" in path:
            self.release.wait(30)
        if "endless" in path:
            return Endless()
        if path not in self.files:
            raise FileNotFoundError(path)
        return (Held if "held" in path else io.BytesIO)(self.files[path])

    def info(self, path: str, **_: Any) -> Any:
        check(self)
        if path not in self.files:
            raise FileNotFoundError(path)
        return {
            "name": path,
            "size": len(self.files[path]),
            "type": "file",
            "ETag": '"e"',
            "mtime": 0.0,
        }


class AsyncStandIn(AsyncFileSystem):  # type: ignore[misc]
    """The same with coroutines."""

    protocol = "astandin"
    files: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[Counter[str]] = Counter()
    opened: ClassVar[Counter[str]] = Counter()
    cancelled: ClassVar[Counter[str]] = Counter()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.opened[""] += 1
        self.is_cut = False

    async def _cat_file(self, path: str, start: Any = None, end: Any = None, **_: Any) -> bytes:
        self.asked[path] += 1
        self.is_cut |= "cut" in path
        check(self)
        act(path, self.asked[path])
        if "hang" in path:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                self.cancelled[path] += 1
                raise
        if "endless" in path:
            return bytes(end - (start or 0))
        if path not in self.files:
            raise FileNotFoundError(path)
        if not self.files[path]:
            raise OSError(errno.EINVAL, "InvalidRange")
        return self.files[path][start:end]

    async def _info(self, path: str, **_: Any) -> Any:
        check(self)
        self.asked[f"{path} info"] += 1
        size = len(self.files[path]) if path in self.files else 1 << 60
        if "torn" in path:
            size += 1
        return {"name": path, "size": size, "type": "file", "ETag": '"e"', "ContentType": "image/x"}


def check(fs: StandIn | AsyncStandIn) -> None:
    if fs.is_cut:
        raise OSError("Socket is closed")  # no more than that, as paramiko


class ClientError(Exception):
    """As a web client raises it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status_code = status


ERRORS: dict[str, Callable[[], Exception]] = {
    "busy": lambda: OSError(errno.EBUSY, "SlowDown"),
    "reset": lambda: ConnectionResetError("reset"),
    "forbidden": lambda: PermissionError("no"),
    "expired": lambda: PermissionError("ExpiredToken: renew it"),
    "failure": lambda: OSError("Failure"),
    "odd": lambda: KeyError("odd"),
    "status500": lambda: ClientError(500),
    "status403": lambda: ClientError(403),
    "status418": lambda: ClientError(418),
    "value": lambda: ValueError("no such name"),
}


def act(path: str, times: int) -> None:
    """Raise the error that the path names; with "once", only the first time."""
    name = path.rpartition("/")[2].partition("-")[0]
    if name in ERRORS and ("once" not in path or times == 1):
        error = ERRORS[name]()
        raise error


@contextmanager
def registered() -> Iterator[None]:
    """Let fsspec know them, empty."""
    for kind in (StandIn, AsyncStandIn):
        kind.files.clear()
        kind.asked.clear()
        kind.opened.clear()
        fsspec.register_implementation(kind.protocol, kind, clobber=True)
    AsyncStandIn.cancelled.clear()
    StandIn.release.clear()
    Held.most = 0
    try:
        yield
    finally:
        StandIn.release.set()
        for name in ("standin", "astandin"):
            _registry.pop(name)
