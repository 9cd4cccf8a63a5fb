"""Bytes -> objects of a remote store (fsspec): an upload that appears when it is complete.

An upload is kept in a nameless local file until it is complete: if it fails, because the store is
down or the connection is lost, it is repeated from there.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from errno import EINVAL
from os import SEEK_END
from typing import IO, Any, Protocol

from img2dataset.storage.retry import try_once

ATOMIC_UPLOADS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"})
"""fsspec protocols whose files appear when they are closed, and not before."""

UPLOAD_FILES = 256
UPLOAD_BYTES = 16_000_000
"""Small files that are uploaded together: stores are slow one by one, fast side by side."""
MAX_CREATIONS = 4
"""Times that an object is created, and what is there under its name removed."""
OWN_UPLOADS = re.compile(r"\d+([._/].*)?|\.img2dataset/.*|\.nv-meta/index\.sqlite")
"""Names in an output folder that only img2dataset uploads to."""


class Store(Protocol):
    """The part of `storage.Folder` that is used here."""

    fs: Any

    def do(self, step: Callable[[], Any]) -> Any: ...

    def check(self) -> None: ...

    def scratch(self) -> IO[bytes]: ...


def protocols(fs: Any) -> set[str]:
    """The names that a file system goes by."""
    return {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)


def is_atomic(fs: Any) -> bool:
    return bool(ATOMIC_UPLOADS.intersection(protocols(fs)))


class RemoteFile:
    """A file that is kept locally, then uploaded; where that is not atomic, under a hidden name that
    is moved.

    An `exclusive` object is only ever created, where the store can do that: an upload that arrives
    late does not replace what another attempt has stored meanwhile.
    """

    def __init__(self, store: Store, part: str, final: str, *, exclusive: bool = False) -> None:
        self._store = store
        self._final = final
        self._part = final if is_atomic(store.fs) else part
        self._exclusive = exclusive and self._part == final
        self.file = store.scratch()

    def commit(self) -> None:
        self._store.do(self._upload)
        self.file.close()

    def _upload(self) -> None:
        fs = self._store.fs
        if self._part != self._final:
            for path in (self._part, self._final):
                fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        if self._exclusive:
            create_objects(self._store, [self._final], self._create)
        else:
            upload(fs, self._part, self.file, "wb")
        if self._part != self._final:
            move(fs, self._part, self._final)
        fs.invalidate_cache()

    def _create(self) -> None:
        if self.file.seek(0, SEEK_END) == 0:
            # s3fs creates an empty object whatever is there, if it is closed with mode "xb"
            self._store.fs.pipe_file(self._final, b"", mode="create")
        else:
            upload(self._store.fs, self._final, self.file, "xb")

    def abort(self) -> None:
        self.file.close()
        if self._part != self._final:
            with suppress(FileNotFoundError):
                self._store.fs.rm_file(self._part)


def upload(fs: Any, path: str, source: IO[bytes], mode: str) -> None:
    """Copy `source` to the object `path`: all of it, or nothing is seen of it.

    Raises:
        FileExistsError: the mode is "xb", and there is such an object.
    """
    source.seek(0)
    target = fs.open(path, mode)
    try:
        shutil.copyfileobj(source, target, 1 << 20)
        target.close()
    except BaseException:
        discard(target)
        raise


def create_objects(store: Store, paths: Sequence[str], create: Callable[[], None]) -> None:
    """Create the objects `paths`; those that are there already are removed first.

    They are what a dead attempt left, if this process holds the shard's lock: that is checked
    after they were seen and before they are removed, so what another attempt stores after this
    one has lost the lock is not removed.
    """
    for _ in range(MAX_CREATIONS - 1):
        try:
            create()
        except OSError as error:
            if not is_taken(error):
                raise
        else:
            return
        store.check()
        for path in paths:
            with suppress(FileNotFoundError):
                store.fs.rm_file(path)
        store.check()
    create()


def is_taken(error: OSError) -> bool:
    """True if a store may say by `error` that an object exists; of S3's "precondition failed" some
    versions of s3fs make EINVAL."""
    return isinstance(error, FileExistsError) or error.errno == EINVAL


def discard(target: Any) -> None:
    """Give up an upload."""
    # first of all: closing, which the garbage collector does too, would complete it
    with suppress(AttributeError):  # sftp's, of which the half is there in any case
        target.closed = True
    if hasattr(target, "discard"):
        try_once(target.discard)


def move(fs: Any, part: str, final: str) -> None:
    """Move a file onto another one: in one step if the store can (sftp with OpenSSH)."""
    try:
        fs.mv(part, final)
    except OSError:
        if not fs.exists(part):  # moved, and the answer was lost; or the store is down
            raise
        with suppress(FileNotFoundError):
            fs.rm_file(final)
        fs.mv(part, final)


class RemoteFolder:
    """A folder in a store that cannot rename folders: files are uploaded under their final names.

    They belong to a shard that is not done until its stats file is there.
    """

    def __init__(self, store: Store, final: str) -> None:
        self._store = store
        self._final = final
        self._waiting: dict[str, bytes] = {}
        self._bytes = 0
        self._written: set[str] = set()
        if not is_atomic(store.fs):
            store.do(lambda: store.fs.makedirs(final, exist_ok=True))

    def write(self, name: str, data: bytes) -> None:
        self._waiting[f"{self._final}/{name}"] = data
        self._written.add(name)
        self._bytes += len(data)
        if len(self._waiting) >= UPLOAD_FILES or self._bytes >= UPLOAD_BYTES:
            self._upload()

    def _upload(self) -> None:
        self._store.do(self._put)
        self._waiting = {}
        self._bytes = 0

    def _put(self) -> None:
        self._store.fs.pipe(self._waiting)

    def commit(self) -> None:
        if self._waiting:
            self._upload()
        self._store.do(self._remove_others)
        self._store.fs.invalidate_cache()

    def _remove_others(self) -> None:
        """Remove images of a killed attempt that this one did not get."""
        fs = self._store.fs
        fs.invalidate_cache()
        try:
            found = fs.ls(self._final, detail=False)
        except FileNotFoundError:
            return
        names = {str(path).rstrip("/").rpartition("/")[2] for path in found}
        others = names - self._written - {"", self._final.rpartition("/")[2]}
        if others:
            self._store.check()  # after the look: see create_objects
        for name in sorted(others):
            fs.rm_file(f"{self._final}/{name}")

    def abort(self) -> None:
        self._waiting = {}
        self._store.fs.invalidate_cache()
        with suppress(FileNotFoundError):
            self._store.fs.rm(self._final, recursive=True)


class DeferredFolder(RemoteFolder):
    """A folder whose files are uploaded only at its commit: until then another attempt at the same
    shard may have its own files there."""

    def __init__(self, store: Store, final: str) -> None:
        super().__init__(store, final)
        self._deferred = store.scratch()
        self._lengths: list[tuple[str, int]] = []
        self._committing = False

    def write(self, name: str, data: bytes) -> None:
        self._deferred.write(data)
        self._lengths.append((name, len(data)))

    def commit(self) -> None:
        self._committing = True
        self._deferred.seek(0)
        for name, length in self._lengths:
            super().write(name, self._deferred.read(length))
        super().commit()
        self._deferred.close()

    def _put(self) -> None:
        if is_atomic(self._store.fs):
            create_objects(self._store, list(self._waiting), self._create)
        else:
            super()._put()

    def _create(self) -> None:
        self._store.fs.pipe(self._waiting, mode="create")

    def abort(self) -> None:
        self._deferred.close()
        if self._committing:
            self._store.check()  # by now another attempt may have its own there
            super().abort()


def abort_uploads(fs: Any, root: str) -> None:
    """Abort multipart uploads that a killed process began in `root`: they are invisible, but S3
    keeps and bills them.  Other stores drop them by themselves."""
    if not hasattr(fs, "call_s3"):
        return
    bucket, key, _ = fs.split_path(f"{root}/")
    prefix = f"{key.strip('/')}/" if key.strip("/") else ""
    markers: dict[str, str] = {}
    while True:
        page = fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=prefix, **markers)
        for begun in page.get("Uploads", []):
            if OWN_UPLOADS.fullmatch(begun["Key"].removeprefix(prefix)):
                with suppress(FileNotFoundError):
                    fs.call_s3(
                        "abort_multipart_upload",
                        Bucket=bucket, Key=begun["Key"], UploadId=begun["UploadId"],
                    )  # fmt: skip
        if not page.get("IsTruncated"):
            return
        markers = {
            "KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]
        }  # fmt: skip
