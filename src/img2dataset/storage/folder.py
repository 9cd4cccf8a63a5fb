"""The only access to files (local disk, fsspec): a file has its name once it is complete.

On local disks a file is written under a hidden temporary name, flushed to the disk, and
renamed.  On object stores the upload becomes visible on completion.  Elsewhere (sftp, ...)
a hidden temporary object is moved.  Errors of the libraries become OSErrors here.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

from img2dataset.storage.file_systems import (
    is_async,
    is_local,
    limit_retries,
    open_url,
    read_whole,
    reopen,
)
from img2dataset.storage.local import LocalFile, LocalFolder, scratch_file, sync_folder
from img2dataset.storage.pending import PendingFile, PendingFolder, whole
from img2dataset.storage.remote import (
    DeferredFolder,
    RemoteFile,
    RemoteFolder,
    abort_uploads,
    is_atomic,
)
from img2dataset.storage.retry import StorageRetry

log = logging.getLogger(__name__)
T = TypeVar("T")

HIDDEN = ".img2dataset"
"""The hidden folder in the output: the run's identity, locks, and incomplete files."""
PARTS = f"{HIDDEN}/parts"
LOCK = f"{HIDDEN}/lock"
TRANSIENT_NAMES = ("parts", "turns")
"""Beginnings of names in it that have no meaning once all runs are over."""


def parts_name(index: int, count: int) -> str:
    """Return the folder for incomplete files of part `index` of `count`."""
    return PARTS if count == 1 else f"{PARTS}-{index}-of-{count}"


class Folder:
    """A folder of any file system.  Names are relative to it, with slashes.

    `parts` is the folder for incomplete files: each of several runs that write here at the same
    time has its own.  `concurrent_attempts` says that several workers may be storing the same
    shard.  With `storage_retry`, steps are retried while a store is full or down.
    """

    def __init__(
        self,
        url: str,
        storage_retry: StorageRetry | None = None,
        *,
        parts: str = PARTS,
        concurrent_attempts: bool = False,
    ) -> None:
        self.url = url
        self.parts = parts
        self._concurrent_attempts = concurrent_attempts
        self._fs, root = open_url(url)
        self._fs_of_thread = threading.local()
        self.root: str = str(root).rstrip("/") or "/"
        self.local = is_local(self._fs)
        self._is_shared = self.local or is_async(self._fs)
        self.fs = self._fs
        if self.local:
            self.root = os.path.normpath(self.root)
        self._storage_retry = storage_retry or StorageRetry()
        self._stale = False
        self._guard: Callable[[], None] | None = None
        if self._storage_retry.waits:
            limit_retries(self.fs)

    def __repr__(self) -> str:
        return f"Folder({self.url!r})"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return partial(Folder, parts=self.parts, concurrent_attempts=self._concurrent_attempts), (
            self.url,
        )

    @property
    def fs(self) -> Any:
        """The file system.  Where its library is not made for threads (paramiko mixes up their
        answers, and one waits for ever), each thread has its own."""
        if self._is_shared:
            return self._fs
        if not hasattr(self._fs_of_thread, "fs"):
            self.fs = self._reopen(self._fs)
        return self._fs_of_thread.fs

    @fs.setter
    def fs(self, fs: Any) -> None:
        if self._is_shared:
            self._fs = fs
        else:
            self._fs_of_thread.fs = fs

    def _reopen(self, fs: Any) -> Any:
        fs = reopen(fs)
        if self._storage_retry.waits:
            limit_retries(fs)
        return fs

    def do(self, step: Callable[[], T]) -> T:
        """Do a step that touches the store, with retries; every failure is an OSError."""

        def try_step() -> T:
            if self._stale:  # a new connection, and credentials that may be new too
                self.fs = self._reopen(self.fs)
                self._stale = False
            try:
                self.check()
                return step()
            except FileNotFoundError:
                raise
            except Exception:
                self._stale = not self.local
                raise

        return self._storage_retry(try_step, f"{self.url} cannot be written", remote=not self.local)

    @contextmanager
    def guarded(self, guard: Callable[[], None]) -> Iterator[None]:
        """Call `guard` before each try of a step in the block; if it raises, the step is not done.
        It may touch the store."""
        self._guard = guard
        try:
            yield
        finally:
            self._guard = None

    @contextmanager
    def unguarded(self) -> Iterator[None]:
        """Do the steps in the block, which only read, without the guard."""
        guard, self._guard = self._guard, None
        try:
            yield
        finally:
            self._guard = guard

    def check(self) -> None:
        """Call the guard, once: it raises if a step must not be done."""
        if self._guard is not None:
            self._guard()

    def confirm(self) -> None:
        """Call the guard, with retries while the store is down."""
        self.do(lambda: None)

    def rest(self, seconds: float) -> bool:
        """Wait for another process; return False if the run is to end."""
        return self._storage_retry.rest(seconds)

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def make(self) -> None:
        self.do(lambda: self.fs.makedirs(self.root, exist_ok=True))
        if self.local:
            with suppress(OSError):  # of a folder above that may be used and not read
                sync_folder(Path(self.root).parent)

    def exists(self, name: str) -> bool:
        # not fs.exists: a store that is down has nothing, says fsspec's
        try:
            self.do(lambda: self.fs.info(self.path(name)))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def names(self, inside: str = "") -> list[str]:
        """The names in the folder (or in `inside`), files and folders, hidden ones too."""
        try:
            if self.local:
                return os.listdir(f"{self.root}/{inside}")  # noqa: PTH208  (half the time)
            found = self.do(lambda: self._listed(inside))
        except FileNotFoundError:
            return []
        names = [str(path).rstrip("/").rpartition("/")[2] for path in found]
        own = self.root.rpartition("/")[2]
        return [name for name in names if name and not (name == own and len(names) == 1)]

    def _listed(self, inside: str) -> list[Any]:
        self.fs.invalidate_cache()
        try:
            found: list[Any] = self.fs.ls(self.path(inside) if inside else self.root, detail=False)
        finally:
            self.fs.invalidate_cache()  # 300 bytes for each of many
        return found

    def read(self, name: str) -> bytes:
        return self.do(lambda: read_whole(self.fs, self.path(name)))

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, and folders with their content; missing ones are no error."""
        for name in names:
            with suppress(FileNotFoundError):
                self.do(partial(self._remove, name))

    def _remove(self, name: str) -> None:
        path = self.path(name)
        try:
            self.fs.rm(path, recursive=True)
        except OSError as error:
            # the sign of life of a lock may come into a folder that is being emptied
            if isinstance(error, FileNotFoundError) or not self.fs.isdir(path):
                raise
            self.fs.invalidate_cache()
            self.fs.rm(path, recursive=True)

    def write(self, name: str, data: bytes) -> None:
        """Write a small file at once."""
        pending = self.begin(name)
        with whole(pending):
            pending.file.write(data)

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file unless it exists; return False if it does.  Of several processes that
        do this at once, one succeeds, if the file system can tell: disks, S3, GCS, Azure."""
        if self.local:
            return bool(self.do(lambda: self._create_locally(name, data)))
        return bool(self.do(lambda: self._create_elsewhere(self.path(name), data)))

    def _create_elsewhere(self, path: str, data: bytes) -> bool:
        if not is_atomic(self.fs):  # which have folders
            self.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        try:
            self.fs.pipe_file(path, data, mode="create")
        except FileExistsError:
            return False
        except OSError:
            # S3's "precondition failed" has no error of its own
            self.fs.invalidate_cache()
            if self.fs.exists(path) and not self._is_cut_off(path, data):
                return False
            raise
        return True

    def _is_cut_off(self, path: str, data: bytes) -> bool:
        """Whether a file is what this process could write of `data`, as on a full disk; remove it,
        or it would be taken for another's."""
        if is_atomic(self.fs):
            return False
        found = read_whole(self.fs, path)
        is_cut_off = len(found) < len(data) and data.startswith(found)
        if is_cut_off:
            self.fs.rm_file(path)
        return is_cut_off

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
        part, final = self.path(self.part(name)), self.path(name)
        if self.local:
            return LocalFile(Path(part), Path(final), self.do)
        hidden = name.startswith(f"{HIDDEN}/")
        return RemoteFile(self, part, final, exclusive=self._concurrent_attempts and not hidden)

    def begin_folder(self, name: str) -> PendingFolder:
        """Start a folder that will be called `name`."""
        part, final = self.path(self.part(name)), self.path(name)
        if self.local:
            return LocalFolder(Path(part), Path(final), self.do)
        return (
            DeferredFolder(self, final) if self._concurrent_attempts else RemoteFolder(self, final)
        )

    def scratch(self) -> IO[bytes]:
        """Open a nameless file to read and write; it is gone when it is closed or the process ends.

        It is on the output's own disk if that is local: /tmp may be small, or memory.
        """
        if not self.local:
            here = f"the folder for temporary files, {tempfile.gettempdir()}, cannot be written"
            return scratch_file(None, lambda step: self._storage_retry(step, here))
        parts = Path(self.path(self.parts))
        self.do(lambda: parts.mkdir(parents=True, exist_ok=True))
        return scratch_file(str(parts), self.do)

    def part(self, name: str) -> str:
        """Make a new name for an incomplete file."""
        return f"{self.parts}/{name.replace('/', '_')}.{os.urandom(8).hex()}"

    def empty(self) -> None:
        """Remove everything but locks."""
        self.remove(name for name in self.names() if name != HIDDEN)
        lock = LOCK.rpartition("/")[2]
        hidden = [name for name in self.names(HIDDEN) if not name.startswith(lock)]
        self.remove(f"{HIDDEN}/{name}" for name in hidden)

    def clear_parts(self) -> None:
        """Remove the incomplete files of interrupted runs: of all runs, unless this is one of parts."""
        if self.parts != PARTS:
            self.remove([self.parts])
            return
        # also of the parts of a run; locks elsewhere see to themselves
        passing = (*TRANSIENT_NAMES, *(["lock."] if self.local else []))
        self.remove(f"{HIDDEN}/{name}" for name in self.names(HIDDEN) if name.startswith(passing))
        if not self.local:
            try:
                self.do(lambda: abort_uploads(self.fs, self.root))
            except OSError as error:  # not allowed, or not known to this kind of S3
                log.debug("uploads in parts cannot be listed: %s", error)
