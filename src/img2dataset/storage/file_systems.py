"""A URL -> the file system that it names: the local disk, or one of fsspec's."""

from __future__ import annotations

import os
from inspect import signature
from typing import Any

from img2dataset.errors import MissingExtraError
from img2dataset.storage.local_fs import Disk, absolute
from img2dataset.storage.schemes import scheme_of, single_slash, unknown_scheme, with_home
from img2dataset.storage.web_options import web_options


def open_url(url: str) -> tuple[Any, str]:
    """Return the file system that `url` names, and the path in it.

    Raises:
        MissingExtraError: the file system's library is missing, and an extra has it.
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
    if scheme_of(url) == "hf":
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
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
    "hf": ("huggingface_hub", "hf"),
}
"""Protocol of a URL -> (package, extra that installs it)."""


def is_local(fs: Any) -> bool:
    return isinstance(fs, Disk)


def is_async(fs: Any) -> bool:
    """True if its requests are coroutines, which run in a thread of fsspec: any thread may use it,
    and they can be cancelled."""
    return bool(getattr(fs, "async_impl", False)) and getattr(fs, "loop", None) is not None


def reopen(fs: Any) -> Any:
    """Make the same file system again, without its caches and credentials."""
    options = {**fs.storage_options, "skip_instance_cache": True}
    return type(fs)(*fs.storage_args, **options)


def read_whole(fs: Any, path: str) -> bytes:
    """Read a small object by one request."""
    data: bytes = fs.cat_file(path, **one_request(fs))
    return data


def one_request(fs: Any) -> dict[str, int]:
    """Return the arguments of `cat_file` and `cat` by which an object is read without asking for its
    size first, as s3fs does since 2026 to read large ones in parts."""
    read = getattr(fs, "_cat_file", None)
    takes = read is not None and "max_concurrency" in signature(read).parameters
    return {"max_concurrency": 1} if takes else {}


def limit_retries(fs: Any) -> None:
    """Limit the retries of a store's library, which are silent (s3fs with botocore: for minutes):
    `StorageRetry` goes on retrying and says so.  Settings of the user stay."""
    if hasattr(fs, "config_kwargs") and hasattr(fs, "retries"):
        fs.config_kwargs = {"retries": {"max_attempts": 2}, **fs.config_kwargs}
        fs.retries = 2
