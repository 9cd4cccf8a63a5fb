"""The name of an output folder, given to a command -> the folder."""

from __future__ import annotations

from img2dataset.errors import MissingExtraError, OptionError
from img2dataset.storage.folder import PARTS, Folder


def open_dataset(output_folder: str, command: str, parts: str = PARTS) -> Folder:
    """Open the folder of a stored dataset, for the command of this name.

    Raises:
        OptionError: it is a file, or cannot be opened.
    """
    try:
        folder = Folder(output_folder, parts=parts)
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
