"""A folder of images, local or in a store -> the names in it, folder by folder, in a stable order.

Files come before the folders beside them, both sorted by name.  Names that begin with a dot are left out,
and what is in such folders.  Links are followed; a folder that leads back into itself ends there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from img2dataset.sources.opening import open_file_system
from img2dataset.storage.file_systems import is_local
from img2dataset.storage.file_urls import make_file_url

IMAGE_ENDINGS = frozenset(
    {
        "apng", "avif", "bmp", "dib", "gif", "heic", "heif", "ico", "j2k", "jfif", "jp2", "jpe",
        "jpeg", "jpg", "jxl", "pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp",
    }
)  # fmt: skip
"""Endings of the files that are rows, in lower case; what such a file really is, is found out later."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of one folder."""

    inside: str
    """The path of the folder in that of the list, with a slash at its end; empty = that folder itself."""
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the folder of a list is."""

    fs: Any
    path: str
    url: str
    """Before the names in it, with a slash at its end."""

    @classmethod
    def of(cls, location: str) -> Place:
        fs, path = open_file_system(location)
        if is_local(fs):
            path = os.path.realpath(path) if path == "/" else os.path.normpath(path)
            return cls(fs, path, make_file_url(path).rstrip("/") + "/")
        return cls(fs, path, location.rstrip("/") + "/")

    def make_url(self, path: str) -> str:
        """Return the URL of a path in it."""
        if not is_local(self.fs) or path.isascii():
            return self.url + path
        return make_file_url(f"{self.path.rstrip('/')}/{path}")

    def walk(self) -> Iterator[Listing]:
        """Yield every folder.

        Raises:
            OSError: one cannot be read.
        """
        if is_local(self.fs):
            yield from walk_disk(self.path, "", frozenset())
        else:
            yield from walk_store(self.fs, self.path, "")


def walk_disk(path: str, inside: str, above: frozenset[tuple[int, int]]) -> Iterator[Listing]:
    """Walk through a local folder; `above` are the identities of the folders that it is in."""
    found = os.stat(path)  # noqa: PTH116  (many folders)
    own = (found.st_dev, found.st_ino)
    if own in above:
        return
    names: list[str] = []
    folders: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                (folders if entry.is_dir() else names).append(entry.name)
    yield Listing(inside, tuple(sorted(names)))
    for name in sorted(folders):
        yield from walk_disk(f"{path}/{name}", f"{inside}{name}/", above | {own})


def walk_store(fs: Any, path: str, inside: str) -> Iterator[Listing]:
    """Walk through a folder of a store; its listings are not kept."""
    fs.invalidate_cache()
    names: list[str] = []
    folders: list[str] = []
    for info in fs.ls(path, detail=True):
        full = str(info["name"]).rstrip("/")
        name = full.rpartition("/")[2]
        # the mark of an empty folder has its name
        if not name or name.startswith(".") or full.strip("/") == path.strip("/"):
            continue
        (folders if info["type"] == "directory" else names).append(name)
    fs.invalidate_cache()
    yield Listing(inside, tuple(sorted(names)))
    for name in sorted(folders):
        yield from walk_store(fs, f"{path.rstrip('/')}/{name}", f"{inside}{name}/")


def split_name(name: str) -> tuple[str, str]:
    """Split a name into what is before its ending, and the ending, without the dot."""
    stem, dot, ending = name.rpartition(".")
    return (stem, ending) if dot else (name, "")


def is_image_name(name: str) -> bool:
    return split_name(name)[1].lower() in IMAGE_ENDINGS
