"""The only door to files (fsspec): a file has its name when it is whole, or not at all.

On local disks a file is written under a hidden temporary name, flushed to the disk, and
renamed.  On object stores the upload becomes visible on completion.  Elsewhere (sftp, ...)
a hidden temporary object is moved.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol

import fsspec
from fsspec.implementations.local import LocalFileSystem

HIDDEN = ".img2dataset"
"""Folder inside the output that is ours: the run's identity, and files not yet whole."""
PARTS = f"{HIDDEN}/parts"

ATOMIC_UPLOADS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "memory"})
"""fsspec protocols whose files appear when their upload is completed, and can be discarded."""


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


def open_url(url: str) -> tuple[Any, str]:
    """The file system that `url` names, and the path in it.

    Raises:
        ImportError: the file system's library is missing.
        ValueError: no such protocol.
    """
    fs, path = fsspec.core.url_to_fs(url)
    return fs, path


def protocols(fs: Any) -> set[str]:
    """The names that a file system goes by."""
    return {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)


def is_local(fs: Any) -> bool:
    return isinstance(fs, LocalFileSystem)


class Folder:
    """A folder of any file system.  Names are relative to it, with slashes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.fs, root = open_url(url)
        self.root: str = str(root).rstrip("/") or "/"
        self.local = is_local(self.fs)

    def __repr__(self) -> str:
        return f"Folder({self.url!r})"

    def __reduce__(self) -> tuple[type[Folder], tuple[str]]:
        return Folder, (self.url,)

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def make(self) -> None:
        self.fs.makedirs(self.root, exist_ok=True)

    def exists(self, name: str) -> bool:
        return bool(self.fs.exists(self.path(name)))

    def names(self, inside: str = "") -> list[str]:
        """The names in the folder (or in `inside`), files and folders, hidden ones too."""
        try:
            if self.local:
                return [path.name for path in (Path(self.root) / inside).iterdir()]
            self.fs.invalidate_cache()
            found = self.fs.ls(self.path(inside) if inside else self.root, detail=False)
        except FileNotFoundError:
            return []
        names = [str(path).rstrip("/").rpartition("/")[2] for path in found]
        own = self.root.rpartition("/")[2]
        return [name for name in names if name and not (name == own and len(names) == 1)]

    def read(self, name: str) -> bytes:
        data: bytes = self.fs.cat_file(self.path(name))
        return data

    def remove(self, names: Iterable[str]) -> None:
        """Remove files and folders with all that is in them; what is not there is no error."""
        for name in names:
            with suppress(FileNotFoundError):
                self.fs.rm(self.path(name), recursive=True)

    def write(self, name: str, data: bytes) -> None:
        """Write a small file, whole."""
        pending = self.begin(name)
        try:
            pending.file.write(data)
            pending.commit()
        except BaseException:
            pending.abort()
            raise

    def begin(self, name: str) -> PendingFile:
        """Start a file that will be called `name`."""
        return LocalFile(self, name) if self.local else RemoteFile(self, name)

    def begin_folder(self, name: str) -> PendingFolder:
        """Start a folder that will be called `name`."""
        return LocalFolder(self, name) if self.local else RemoteFolder(self, name)

    def part(self, name: str) -> str:
        """A fresh name for what is not whole yet."""
        return f"{PARTS}/{name.replace('/', '_')}.{secrets.token_hex(4)}"

    def clear_parts(self) -> None:
        """Remove what interrupted runs were writing."""
        self.remove([PARTS])


class LocalFile:
    """Written under a hidden name, flushed to the disk, renamed."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._part = Path(folder.path(folder.part(name)))
        self._final = Path(folder.path(name))
        self._part.parent.mkdir(parents=True, exist_ok=True)
        self.file: IO[bytes] = self._part.open("wb", buffering=1 << 20)

    def commit(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self._final.parent.mkdir(parents=True, exist_ok=True)
        self._part.replace(self._final)
        sync_folder(self._final.parent)

    def abort(self) -> None:
        with suppress(OSError):  # a full disk fails the flush, and that is why we are here
            self.file.close()
        self._part.unlink(missing_ok=True)


class LocalFolder:
    """Filled under a hidden name, renamed."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._part = Path(folder.path(folder.part(name)))
        self._final = Path(folder.path(name))
        self._part.mkdir(parents=True)

    def write(self, name: str, data: bytes) -> None:
        (self._part / name).write_bytes(data)

    def commit(self) -> None:
        if hasattr(os, "sync"):
            os.sync()  # one flush for thousands of files
        if self._final.is_dir():
            shutil.rmtree(self._final)
        self._part.replace(self._final)
        sync_folder(self._final.parent)

    def abort(self) -> None:
        shutil.rmtree(self._part, ignore_errors=True)


class RemoteFile:
    """An upload that becomes visible on completion."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._fs = folder.fs
        self._final = folder.path(name)
        self._part = self._final
        self._atomic = bool(ATOMIC_UPLOADS.intersection(protocols(self._fs)))
        if not self._atomic:  # a plain remote file: write beside, then move
            self._part = folder.path(folder.part(name))
        for path in {self._part, self._final}:
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        self.file: IO[bytes] = self._fs.open(self._part, "wb", autocommit=not self._atomic)

    def commit(self) -> None:
        self.file.close()
        if self._atomic:
            self.file.commit()  # type: ignore[attr-defined]
        else:
            self._fs.mv(self._part, self._final)
        self._fs.invalidate_cache()

    def abort(self) -> None:
        if self._atomic:
            self.file.discard()  # type: ignore[attr-defined]
            return
        self.file.close()
        with suppress(FileNotFoundError):
            self._fs.rm(self._part)


class RemoteFolder:
    """Object stores have no folders to rename: the files are put one by one.

    They belong to a shard that is not done until its stats file is there.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self._fs = folder.fs
        self._final = folder.path(name)
        self._fs.makedirs(self._final, exist_ok=True)

    def write(self, name: str, data: bytes) -> None:
        self._fs.pipe_file(f"{self._final}/{name}", data)

    def commit(self) -> None:
        self._fs.invalidate_cache()

    def abort(self) -> None:
        with suppress(FileNotFoundError):
            self._fs.rm(self._final, recursive=True)


@contextmanager
def whole(pending: Pending) -> Iterator[None]:
    """Commit `pending` if the block succeeds, else abort it."""
    try:
        yield
        pending.commit()
    except BaseException:
        pending.abort()
        raise


def sync_folder(path: Path) -> None:
    """Flush the folder's entries, so that a rename survives a power cut."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
