"""A file of a dataset, to be read: a file that cannot be read is not taken for a damaged one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pyarrow as pa

from img2dataset.errors import DamagedError, RunError
from img2dataset.storage.failures import as_os_error
from img2dataset.storage.folder import Folder
from img2dataset.storage.reading import open_stored


class CheckedFile:
    """A file that raises a RunError if it cannot be read: libraries raise OSError for damage, too."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self._name = name

    @property
    def closed(self) -> bool:
        return self._file.closed

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        with self._translate_errors():
            return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        with self._translate_errors():
            return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self._file.close()

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            failure = as_os_error(error)
            if failure is None:
                raise
            raise RunError(f"{self._name} cannot be read: {failure}") from error


@contextmanager
def open_checked(folder: Folder, name: str) -> Iterator[CheckedFile]:
    """Open a file that was in the listing.

    Raises:
        DamagedError: its content is damaged; whatever reads it in the block finds out.
        RunError: it cannot be read.
    """
    path = folder.path(name)
    try:
        file = open_stored(folder, name)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    with file:
        try:
            yield CheckedFile(file, path)
        except (OSError, pa.ArrowException) as error:
            raise DamagedError(first_line(error)) from error


def first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
