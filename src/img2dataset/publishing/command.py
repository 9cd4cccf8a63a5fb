"""`img2dataset card OUTPUT`: a stored dataset -> its folder-wide files, outside of a run."""

from __future__ import annotations

from img2dataset.dataset.opening import open_dataset
from img2dataset.dataset.run_lock import is_any_alive
from img2dataset.errors import OptionError, RunError
from img2dataset.publishing.folder_file import PublishConfig
from img2dataset.publishing.main import hold_publish_lock, publish
from img2dataset.storage.folder import HIDDEN, Folder

OWN_PARTS = f"{HIDDEN}/parts-of-{{}}"
"""The folder for incomplete files of a command, which is not that of a run."""


def publish_folder(output_folder: str, command: str, config: PublishConfig) -> tuple[str, ...]:
    """Write the folder-wide files of a stored dataset, for the command of this name.

    Returns:
        Notices for people.

    Raises:
        OptionError: there is no dataset, or a run is writing it.
        RunError: it cannot be read or written.
        DamagedError: a stats file or a table is damaged.
    """
    folder = open_dataset(output_folder, command, OWN_PARTS.format(command))
    try:
        if not any(name.endswith("_stats.json") for name in folder.names()):
            raise OptionError(f"{folder.url!r} has no shards that are done")
        return tuple(_publish(folder, config))
    except OSError as error:
        raise RunError(f"{folder.url} cannot be read or written: {error}") from error


def _publish(folder: Folder, config: PublishConfig) -> list[str]:
    with hold_publish_lock(folder):
        if is_any_alive(folder):
            raise OptionError(f"{folder.url!r}: a run is writing there, and does this at its end")
        return list(publish(folder, config).notices)
