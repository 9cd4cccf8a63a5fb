"""New files for a shard -> the shard as it is to be: all of them take their places, or none does.

They wait in a hidden folder of the shard, under the names that they will have in the output.
When they are all there, a mark says so; then they are moved, the stats file last, and the mark
is removed.  Who finds a mark goes on moving: what was moved is not there any more, so it can be
begun again at any point.  Who finds files without a mark removes them: the old shard stands.
"""

from __future__ import annotations

from collections.abc import Callable

from img2dataset.storage.folder import HIDDEN, Folder
from img2dataset.storage.reading import folders, move, sizes

REPLACING = f"{HIDDEN}/replacing"
MARK = ".whole"


def waiting(shard: str, name: str = "") -> str:
    """Where the file `name` of a shard waits; without a name, the folder where all of them do."""
    return f"{REPLACING}/{shard}/{name}" if name else f"{REPLACING}/{shard}"


def replace(folder: Folder, shard: str, last: str) -> None:
    """Let the files that wait take their places; `last` is the one that is moved last."""
    folder.write(f"{REPLACING}/{shard}{MARK}", last.encode())
    _finish(folder, shard)


def begin(folder: Folder, shard: str) -> None:
    """Finish or forget what an earlier attempt left of a shard, and make room for the next."""
    if folder.exists(f"{REPLACING}/{shard}{MARK}"):
        _finish(folder, shard)
    forget(folder, shard)
    if folder.local:
        folder.do(lambda: folder.fs.makedirs(folder.path(waiting(shard)), exist_ok=True))


def interrupted(folder: Folder) -> list[str]:
    """The shards that were being replaced: old and new files may stand side by side."""
    return sorted(
        name.removesuffix(MARK) for name in folder.names(REPLACING) if name.endswith(MARK)
    )


def settle(folder: Folder) -> None:
    """Finish what was marked, and remove what was not."""
    finish(folder)
    discard(folder)


def finish(folder: Folder, is_own: Callable[[str], bool] = lambda _: True) -> None:
    """Finish what was marked, of those shards that are our own to finish."""
    for shard in filter(is_own, interrupted(folder)):
        _finish(folder, shard)


def unmarked(folder: Folder) -> list[str]:
    """The shards of which files wait in vain."""
    marked = interrupted(folder)
    return sorted(name for name in folder.names(REPLACING) if name.removesuffix(MARK) not in marked)


def forget(folder: Folder, shard: str) -> None:
    """Remove what waits for a shard; its old files stand."""
    folder.remove([waiting(shard)])


def discard(folder: Folder) -> None:
    """Remove all that waits, marks first: without them it is nothing."""
    marks = [name for name in folder.names(REPLACING) if name.endswith(MARK)]
    folder.remove(f"{REPLACING}/{mark}" for mark in marks)
    folder.remove([REPLACING])


def _finish(folder: Folder, shard: str) -> None:
    mark = f"{REPLACING}/{shard}{MARK}"
    last = folder.read(mark).decode()
    names = sorted(_files(folder, waiting(shard)))
    move(folder, [(waiting(shard, name), name) for name in names if name != last])
    move(folder, [(waiting(shard, name), name) for name in names if name == last])
    folder.remove([mark, waiting(shard)])


def _files(folder: Folder, inside: str) -> list[str]:
    """Names of the files that wait, relative to the output folder."""
    found = list(sizes(folder, inside))
    for name in folders(folder, inside):
        found += [f"{name}/{each}" for each in sizes(folder, f"{inside}/{name}")]
    return found
