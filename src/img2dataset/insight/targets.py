"""The path of a file beside a dataset -> written whole, local or elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from img2dataset.errors import MissingExtraError, OptionError, RunError
from img2dataset.storage.folder import Folder
from img2dataset.storage.local import LocalFile
from img2dataset.storage.pending import PendingFile, whole


@contextmanager
def open_target(path: str) -> Iterator[IO[bytes]]:
    """Open a file to write; it has its name if the block succeeds.

    Raises:
        OptionError: it is a folder, or its place cannot be opened.
        RunError: it cannot be written.
    """
    try:
        pending = begin_file(path)
        with whole(pending):
            yield pending.file
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error}") from error


def begin_file(path: str) -> PendingFile:
    parent, _, name = path.rpartition("/")
    if not name:
        raise OptionError(f"{path!r} names a folder, not a file")
    folder = open_folder(parent or ("/" if path.startswith("/") else "."))
    if not folder.local:
        return folder.begin(name)
    final = Path(folder.path(name))
    if final.is_dir():
        raise OptionError(f"{path!r} is a folder, not a file")
    part = final.with_name(f".{name}.{os.urandom(4).hex()}")
    return LocalFile(part, final, folder.do)


def open_folder(url: str) -> Folder:
    """Open a folder of any file system.

    Raises:
        OptionError: it cannot be.
    """
    try:
        return Folder(url)
    except MissingExtraError:
        raise
    except (ImportError, ValueError) as error:
        raise OptionError(f"{url!r} cannot be opened: {error}") from error
