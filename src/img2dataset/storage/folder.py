"""The only door to files (the disk, fsspec): a file has its name when it is whole, or not at all.

On local disks a file is written under a hidden temporary name, flushed to the disk, and
renamed.  On object stores the upload becomes visible on completion.  Elsewhere (sftp, ...)
a hidden temporary object is moved.  What the libraries raise leaves here as an OSError.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from img2dataset.errors import MissingExtraError
from img2dataset.storage.local import LocalFile, LocalFolder, scratch_file, sync_folder
from img2dataset.storage.local_fs import Disk, absolute
from img2dataset.storage.remote import (
    KeptFolder,
    RemoteFile,
    RemoteFolder,
    abort_uploads,
    is_atomic,
)
from img2dataset.storage.retry import StorageRetry, try_once
from img2dataset.storage.schemes import scheme_of, single_slash, unknown_scheme, with_home
from img2dataset.storage.web_options import web_options

log = logging.getLogger(__name__)
T = TypeVar("T")

HIDDEN = ".img2dataset"
"""Folder inside the output that is ours: the run's identity, and files not yet whole."""
PARTS = f"{HIDDEN}/parts"
LOCK = f"{HIDDEN}/lock"
PASSING = ("parts", "turns")
"""Beginnings of names in it that mean nothing once all runs are over."""


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
        ValueError: no such protocol; the message says which is near.
    """
    url = with_home(url)
    if os.name == "posix" and ":" not in url:
        return Disk(), absolute(url)
    from fsspec.core import url_to_fs  # noqa: PLC0415  (see storage/local_fs.py)
    from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415
    from fsspec.registry import available_protocols  # noqa: PLC0415

    problem = single_slash(url) or unknown_scheme(url, available_protocols())
    if problem is not None:
        raise ValueError(problem)
    try:
        fs, path = url_to_fs(url, **web_options(url))
    except ImportError as error:
        protocol = url.partition("://")[0]
        if protocol not in EXTRAS:
            raise
        raise MissingExtraError(url, *EXTRAS[protocol]) from error
    except OSError as error:
        if scheme_of(url) == "hdfs":  # pyarrow looks for Java's libraries
            raise ImportError(str(error)) from error
        raise
    return (Disk() if isinstance(fs, LocalFileSystem) else fs), path


EXTRAS = {
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "gs": ("gcsfs", "gcs"),
    "gcs": ("gcsfs", "gcs"),
    "sftp": ("paramiko", "sftp"),
    "ssh": ("paramiko", "sftp"),
}
"""Protocol of a URL -> (package, extra of ours that installs it)."""


def is_local(fs: Any) -> bool:
    return isinstance(fs, Disk)


class Folder:
    """A folder of any file system.  Names are relative to it, with slashes.

    `parts` is where files that are not whole yet have their names: runs that write into the
    folder at the same time have one each.  `concurrent_attempts` says that several machines may be
    writing the same folder of files.  With `patience` it waits for a store that is full or down.
    """

    def __init__(
        self,
        url: str,
        patience: StorageRetry | None = None,
        *,
        parts: str = PARTS,
        concurrent_attempts: bool = False,
    ) -> None:
        self.url = url
        self.parts = parts
        self._overlapping = concurrent_attempts
        self.fs, root = open_url(url)
        self.root: str = str(root).rstrip("/") or "/"
        self.local = is_local(self.fs)
        if self.local:
            self.root = os.path.normpath(self.root)
        self._patience = patience or StorageRetry()
        self._stale = False
        self._guard: Callable[[], None] | None = None
        if self._patience.waits:
            limit_retries(self.fs)

    def __repr__(self) -> str:
        return f"Folder({self.url!r})"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return partial(Folder, parts=self.parts, concurrent_attempts=self._overlapping), (self.url,)

    def do(self, step: Callable[[], T]) -> T:
        """Do what touches the store, with patience; whatever fails is an OSError."""

        def attempt() -> T:
            if self._stale:  # a new connection, and credentials that may be new too
                self.fs = opened_again(self.fs)
                self._stale = False
                if self._patience.waits:
                    limit_retries(self.fs)
            try:
                self.check()
                return step()
            except FileNotFoundError:
                raise
            except Exception:
                self._stale = not self.local
                raise

        return self._patience(attempt, f"{self.url} cannot be written", remote=not self.local)

    @contextmanager
    def guarded(self, guard: Callable[[], None]) -> Iterator[None]:
        """In the block `guard` is called before each try of a step, which is not done if it
        raises.  It may touch the store, by itself."""
        self._guard = guard
        try:
            yield
        finally:
            self._guard = None

    def check(self) -> None:
        """Raise if a step would not be done now."""
        if self._guard is not None:
            self._guard()

    def rest(self, seconds: float) -> bool:
        """Wait for somebody else; return whether we may go on waiting, or are told to end."""
        return self._patience.rest(seconds)

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
        data: bytes = self.do(lambda: self.fs.cat_file(self.path(name)))
        return data

    def remove(self, names: Iterable[str]) -> None:
        """Remove files and folders with all that is in them; what is not there is no error."""
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
        """Write a small file, whole."""
        pending = self.begin(name)
        with whole(pending):
            pending.file.write(data)

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file, unless it exists; return whether we did.  Of several who do this
        at once, one does, wherever the file system can tell: disks, S3, GCS, Azure."""
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
            # S3's "precondition failed" and sftp's refusal have no error of their own
            self.fs.invalidate_cache()
            if self.fs.exists(path):
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
        part, final = self.path(self.part(name)), self.path(name)
        if self.local:
            return LocalFile(Path(part), Path(final), self.do)
        return RemoteFile(self, part, final)

    def begin_folder(self, name: str) -> PendingFolder:
        """Start a folder that will be called `name`."""
        part, final = self.path(self.part(name)), self.path(name)
        if self.local:
            return LocalFolder(Path(part), Path(final), self.do)
        return KeptFolder(self, final) if self._overlapping else RemoteFolder(self, final)

    def scratch(self) -> IO[bytes]:
        """A nameless file to read and write; it is gone when closed, or when we die.

        It is on the output's own disk if that is a local one: /tmp may be small, or memory.
        """
        if not self.local:
            here = f"the folder for temporary files, {tempfile.gettempdir()}, cannot be written"
            return scratch_file(None, lambda step: self._patience(step, here))
        parts = Path(self.path(self.parts))
        self.do(lambda: parts.mkdir(parents=True, exist_ok=True))
        return scratch_file(str(parts), self.do)

    def part(self, name: str) -> str:
        """A fresh name for what is not whole yet."""
        return f"{self.parts}/{name.replace('/', '_')}.{os.urandom(8).hex()}"

    def empty(self) -> None:
        """Remove everything but locks."""
        self.remove(name for name in self.names() if name != HIDDEN)
        lock = LOCK.rpartition("/")[2]
        hidden = [name for name in self.names(HIDDEN) if not name.startswith(lock)]
        self.remove(f"{HIDDEN}/{name}" for name in hidden)

    def clear_parts(self) -> None:
        """Remove what interrupted runs were writing: all of them, if we are alone here."""
        if self.parts != PARTS:
            self.remove([self.parts])
            return
        # also of the parts of a run; locks elsewhere see to themselves
        passing = (*PASSING, *(["lock."] if self.local else []))
        self.remove(f"{HIDDEN}/{name}" for name in self.names(HIDDEN) if name.startswith(passing))
        if not self.local:
            try:
                self.do(lambda: abort_uploads(self.fs, self.root))
            except OSError as error:  # not allowed, or not known to this kind of S3
                log.debug("uploads in parts cannot be listed: %s", error)


def opened_again(fs: Any) -> Any:
    """The same file system, with nothing remembered of this one."""
    options = {**fs.storage_options, "skip_instance_cache": True}
    return type(fs)(*fs.storage_args, **options)


def limit_retries(fs: Any) -> None:
    """Let a store's library try a few times only: it does so in silence, s3fs with botocore for
    minutes, and we go on trying and say so.  What the user has set stays."""
    if hasattr(fs, "config_kwargs") and hasattr(fs, "retries"):
        fs.config_kwargs = {"retries": {"max_attempts": 2}, **fs.config_kwargs}
        fs.retries = 2


@contextmanager
def whole(pending: Pending) -> Iterator[None]:
    """Commit `pending` if the block succeeds, else abort it."""
    try:
        yield
        pending.commit()
    except BaseException:
        try_once(pending.abort)  # what cannot be removed now must not hide why
        raise
