"""Keep a list and a dataset in one folder apart: neither takes the files of the other."""

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
    """Tell by its path whether a file belongs to the dataset in the output folder."""

    def __init__(self, folder: Folder, digits: int) -> None:
        self._folder = folder
        self._digits = digits

    def __call__(self, url: str) -> bool:
        inside = find_path_inside(url, self._folder)
        if inside is None:
            return False
        first = inside.partition("/")[0]
        if first == HIDDEN:
            return True
        name = find_shard_name(first, self._digits, NAMES)
        if name is None or not self._is_dataset or inside in self._listed:
            return False
        # an interrupted shard has no stats
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
        """The files in its own folder that the dataset was made from."""
        try:
            sections = load_sections(self._folder)
        except RunError:  # damaged: reported where it is needed
            return frozenset()
        urls = (str(file["url"]) for section in sections for file in section.identity.inputs)
        return frozenset(filter(None, (find_path_inside(url, self._folder) for url in urls)))


def make_own_file_check(folder: Folder, options: Options) -> Callable[[str], bool]:
    """Make a check of whether a file belongs to the dataset in `folder`, not to a list beside it."""
    return OwnFiles(folder, options.oom_shard_count)


def find_shard_name(name: str, digits: int, formats: Iterable[str]) -> str | None:
    """Find the shard that stores a file of this name in one of these formats; None if there is none."""
    match = DIGITS.match(name)
    if match is None or shard_name(int(match[0]), digits) != match[0]:
        return None
    shard = match[0]
    stored = (left for each in formats for left in list_shard_names(each, shard))
    return shard if STATS.fullmatch(name) or name in stored else None


def find_path_inside(url: str, folder: Folder) -> str | None:
    """Find the path of a file relative to the folder; None if it is elsewhere.  Links are followed."""
    if folder.local:
        return None if "://" in url else find_local_path_inside(url, folder.root)
    if url.partition("://")[0] not in protocols(folder.fs):
        return None
    path = str(folder.fs._strip_protocol(url))  # noqa: SLF001  (fsspec's own way to compare)
    root = folder.root.rstrip("/")
    return path[len(root) + 1 :] if path.startswith(f"{root}/") else None


def find_local_path_inside(path: str, root: str) -> str | None:
    normal = os.path.normpath(path)
    parent, name = os.path.split(normal)
    places = [(normal, root), (f"{resolve_links(parent)}/{name}", resolve_links(root))]
    if os.path.islink(normal):  # noqa: PTH114  (many files)
        places.append((os.path.realpath(normal), resolve_links(root)))
    for file, place in places:
        start = f"{place.rstrip('/')}/"
        if file.startswith(start):
            return file.removeprefix(start)
    return None


@lru_cache
def resolve_links(path: str) -> str:
    return os.path.realpath(path)


def holds_output(url: str, folder: Folder) -> bool:
    """Whether the output folder is this one, or inside it."""
    if folder.local:
        root = Path(resolve_links(folder.root))
        return "://" not in url and root.is_relative_to(resolve_links(url))
    if url.partition("://")[0] not in protocols(folder.fs):
        return False
    path = str(folder.fs._strip_protocol(url)).rstrip("/")  # noqa: SLF001
    return f"{folder.root.rstrip('/')}/".startswith(f"{path}/")


def check_beside(source: Source, folder: Folder, options: Options) -> None:
    """Refuse to store among the images that are the list."""
    if options.input_format != "folder":
        return
    for file in source.files:
        if holds_output(file.url, folder):
            raise OptionError(
                f"output_folder is {folder.url!r}: it is in url_list, so that its images would be "
                f"rows of the list {file.url!r}; use an output_folder beside it"
            )


def check_apart(source: Source, folder: Folder, options: Options) -> None:
    """Refuse to overwrite a list, to store among its images, and to empty the home or current folder."""
    check_beside(source, folder, options)
    for url, path in ((file.url, find_path_inside(file.url, folder)) for file in source.files):
        if path is None:
            continue
        if options.incremental_mode == "overwrite":
            raise OptionError(
                f"incremental_mode is 'overwrite': it would empty {folder.url!r}, which has the "
                f"list {url!r} in it; use another output_folder"
            )
        first = path.partition("/")[0]
        name = find_shard_name(first, options.oom_shard_count, [options.output_format])
        if name is not None and len(name) == options.oom_shard_count:
            raise OptionError(
                f"output_folder is {folder.url!r}: it has the list {url!r} in it, under the name that "
                "a shard of the dataset would have; use another output_folder"
            )
    if options.incremental_mode != "overwrite":
        return
    for place in (Path.cwd(), Path.home()):
        if folder.local and Path(resolve_links(folder.root)) in (
            resolve_path(place),
            *resolve_path(place).parents,
        ):
            raise OptionError(
                f"incremental_mode is 'overwrite': it would empty {folder.root!r}, which is or "
                f"holds {str(place)!r}; use another output_folder"
            )


def resolve_path(path: Path) -> Path:
    return Path(resolve_links(str(path)))
