"""New files for a shard -> the shard replaced: all of its files take their places, or none does.

They are staged in a hidden folder of the shard, under the names that they will have in the output.
When they are complete, a marker commits them; then they are moved, the stats file last, and the
marker is removed.  A run that finds a marker rolls forward: files that have been moved are not
there any more, so this can start again at any point.  A run that finds files without a marker
rolls back, by removing them: the old shard stays.

Index files say where in another file something is: the old ones are removed before any file is
moved, and the new ones come after the others, so that none ever stands beside the wrong file.
"""

from __future__ import annotations

from collections.abc import Callable

from img2dataset.formats import list_index_suffixes
from img2dataset.storage.folder import HIDDEN, Folder
from img2dataset.storage.reading import list_folders, list_sizes, move

REPLACING = f"{HIDDEN}/replacing"
COMMIT_MARKER = ".whole"


def staged_path(shard: str, name: str = "") -> str:
    """Return where the file `name` of a shard is staged; without a name, the folder of all of them."""
    return f"{REPLACING}/{shard}/{name}" if name else f"{REPLACING}/{shard}"


def replace(folder: Folder, shard: str, last: str) -> None:
    """Commit the staged files and move them to their places, the file `last` after all others."""
    folder.write(f"{REPLACING}/{shard}{COMMIT_MARKER}", last.encode())
    _roll_forward(folder, shard)


def begin(folder: Folder, shard: str) -> None:
    """Roll an earlier attempt at a shard forward or back, and make room for the next one."""
    if folder.exists(f"{REPLACING}/{shard}{COMMIT_MARKER}"):
        _roll_forward(folder, shard)
    discard_staged(folder, shard)
    if folder.local:
        folder.do(lambda: folder.fs.makedirs(folder.path(staged_path(shard)), exist_ok=True))


def list_committed(folder: Folder) -> list[str]:
    """The shards that are committed and not all moved: old and new files may be side by side."""
    return sorted(
        name.removesuffix(COMMIT_MARKER)
        for name in folder.names(REPLACING)
        if name.endswith(COMMIT_MARKER)
    )


def recover(folder: Folder) -> None:
    """Roll forward what is committed, and roll back everything else."""
    roll_forward(folder)
    roll_back(folder)


def roll_forward(folder: Folder, is_own: Callable[[str], bool] = lambda _: True) -> None:
    """Move what is committed, of the shards for which `is_own` is true."""
    for shard in filter(is_own, list_committed(folder)):
        _roll_forward(folder, shard)


def list_uncommitted(folder: Folder) -> list[str]:
    """The shards with staged files that were never committed."""
    committed = list_committed(folder)
    return sorted(
        name
        for name in folder.names(REPLACING)
        if name.removesuffix(COMMIT_MARKER) not in committed
    )


def discard_staged(folder: Folder, shard: str) -> None:
    """Remove the staged files of a shard; its old files stay."""
    folder.remove([staged_path(shard)])


def roll_back(folder: Folder) -> None:
    """Remove all staged files, markers first: without a marker they do not count."""
    markers = [name for name in folder.names(REPLACING) if name.endswith(COMMIT_MARKER)]
    folder.remove(f"{REPLACING}/{marker}" for marker in markers)
    folder.remove([REPLACING])


def _roll_forward(folder: Folder, shard: str) -> None:
    marker = f"{REPLACING}/{shard}{COMMIT_MARKER}"
    last = folder.read(marker).decode()
    names = sorted(_list_staged(folder, staged_path(shard)))
    indexes = [name for name in names if name in {shard + each for each in list_index_suffixes()}]
    folder.remove(indexes)
    for some in ([each for each in names if each not in (*indexes, last)], indexes, [last]):
        move(folder, [(staged_path(shard, name), name) for name in some if name in names])
    folder.remove([marker, staged_path(shard)])


def _list_staged(folder: Folder, inside: str) -> list[str]:
    """The names of staged files, relative to the output folder."""
    found = list(list_sizes(folder, inside))
    for name in list_folders(folder, inside):
        found += [f"{name}/{each}" for each in list_sizes(folder, f"{inside}/{name}")]
    return found
