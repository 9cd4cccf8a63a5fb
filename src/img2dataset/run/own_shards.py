"""A list and a dataset that may lie in one folder -> neither takes the other's files for its own."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from pathlib import Path

from img2dataset.dataset.identity import load_sections
from img2dataset.dataset.plan import STATS, find_done
from img2dataset.errors import OptionError, RunError
from img2dataset.formats import NAMES, list_shard_names
from img2dataset.options import Options
from img2dataset.records import shard_name
from img2dataset.sources import Source
from img2dataset.storage.folder import HIDDEN, Folder
from img2dataset.storage.remote import protocols

DIGITS = re.compile(r"\d+", re.ASCII)


class OwnFiles:
    """Says of a file, by its path, whether it is of the dataset in the output folder."""

    def __init__(self, folder: Folder, digits: int) -> None:
        self._folder = folder
        self._digits = digits

    def __call__(self, url: str) -> bool:
        inside = path_inside(url, self._folder)
        if inside is None:
            return False
        first = inside.partition("/")[0]
        if first == HIDDEN:
            return True
        name = shard_of(first, self._digits, NAMES)
        if name is None or not self._is_dataset or inside in self._listed:
            return False
        # of a shard that was interrupted there are no stats
        return int(name) in self._done or len(name) == self._digits

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self._folder.names())

    @cached_property
    def _is_dataset(self) -> bool:
        return HIDDEN in self._names or bool(self._done)

    @cached_property
    def _done(self) -> frozenset[int]:
        return find_done(list(self._names))

    @cached_property
    def _listed(self) -> frozenset[str]:
        """What the dataset was made from, of the files in its folder."""
        try:
            sections = load_sections(self._folder)
        except RunError:  # damaged: whoever needs it will say so
            return frozenset()
        urls = (str(file["url"]) for section in sections for file in section.identity.inputs)
        return frozenset(filter(None, (path_inside(url, self._folder) for url in urls)))


def own_files(folder: Folder, options: Options) -> Callable[[str], bool]:
    """Whether a file is of the dataset in `folder`, and so no part of a list beside it."""
    return OwnFiles(folder, options.oom_shard_count)


def shard_of(name: str, digits: int, formats: Iterable[str]) -> str | None:
    """The shard, of one of these formats, that leaves such a name in the output folder."""
    match = DIGITS.match(name)
    if match is None or shard_name(int(match[0]), digits) != match[0]:
        return None
    shard = match[0]
    stored = (left for each in formats for left in list_shard_names(each, shard))
    return shard if STATS.fullmatch(name) or name in stored else None


def path_inside(url: str, folder: Folder) -> str | None:
    """The path of a file from the folder on; None if it is elsewhere.  Links are followed."""
    if folder.local:
        return None if "://" in url else local_path_inside(url, folder.root)
    if url.partition("://")[0] not in protocols(folder.fs):
        return None
    path = str(folder.fs._strip_protocol(url))  # noqa: SLF001  (fsspec's own way to compare)
    root = folder.root.rstrip("/")
    return path[len(root) + 1 :] if path.startswith(f"{root}/") else None


def local_path_inside(path: str, root: str) -> str | None:
    normal = os.path.normpath(path)
    parent, name = os.path.split(normal)
    places = [(normal, root), (f"{real(parent)}/{name}", real(root))]
    if os.path.islink(normal):  # noqa: PTH114  (many files)
        places.append((os.path.realpath(normal), real(root)))
    for file, place in places:
        start = f"{place.rstrip('/')}/"
        if file.startswith(start):
            return file.removeprefix(start)
    return None


@lru_cache
def real(path: str) -> str:
    return os.path.realpath(path)


def check_apart(source: Source, folder: Folder, options: Options) -> None:
    """Refuse to write over a list, or to empty a folder that someone would miss."""
    for url, path in ((file.url, path_inside(file.url, folder)) for file in source.files):
        if path is None:
            continue
        if options.incremental_mode == "overwrite":
            raise OptionError(
                f"incremental_mode is 'overwrite': it would empty {folder.url!r}, which has the "
                f"list {url!r} in it; use another output_folder"
            )
        first = path.partition("/")[0]
        name = shard_of(first, options.oom_shard_count, [options.output_format])
        if name is not None and len(name) == options.oom_shard_count:
            raise OptionError(
                f"output_folder is {folder.url!r}: it has the list {url!r} in it, under the name that "
                "a shard of the dataset would have; use another output_folder"
            )
    if options.incremental_mode != "overwrite":
        return
    for place in (Path.cwd(), Path.home()):
        if folder.local and Path(real(folder.root)) in (
            real_path(place),
            *real_path(place).parents,
        ):
            raise OptionError(
                f"incremental_mode is 'overwrite': it would empty {folder.root!r}, which is or "
                f"holds {str(place)!r}; use another output_folder"
            )


def real_path(path: Path) -> Path:
    return Path(real(str(path)))
