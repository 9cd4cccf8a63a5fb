"""The only door to files (the disk, fsspec): a file has its name when it is whole, or not at all.

On local disks a file is written under a hidden temporary name, flushed to the disk, and
renamed.  On object stores the upload becomes visible on completion.  Elsewhere (sftp, ...)
a hidden temporary object is moved.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import ENOSPC
from functools import partial
from pathlib import Path
from typing import IO, Any, Protocol

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from img2dataset.disk import Disk, absolute
from img2dataset.errors import MissingExtraError

HIDDEN = ".img2dataset"
"""Folder inside the output that is ours: the run's identity, and files not yet whole."""
PARTS = f"{HIDDEN}/parts"
LOCK = f"{HIDDEN}/lock"

ATOMIC_UPLOADS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"})
"""fsspec protocols whose files appear when they are closed, and not before."""

UPLOAD_FILES = 256
UPLOAD_BYTES = 16_000_000
"""Small files that wait to be uploaded together: stores are slow one by one, fast side by side."""


def parts_name(index: int, count: int) -> str:
    """Where part `index` of `count` has what is not whole yet."""
    return PARTS if count == 1 else f"{PARTS}-{index}-of-{count}"


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
        MissingExtraError: the file system's library is missing, and an extra of ours has it.
        ImportError: it is missing, and fsspec says which.
        ValueError: no such protocol.
    """
    if os.name == "posix" and ":" not in url:
        return Disk(), absolute(url)
    from fsspec.core import url_to_fs  # noqa: PLC0415  (see disk.py)
    from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415

    try:
        fs, path = url_to_fs(url)
    except ImportError as error:
        protocol = url.partition("://")[0]
        if protocol not in EXTRAS:
            raise
        raise MissingExtraError(url, *EXTRAS[protocol]) from error
    return (Disk() if isinstance(fs, LocalFileSystem) else fs), path


EXTRAS = {
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "gs": ("gcsfs", "gcs"),
    "gcs": ("gcsfs", "gcs"),
}
"""Protocol of a URL -> (package, extra of ours that installs it)."""


def protocols(fs: Any) -> set[str]:
    """The names that a file system goes by."""
    return {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)


def is_local(fs: Any) -> bool:
    return isinstance(fs, Disk)


class Folder:
    """A folder of any file system.  Names are relative to it, with slashes.

    `parts` is where files that are not whole yet have their names: runs that write into the
    folder at the same time have one each.  `overlapping` says that several machines may be
    writing the same folder of files.
    """

    def __init__(self, url: str, *, parts: str = PARTS, overlapping: bool = False) -> None:
        self.url = url
        self.parts = parts
        self._overlapping = overlapping
        self.fs, root = open_url(url)
        self.root: str = str(root).rstrip("/") or "/"
        self.local = is_local(self.fs)
        if self.local:
            self.root = os.path.normpath(self.root)

    def __repr__(self) -> str:
        return f"Folder({self.url!r})"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return partial(Folder, parts=self.parts, overlapping=self._overlapping), (self.url,)

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
        with whole(pending):
            pending.file.write(data)

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file, unless it exists; return whether we did.  Of several who do this
        at once, one does, wherever the file system can tell: disks, S3, GCS, Azure."""
        if self.local:
            return self._create_locally(name, data)
        try:
            self.fs.pipe_file(self.path(name), data, mode="create")
        except FileExistsError:
            return False
        except OSError:
            # S3's "precondition failed" has no name of its own, and s3fs has no error for it
            if self.exists(name):
                return False
            raise
        return True

    def _create_locally(self, name: str, data: bytes) -> bool:
        part, final = Path(self.path(self.part(name))), Path(self.path(name))
        for path in (part, final):
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(data)
            os.link(part, final)
        except FileExistsError:
            return False
        finally:
            part.unlink(missing_ok=True)
        return True

    def begin(self, name: str) -> PendingFile:
        """Start a file that will be called `name`."""
        return LocalFile(self, name) if self.local else RemoteFile(self, name)

    def begin_folder(self, name: str) -> PendingFolder:
        """Start a folder that will be called `name`."""
        if self.local:
            return LocalFolder(self, name)
        return KeptFolder(self, name) if self._overlapping else RemoteFolder(self, name)

    def scratch(self) -> IO[bytes]:
        """A nameless file to read and write; it is gone when closed, or when we die.

        It is on the output's own disk if that is a local one: /tmp may be small, or memory.
        """
        if not self.local:
            return tempfile.TemporaryFile(buffering=1 << 20)
        parts = Path(self.path(self.parts))
        parts.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=parts, buffering=1 << 20)

    def part(self, name: str) -> str:
        """A fresh name for what is not whole yet."""
        return f"{self.parts}/{name.replace('/', '_')}.{os.urandom(8).hex()}"

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the folder for this process; yields whether nobody else does.

        The system lets go when the process ends, however it ends.  Only local folders can be
        held, and on network disks only as far as their locks go.
        """
        if not self.local or fcntl is None:
            yield True
            return
        lock = Path(self.path(LOCK))
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            except OSError:  # a file system without locks
                yield True
            else:
                yield True

    def empty(self) -> None:
        """Remove everything but the lock."""
        self.remove(name for name in self.names() if name != HIDDEN)
        kept = LOCK.rpartition("/")[2]
        self.remove(f"{HIDDEN}/{name}" for name in self.names(HIDDEN) if name != kept)

    def clear_parts(self) -> None:
        """Remove what interrupted runs were writing: all of them, if we are alone here."""
        if self.parts != PARTS:
            self.remove([self.parts])
            return
        passing = ("parts", "turns", "lock.")  # also of the parts of a run, see turns.py
        self.remove(f"{HIDDEN}/{name}" for name in self.names(HIDDEN) if name.startswith(passing))


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
        self._prefix = f"{self._part}/"

    def write(self, name: str, data: bytes) -> None:
        with open(self._prefix + name, "wb", buffering=0) as file:  # noqa: PTH123  (half the time)
            if file.write(data) != len(data):  # a disk that is nearly full takes what it can
                raise OSError(ENOSPC, os.strerror(ENOSPC), name)

    def commit(self) -> None:
        sync_disk(self._part)  # one flush for thousands of files
        if self._final.is_dir():
            shutil.rmtree(self._final)
        self._part.replace(self._final)
        sync_folder(self._final.parent)

    def abort(self) -> None:
        shutil.rmtree(self._part, ignore_errors=True)


class RemoteFile:
    """An upload that becomes visible on completion, or else a hidden object that is moved."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._fs = folder.fs
        self._final = self._part = folder.path(name)
        if not ATOMIC_UPLOADS.intersection(protocols(self._fs)):
            self._part = folder.path(folder.part(name))
            for path in (self._part, self._final):
                self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        self.file: IO[bytes] = self._fs.open(self._part, "wb")
        self._over = False

    def commit(self) -> None:
        self.file.close()
        if self._part != self._final:
            with suppress(FileNotFoundError):  # not every store moves onto what is there
                self._fs.rm_file(self._final)
            self._fs.mv(self._part, self._final)
        self._over = True
        self._fs.invalidate_cache()

    def abort(self) -> None:
        if self._over:
            return
        self._over = True
        if self._part == self._final:
            # first of all: closing, which the garbage collector does too, would complete it
            setattr(self.file, "closed", True)  # noqa: B010  (read-only in IO, not in fsspec)
            self.file.discard()  # type: ignore[attr-defined]
            return
        with suppress(OSError):
            self.file.close()
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._part)


class RemoteFolder:
    """Object stores have no folders to rename: the files are put there under their names.

    They belong to a shard that is not done until its stats file is there.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self._fs = folder.fs
        self._final = folder.path(name)
        self._waiting: dict[str, bytes] = {}
        self._bytes = 0
        if not ATOMIC_UPLOADS.intersection(protocols(self._fs)):
            self._fs.makedirs(self._final, exist_ok=True)

    def write(self, name: str, data: bytes) -> None:
        self._waiting[f"{self._final}/{name}"] = data
        self._bytes += len(data)
        if len(self._waiting) >= UPLOAD_FILES or self._bytes >= UPLOAD_BYTES:
            self._upload()

    def _upload(self) -> None:
        self._fs.pipe(self._waiting)
        self._waiting = {}
        self._bytes = 0

    def commit(self) -> None:
        if self._waiting:
            self._upload()
        self._fs.invalidate_cache()

    def abort(self) -> None:
        self._waiting = {}
        self._remove()

    def _remove(self) -> None:
        self._fs.invalidate_cache()
        with suppress(FileNotFoundError):
            self._fs.rm(self._final, recursive=True)


class KeptFolder(RemoteFolder):
    """Files that are put there only at the end: until then another attempt at the same shard may
    have its own there."""

    def __init__(self, folder: Folder, name: str) -> None:
        super().__init__(folder, name)
        self._kept: IO[bytes] = tempfile.TemporaryFile(  # noqa: SIM115  (until the end)
            buffering=1 << 20
        )
        self._lengths: list[tuple[str, int]] = []
        self._committing = False

    def write(self, name: str, data: bytes) -> None:
        self._kept.write(data)
        self._lengths.append((name, len(data)))

    def commit(self) -> None:
        self._committing = True
        self._remove()  # what is there is not of an attempt that has succeeded
        self._kept.seek(0)
        for name, length in self._lengths:
            super().write(name, self._kept.read(length))
        super().commit()

    def abort(self) -> None:
        self._kept.close()
        if self._committing:
            super().abort()


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


def sync_disk(path: Path) -> None:
    """Flush what was written to the disk that `path` is on."""
    if os.name != "posix":
        return
    import ctypes  # noqa: PLC0415  (for one of the output formats)

    syncfs = getattr(ctypes.CDLL(None), "syncfs", None)
    if syncfs is None:  # not Linux
        os.sync()
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            os.sync()
    finally:
        os.close(descriptor)
