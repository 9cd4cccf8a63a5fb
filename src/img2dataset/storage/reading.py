"""Stored files of a folder -> read, listed with their sizes, moved over others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

from img2dataset.storage.file_systems import one_request
from img2dataset.storage.folder import Folder
from img2dataset.storage.local import sync_folder
from img2dataset.storage.remote import UPLOAD_FILES, is_atomic
from img2dataset.storage.remote import move as move_file


def open_stored(folder: Folder, name: str) -> IO[bytes]:
    """Open a file for random access."""
    file: IO[bytes] = folder.do(lambda: folder.fs.open(folder.path(name), "rb"))
    return file


def read_many(folder: Folder, names: Sequence[str]) -> dict[str, bytes]:
    """Read small files, in parallel from a remote store; missing ones are left out."""
    paths = [folder.path(name) for name in names]
    if folder.local or not paths:
        found = {path: read_if_there(path) for path in paths}
    else:
        found = folder.do(lambda: cat(folder.fs, paths))
    contents = {}
    for name, path in zip(names, paths, strict=True):
        data = found.get(path, found.get(f"/{path}"))
        if isinstance(data, bytes):
            contents[name] = data
    return contents


def cat(fs: Any, paths: Sequence[str]) -> dict[str, Any]:
    """Path -> content, or a FileNotFoundError."""
    found: dict[str, Any] = fs.cat(paths, on_error="return", **one_request(fs))
    for data in found.values():
        if isinstance(data, BaseException) and not isinstance(data, FileNotFoundError):
            raise data
    return found


def read_if_there(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return None


def list_sizes(folder: Folder, inside: str) -> dict[str, int]:
    """Return name -> bytes of the files in the folder `inside`."""
    return {name: size for name, size in list_entries(folder, inside) if size is not None}


def list_folders(folder: Folder, inside: str) -> list[str]:
    """Return the folders in the folder `inside`."""
    return [name for name, size in list_entries(folder, inside) if size is None]


def list_entries(folder: Folder, inside: str) -> list[tuple[str, int | None]]:
    """List the folder `inside`: names with sizes, None for folders."""
    place = folder.path(inside) if inside else folder.root
    try:
        if folder.local:
            with os.scandir(place) as entries:
                return [(e.name, None if e.is_dir() else e.stat().st_size) for e in entries]
        found = folder.do(lambda: ls(folder.fs, place))
    except FileNotFoundError:
        return []
    return [
        (
            str(info["name"]).rstrip("/").rpartition("/")[2],
            None if info["type"] == "directory" else int(info["size"]),
        )
        for info in found
        if str(info["name"]).strip("/") != place.strip("/")  # the marker of an empty folder
    ]


def ls(fs: Any, place: str) -> list[Any]:
    fs.invalidate_cache()
    found: list[Any] = fs.ls(place, detail=True)
    return found


def move(folder: Folder, pairs: Sequence[tuple[str, str]]) -> None:
    """Move files over others, in this order; a file that has been moved before is no error."""
    if folder.local:
        folder.do(lambda: rename(folder, pairs))
    elif is_atomic(folder.fs):
        copy(folder, pairs)
    else:
        for source, target in pairs:
            folder.do(partial(move_slowly, folder, source, target))


def rename(folder: Folder, pairs: Sequence[tuple[str, str]]) -> None:
    parents = {Path(folder.path(target)).parent for _, target in pairs}
    for parent in parents:
        parent.mkdir(parents=True, exist_ok=True)
    for source, target in pairs:
        with suppress(FileNotFoundError):
            Path(folder.path(source)).replace(folder.path(target))
    for parent in parents:
        sync_folder(parent)


def copy(folder: Folder, pairs: Sequence[tuple[str, str]]) -> None:
    """Copy within the store, many at once, then remove the sources."""
    for start in range(0, len(pairs), UPLOAD_FILES):
        some = pairs[start : start + UPLOAD_FILES]
        sources = [folder.path(source) for source, _ in some]
        targets = [folder.path(target) for _, target in some]
        folder.do(partial(copy_some, folder, sources, targets))
        with suppress(FileNotFoundError):  # removed by a try that was taken for failed
            folder.do(partial(remove_some, folder, sources))


def copy_some(folder: Folder, sources: list[str], targets: list[str]) -> None:
    folder.fs.copy(sources, targets)
    folder.fs.invalidate_cache()


def remove_some(folder: Folder, paths: list[str]) -> None:
    folder.fs.rm(paths)


def move_slowly(folder: Folder, source: str, target: str) -> None:
    if not folder.exists(source):
        return
    final = folder.path(target)
    folder.fs.makedirs(final.rpartition("/")[0], exist_ok=True)
    move_file(folder.fs, folder.path(source), final)
    folder.fs.invalidate_cache()
