"""URL of a file -> its file system and its bytes; errors of libraries -> one line for the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Self, cast

import pyarrow as pa

from img2dataset.errors import Img2datasetError, MissingExtraError, OptionError
from img2dataset.sources.access import describe_refusal
from img2dataset.sources.config import BadListError
from img2dataset.storage.failures import is_from_file_system, one_line
from img2dataset.storage.file_systems import open_url
from img2dataset.storage.remote import protocols
from img2dataset.storage.schemes import missing_library


def open_file_system(url: str) -> tuple[Any, str]:
    """Open the file system of `url`; return it and the path in it."""
    try:
        return open_url(url)
    except MissingExtraError as error:
        raise MissingExtraError(f"url_list {url}", error.package, error.extra) from error
    except ImportError as error:
        raise OptionError(f"url_list {url}: {missing_library(url, error.name)}") from error
    except ValueError as error:
        raise OptionError(f"url_list {url} cannot be read: {one_line(error)}") from error


def is_web(fs: Any) -> bool:
    """True if files come from a web server, which may not support seeking."""
    return bool(protocols(fs) & {"http", "https"})


def open_bytes(url: str) -> IO[bytes]:
    """Open a file for reading from its start."""
    fs, path = open_file_system(url)
    if is_web(fs):
        return fs.open(path, "rb", block_size=0)  # type: ignore[no-any-return]  # as it comes
    stream = fs.open(path, "rb")
    return cast("IO[bytes]", Member(stream, fs)) if protocols(fs) & {"zip", "tar"} else stream


class Member:
    """An open file in an archive.

    It holds the file system of the archive, which closes the archive when nothing does.
    """

    def __init__(self, stream: IO[bytes], fs: Any) -> None:
        self._stream = stream
        self._fs = fs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


@contextmanager
def translate_errors(kind: type[Img2datasetError], url: str) -> Iterator[None]:
    """Translate any error that keeps `url` from being read into one line of `kind`.

    File systems of third parties raise errors of their own classes (credentials, clients of
    web services): only this function catches them.
    """
    try:
        yield
    except (kind, OptionError):
        raise
    except BadListError as error:
        raise kind(str(error)) from error
    except FileNotFoundError as error:
        raise kind(f"{url} {describe_refusal(url, error) or 'does not exist'}") from error
    except PermissionError as error:
        raise kind(f"{url} may not be read: permission denied") from error
    except pa.ArrowException as error:
        raise kind(f"{url} is malformed: {one_line(error)}") from error
    except OSError as error:
        raise kind(f"{url} {describe_failure(url, error)}") from error
    except Exception as error:
        if not is_from_file_system(error):
            raise
        raise kind(f"{url} {describe_failure(url, error)}") from error


def describe_failure(url: str, error: BaseException) -> str:
    """Say why a file cannot be read, and what to do if its server refuses it."""
    return describe_refusal(url, error) or f"cannot be read: {one_line(error)}"
