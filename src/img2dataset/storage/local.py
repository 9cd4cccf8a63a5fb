"""Bytes -> local files and folders: hidden until they are complete and flushed to the disk."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Callable
from errno import ENOSPC
from pathlib import Path
from typing import IO, Any, TypeVar, cast

T = TypeVar("T")
Do = Callable[[Callable[[], Any]], Any]
"""Does a step, with retries: see `StorageRetry`."""

BUFFER = 1 << 20


class RetryingFile(io.FileIO):
    """A file that continues where it stopped when a disk has room again."""

    def __init__(self, file: str | int, mode: str, do: Do) -> None:
        super().__init__(file, mode)
        self._do = do

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        done = 0

        def write_some() -> int:
            return super(RetryingFile, self).write(view[done:])

        while done < len(view):
            done += self._do(write_some)
        return done


def scratch_file(folder: str | None, do: Do) -> IO[bytes]:
    """Open a nameless file to read and write; it is gone when closed or when the process ends."""
    with do(lambda: tempfile.TemporaryFile(dir=folder, buffering=0)) as nameless:
        raw = RetryingFile(os.dup(nameless.fileno()), "rb+", do)
    return cast("IO[bytes]", io.BufferedRandom(raw, BUFFER))


class LocalFile:
    """A file that is written under a hidden name, flushed to the disk and renamed."""

    def __init__(self, part: Path, final: Path, do: Do) -> None:
        self._part = part
        self._final = final
        self._do = do
        self._named = False
        raw = do(self._begin)
        self.file: IO[bytes] = cast("IO[bytes]", io.BufferedWriter(raw, BUFFER))

    def _begin(self) -> RetryingFile:
        self._part.parent.mkdir(parents=True, exist_ok=True)
        return RetryingFile(str(self._part), "wb", self._do)

    def commit(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self._do(lambda: self._final.parent.mkdir(parents=True, exist_ok=True))
        self._do(lambda: self._part.replace(self._final))
        self._named = True
        sync_folder(self._final.parent)

    def abort(self) -> None:
        # without a last flush, for which a full disk may have no room
        cast("Any", self.file).raw.close()
        (self._final if self._named else self._part).unlink(missing_ok=True)


class LocalFolder:
    """A folder that is filled under a hidden name and renamed."""

    def __init__(self, part: Path, final: Path, do: Do) -> None:
        self._part = part
        self._final = final
        self._do = do
        self._named = False
        self._prefix = f"{part}/"
        do(lambda: part.mkdir(parents=True, exist_ok=True))

    def write(self, name: str, data: bytes) -> None:
        try:
            write_file(self._prefix + name, data)
        except OSError:
            self._do(lambda: write_file(self._prefix + name, data))

    def commit(self) -> None:
        sync_disk(self._part)  # one flush for thousands of files
        self._do(self._rename)
        self._named = True
        sync_folder(self._final.parent)

    def _rename(self) -> None:
        if self._final.is_dir():
            shutil.rmtree(self._final)
        self._part.replace(self._final)

    def abort(self) -> None:
        shutil.rmtree(self._final if self._named else self._part, ignore_errors=True)


def write_file(path: str, data: bytes) -> None:
    with open(path, "wb", buffering=0) as file:  # noqa: PTH123  (half the time)
        if file.write(data) != len(data):  # a disk that is nearly full takes what it can
            raise OSError(ENOSPC, os.strerror(ENOSPC), path)


def sync_folder(path: Path) -> None:
    """Flush the folder's entries, so that a rename survives a power cut."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_disk(path: Path) -> None:
    """Flush the disk that `path` is on."""
    if os.name != "posix":
        return
    import ctypes  # noqa: PLC0415  (for one of the output formats)

    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:  # not Linux
        os.sync()
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)
