"""URL of a file or object -> its bytes, whole: one object of a list after the other, from many threads.

The file systems are those of fsspec, with the credentials that it finds for lists and outputs.  A URL
is never taken for a chain (`simplecache::s3://...`): its scheme is what is before `://`, all that is
behind it belongs to the path.  Files on the local disk are read without fsspec.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EBUSY, EINVAL
from typing import Any

from img2dataset.errors import MissingExtraError
from img2dataset.storage.failures import (
    as_os_error,
    find_store_status,
    is_expired,
    is_raised_here,
    one_line,
)
from img2dataset.storage.file_systems import EXTRAS, is_async
from img2dataset.storage.file_urls import FILE_SCHEMES, list_paths
from img2dataset.storage.local_object import (
    ObjectError,
    ObjectFacts,
    StoredObject,
    TooLargeError,
    TornError,
    read_local,
)
from img2dataset.storage.schemes import unknown_scheme

log = logging.getLogger(__name__)

FIRST_RANGE_BYTES = 2_000_000
"""What is asked for at once of an object of unknown size: nearly all images come in one request."""
PIECE_BYTES = 1_000_000
"""What is read at once from a file system without ranges."""
NO_SUCH_RANGE = 416
MIN_SECONDS = 0.001
"""What is left when the time is up: 0 means no limit to fsspec."""

Reserve = Callable[[int], None]
"""Takes the bytes that an object will have in memory; returns when there is space for them."""


class BadUrlError(ObjectError):
    """The URL names nothing that its store can have."""


class LibraryError(ConnectionError):
    """A library raised what no store causes (TypeError, KeyError, ...): a fault of its own, or of how
    it is used."""


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """What one object may take."""

    most_bytes: int
    seconds_left: Callable[[], float]
    """Returns the time that is left, without that in which it waited for space; more than 0."""
    reserve: Reserve
    wants_facts: bool = False
    """Whether the caller stores its type, ETag and date, for which a store is asked once more."""


class ObjectReader:
    """Reads objects.  Thread-safe."""

    def __init__(self, max_connections: int, say: Callable[[str], None] = log.warning) -> None:
        """`max_connections` = objects that are read from one store at once; `say` takes a line for
        the user, from any thread."""
        self._max_connections = max_connections
        self._say = say
        self._told: set[str] = set()
        self._opening = threading.Lock()
        self._shared: dict[Any, Any] = {}
        self._own = threading.local()
        self._loaded: set[str] = set()

    def load(self, url: str) -> None:
        """Import what reads this URL, which may take seconds that are no fault of its store."""
        scheme = url.partition("://")[0].lower()
        if scheme in FILE_SCHEMES or scheme in self._loaded:
            return
        from fsspec.registry import get_filesystem_class  # noqa: PLC0415  (see storage/local_fs.py)

        get_filesystem_class(scheme)
        self._loaded.add(scheme)

    def read(self, url: str, limits: ReadLimits) -> StoredObject:
        """Read an object.

        Raises:
            ObjectError: there is no object that is read whole, see its classes.
            OSError: the store says so, or does not answer; TimeoutError = not in time.
        """
        scheme = url.partition("://")[0].lower()
        if scheme in FILE_SCHEMES:
            return read_local(list_paths(url), limits)
        try:
            return self._read(scheme, url, limits)
        except LibraryError as error:
            self._tell(scheme, error)
            raise

    def _read(self, scheme: str, url: str, limits: ReadLimits) -> StoredObject:
        with translate_errors():
            fs, path = self._open(scheme, url)
            if not path.strip("/"):
                raise BadUrlError(url)
        try:
            with translate_errors():
                return (read_ranges if is_async(fs) else read_stream)(fs, path, limits)
        except OSError as error:
            if not is_usable(fs, path, limits, error):
                self._forget(fs)
            raise

    def _tell(self, scheme: str, error: LibraryError) -> None:
        """Say once what the reason of a row does not."""
        with self._opening:
            is_new = scheme not in self._told
            self._told.add(scheme)
        if is_new:
            self._say(
                f"{scheme}:// objects fail by an error of a library or of its options, not of their "
                f"store: {error}"
            )

    def _open(self, scheme: str, url: str) -> tuple[Any, str]:
        """Return the file system of a URL and the path in it.

        One whose requests run in fsspec's own thread serves all threads; of others each thread has
        its own, since they may not be thread-safe.
        """
        from fsspec.registry import get_filesystem_class  # noqa: PLC0415  (see storage/local_fs.py)

        kind = get_filesystem_class(scheme)
        options, path = split_url(kind, url)
        key = (scheme, repr(sorted(options.items())))
        own: dict[Any, Any] = self._own.__dict__
        fs = self._shared.get(key) or own.get(key)
        if fs is None and getattr(kind, "async_impl", False):
            with self._opening:
                fs = self._shared[key] = self._shared.get(key) or self._make(kind, options)
        elif fs is None:  # without the lock: a server that does not answer must not keep the others
            fs = own[key] = self._make(kind, options)
        return fs, path

    def _forget(self, fs: Any) -> None:
        """Let the next object open this file system again: a new connection, and credentials that
        may be new too."""
        with self._opening:
            for known in (self._shared, self._own.__dict__):
                for key in [key for key, each in known.items() if each is fs]:
                    del known[key]

    def _make(self, kind: Any, options: dict[str, Any]) -> Any:
        fs = kind(**{**options, "skip_instance_cache": True})
        if hasattr(fs.dircache, "use_listings_cache"):
            # no option: some (sftp, webdav) hand all of theirs on to a client that refuses this one
            fs.dircache.use_listings_cache = False
        if hasattr(fs, "config_kwargs") and hasattr(fs, "retries"):
            # s3fs: the retries are those of the option; botocore has 10 connections by default
            more = {
                "retries": {"total_max_attempts": 1},
                "max_pool_connections": self._max_connections,
            }
            fs.config_kwargs = {**more, **fs.config_kwargs}
            fs.retries = 1
        return fs


def split_url(kind: Any, url: str) -> tuple[dict[str, Any], str]:
    """Return what a URL says to a file system that is opened for it, and the path in that."""
    options: dict[str, Any] = kind._get_kwargs_from_urls(url)  # noqa: SLF001  (as fsspec itself)
    path = str(kind._strip_protocol(url))  # noqa: SLF001
    # fsspec's parser takes parts of a name for these, and nobody knows them as options
    options.pop("url_fragment", None)
    if options.pop("url_query", None) is not None:
        path = "/" + url.partition("://")[2].partition("/")[2]
    return options, path


def is_usable(fs: Any, path: str, limits: ReadLimits, error: OSError) -> bool:
    """Whether the next object may be read by a file system that has failed with this error.

    A store that fails in words that a dead connection has too ("Failure" of sftp) is asked about the
    object: if it answers, it need not be opened again for each such row.
    """
    if is_expired(error):
        return False
    if is_answer(error):
        return True
    if isinstance(error, TimeoutError):
        return is_async(fs)  # they cancel a request; of others nobody knows what comes next
    try:
        with translate_errors():
            ask(fs, fs._info, path, limits) if is_async(fs) else fs.info(path)  # noqa: SLF001
    except OSError as failure:
        return is_answer(failure)
    return True


def is_answer(error: OSError) -> bool:
    """True if a store has certainly answered."""
    answers = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)
    return (
        isinstance(error, answers) or error.errno == EBUSY or find_store_status(error) is not None
    )


def check_scheme(scheme: str) -> None:
    """Check that fsspec can fetch URLs of this scheme here.

    Raises:
        MissingExtraError: it needs a library that an extra of this package has.
        ImportError: it needs another library, which the error names.
        ValueError: there is no such scheme; the message says which is near.
    """
    if scheme in FILE_SCHEMES:
        return
    from fsspec.registry import available_protocols, get_filesystem_class  # noqa: PLC0415

    problem = unknown_scheme(f"{scheme}://", available_protocols())
    if problem is not None:
        raise ValueError(problem)
    try:
        get_filesystem_class(scheme)
    except ImportError as error:
        if scheme in EXTRAS:
            raise MissingExtraError(f"url_schemes {scheme}", *EXTRAS[scheme]) from error
        raise


@contextmanager
def translate_errors() -> Iterator[None]:
    """Make an OSError of whatever a file system raises; a fault of our own stays what it is."""
    try:
        yield
    except (OSError, ObjectError):
        raise
    except Exception as error:
        if is_raised_here(error):
            raise
        if isinstance(error, ValueError):
            raise BadUrlError(one_line(error)) from error
        if type(error).__name__ == "ParamValidationError":  # botocore's, of names
            raise BadUrlError(one_line(error)) from error
        if "Timeout" in type(error).__name__:
            raise TimeoutError(one_line(error)) from error
        text = f"{type(error).__name__}: {one_line(error)}"
        raise as_os_error(error) or LibraryError(text) from error


def read_ranges(fs: Any, path: str, limits: ReadLimits) -> StoredObject:
    """Read an object from a store by ranges: one request for a small one."""
    info = ask(fs, fs._info, path, limits) if limits.wants_facts else None  # noqa: SLF001
    size = None if info is None else check_info(info, limits)
    first = min(FIRST_RANGE_BYTES, limits.most_bytes + 1) if size is None else size
    limits.reserve(first)
    data = read_first(fs, path, first, limits) if first else b""
    if size is None and len(data) >= first:  # there may be more
        info = ask(fs, fs._info, path, limits)  # noqa: SLF001
        size = check_info(info, limits)
        limits.reserve(max(size, first))
        if size > first:
            data += ask(fs, fs._cat_file, path, limits, start=first, end=size)  # noqa: SLF001
    if size is not None and len(data) != size:
        raise TornError(path)
    return StoredObject(data, make_facts(info) if info is not None and limits.wants_facts else None)


def read_first(fs: Any, path: str, size: int, limits: ReadLimits) -> bytes:
    """Read the beginning of an object; an empty one has no range."""
    try:
        data: bytes = ask(fs, fs._cat_file, path, limits, start=0, end=size)  # noqa: SLF001
    except OSError as error:
        if error.errno != EINVAL and find_store_status(error) != NO_SUCH_RANGE:
            raise
        if ask(fs, fs._info, path, limits).get("size") != 0:  # noqa: SLF001
            raise
        return b""
    return data


def ask(fs: Any, request: Callable[..., Any], path: str, limits: ReadLimits, **options: Any) -> Any:
    """Wait for a coroutine of the file system, which is cancelled when the time is up."""
    from fsspec.asyn import sync  # noqa: PLC0415  (see storage/local_fs.py)

    return sync(fs.loop, request, path, timeout=limits.seconds_left(), **options)


def read_stream(fs: Any, path: str, limits: ReadLimits) -> StoredObject:
    """Read an object from any file system, piece by piece."""
    info = fs.info(path) if limits.wants_facts else None
    size = None if info is None else check_info(info, limits)
    with fs.open(path, "rb") as file:
        size = find_size(file) if size is None else size
        if size is not None and size > limits.most_bytes:
            raise TooLargeError(path)
        pieces: list[bytes] = []
        length = 0
        while True:
            if size is None or length >= size:
                limits.reserve(length + PIECE_BYTES)
            elif not pieces:
                limits.reserve(size)
            piece = file.read(PIECE_BYTES)
            if not piece:
                break
            pieces.append(bytes(piece))
            length += len(piece)
            if length > limits.most_bytes:
                raise TooLargeError(path)
            if limits.seconds_left() <= MIN_SECONDS:
                raise TimeoutError(path)
    if size is not None and length != size:
        raise TornError(path)
    return StoredObject(b"".join(pieces), None if info is None else make_facts(info))


def find_size(file: Any) -> int | None:
    """Find the size that an open file says it has."""
    size = getattr(file, "size", None)
    return size if isinstance(size, int) else None


def check_info(info: Any, limits: ReadLimits) -> int:
    """Return the size of an object that is a file, and not too large."""
    if info.get("type") not in ("file", None):
        raise IsADirectoryError(str(info.get("name")))
    size = info.get("size")
    if not isinstance(size, int):
        raise TornError(str(info.get("name")))
    if size > limits.most_bytes:
        raise TooLargeError(str(info.get("name")))
    return size


def make_facts(info: Any) -> ObjectFacts:
    """Find what stores call by different names."""

    def find(*names: str) -> Any:
        return next((info[name] for name in names if info.get(name)), None)

    kind, etag = find("ContentType", "contentType", "content_type"), find("ETag", "etag")
    changed = find("LastModified", "last_modified", "updated", "mtime", "created")
    if hasattr(changed, "timestamp"):
        changed = changed.timestamp()
    return ObjectFacts(
        str(kind) if kind else None,
        str(etag) if etag else None,
        float(changed) if isinstance(changed, int | float) else None,
    )
