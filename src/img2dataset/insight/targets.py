"""The path of a file beside a dataset -> checked, written whole, local or elsewhere."""

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
from img2dataset.storage.reading import open_stored

HEAD_BYTES = 1000
"""Of a file that is there: enough to see what it is."""


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


def check_target(option: str, path: str, dataset: Folder, *, replaceable: bytes = b"") -> None:
    """Refuse to write a file into the dataset that is looked at, or over another file.

    An empty file may be replaced, and one whose head contains `replaceable`.

    Raises:
        OptionError: it must not be written.
        RunError: what is there cannot be read.
    """
    folder, name = split_target(path)
    check_is_outside(option, path, folder, dataset)
    try:
        is_free = can_replace(folder, name, replaceable)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error}") from error
    if not is_free:
        raise OptionError(
            f"--{option}={path} is there already, and is not overwritten: name a new file"
        )


def check_is_outside(option: str, path: str, folder: Folder, dataset: Folder) -> None:
    """Refuse a folder that is in the dataset: other programs may read every file there.

    Raises:
        OptionError: it is.
    """
    if folder.local and dataset.local:
        is_inside = Path(folder.root).resolve().is_relative_to(Path(dataset.root).resolve())
    else:
        is_inside = folder.fs == dataset.fs and f"{folder.root}/".startswith(f"{dataset.root}/")
    if is_inside:
        raise OptionError(
            f"--{option}={path} would be in the dataset, {dataset.url}: name a place outside it"
        )


def can_replace(folder: Folder, name: str, replaceable: bytes) -> bool:
    """Whether nothing is lost if the file is written.

    Raises:
        OptionError: it is a folder.
    """
    if folder.local:
        final = Path(folder.path(name))
        if final.is_dir():
            raise OptionError(f"{str(final)!r} is a folder, not a file")
        if not os.path.lexists(final):
            return True
        if not final.is_file():  # a pipe must not be read
            return False
    elif not folder.exists(name):
        return True
    with open_stored(folder, name) as file:
        head = file.read(HEAD_BYTES)
    return not head or (replaceable != b"" and replaceable in head)


def split_target(path: str) -> tuple[Folder, str]:
    """Split the path of a file: its folder, its name in it.

    Raises:
        OptionError: it has no name, or the folder cannot be opened.
    """
    parent, _, name = path.rpartition("/")
    if not name:
        raise OptionError(f"{path!r} names a folder, not a file")
    return open_folder(parent or ("/" if path.startswith("/") else ".")), name


def begin_file(path: str) -> PendingFile:
    folder, name = split_target(path)
    if not folder.local:
        return folder.begin(name)
    final = Path(folder.path(name))
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
