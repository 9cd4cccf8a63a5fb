"""The folder that a command names -> the folder of a dataset, which is there to be read."""

from __future__ import annotations

from img2dataset.errors import MissingExtraError, OptionError
from img2dataset.storage.folder import Folder


def open_dataset(output_folder: str, command: str) -> Folder:
    """Open the folder that a command is given.

    Raises:
        OptionError: it is a file, or its file system does not exist.
    """
    try:
        folder = Folder(output_folder)
    except MissingExtraError:
        raise
    except (ImportError, ValueError) as error:
        raise OptionError(f"{output_folder!r} cannot be opened: {error}") from error
    if is_file(folder):
        raise OptionError(f"{output_folder!r} is a file: {command} takes the folder of a dataset")
    return folder


def is_file(folder: Folder) -> bool:
    try:
        kind: str = folder.do(lambda: folder.fs.info(folder.root))["type"]
    except OSError:  # missing or unreadable: reported when it is read
        return False
    return kind == "file"
