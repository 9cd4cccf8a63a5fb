"""url_list, as text -> the files that it names: a file, a folder, a pattern, or several of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import Any

from img2dataset.errors import OptionError
from img2dataset.sources.access import REFUSALS, describe_refusal
from img2dataset.sources.compression import Compression
from img2dataset.sources.config import BadListError, InputFile, SourceConfig
from img2dataset.sources.file_ends import LocatedFile
from img2dataset.sources.folders import describe_folder
from img2dataset.sources.hidden_files import is_hidden_match, is_hidden_name
from img2dataset.sources.identify import InspectFile, identify_files
from img2dataset.sources.opening import open_file_system, translate_errors
from img2dataset.sources.partitions import is_partition
from img2dataset.storage.failures import find_status
from img2dataset.storage.file_systems import is_local

PACKED = (*(kind.value for kind in Compression), "zip", "tar", "tar.gz", "tgz")
"""Endings after that of the format, of files that are unpacked as they are read."""

Location = str | PathLike[str]


RUN_ON_STARS = re.compile(r"(^|/)\*\*(?=[^/*])")
"""**.parquet: any depth, and the rest of a name."""
MAGIC_OF_GLOBS = frozenset("*?[")


LeaveOut = Callable[[str], bool]
"""Takes the path of a file; true if it is not part of a list."""


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for in folders and with patterns."""

    input_format: str
    leave_out: LeaveOut = lambda _: False
    missed: list[str] = field(default_factory=list)
    """Hidden files that the user may have meant: a notice names them."""

    def note_missed(self, paths: Iterable[str]) -> None:
        ending = f".{self.input_format}"
        names = [path.rpartition("/")[2] for path in paths]
        self.missed.extend(n for n in names if n.startswith("_") and n.endswith(ending))

    def notices(self) -> tuple[str, ...]:
        if not self.missed:
            return ()
        shown = ", ".join(self.missed[:3]) + (" ..." if len(self.missed) > 3 else "")
        return (f"url_list: names that begin with _ are left out ({shown}); name one to read it",)


def locate_files(
    locations: Sequence[Location],
    config: SourceConfig,
    look_at: InspectFile = lambda *_: None,
    leave_out: LeaveOut = lambda _: False,
) -> tuple[tuple[InputFile, ...], tuple[str, ...]]:
    """Locate the files that `locations` name, in that order, and check both ends of each.

    Return them and notices.  A file that is named itself is read, whatever `leave_out` says.
    """
    search = Search(config.input_format, leave_out)
    found = [file for location in locations for file in locate(str(fspath(location)), search)]
    return tuple(identify_files(found, config, look_at)), search.notices()


def locate(location: str, search: Search) -> list[LocatedFile]:
    """Locate the files of one location: a file, a folder, a pattern, or several with commas between."""
    if not location.strip():
        raise OptionError("url_list is empty: it must name a file, a folder or a pattern")
    with translate_errors(OptionError, location):
        files = find_at(location, search)
    if files is not None:
        return files
    parts = [part.strip() for part in location.split(",") if part.strip()]
    if len(parts) > 1:
        return [file for part in parts for file in locate(part, search)]
    if MAGIC_OF_GLOBS & set(location):
        raise OptionError(f"url_list {location!r} matches no file")
    raise OptionError(f"url_list {location!r} does not exist")


def find_at(location: str, search: Search) -> list[LocatedFile] | None:
    """Find the files that exactly `location` names; None if it names nothing."""
    fs, path = open_file_system(location)
    try:
        info = fs.info(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        if find_status(error) in REFUSALS:  # fsspec calls every answer that is none "not found"
            raise BadListError(f"{location} {describe_refusal(location, error)}") from error
        return match_pattern(fs, path, search) if MAGIC_OF_GLOBS & set(path) else None
    if info["type"] == "directory":
        return list_folder(fs, path, location, search)
    return [LocatedFile(resolve_url(fs, path, location), info.get("size"))]


def resolve_url(fs: Any, path: str, location: str) -> str:
    """Make a URL for `location` that does not depend on the current folder."""
    return path if is_local(fs) else location


def match_pattern(fs: Any, pattern: str, search: Search) -> list[LocatedFile] | None:
    """List the files that match a pattern, sorted by path, without hidden ones."""
    pattern = RUN_ON_STARS.sub(r"\1**/*", pattern)
    matches = fs.glob(pattern, detail=True)
    files = [
        LocatedFile(make_full_url(fs, path), info.get("size"))
        for path, info in sorted(matches.items())
        if info["type"] != "directory"
    ]
    asked = make_full_url(fs, pattern)
    seen = [file for file in files if not is_hidden_match(file.url, asked)]
    search.note_missed(file.url for file in files if is_hidden_match(file.url, asked))
    wanted = [file for file in seen if not search.leave_out(file.url)]
    if files and not wanted:
        refuse_all(f"the pattern {pattern!r}", [file.url for file in files], are_shards=bool(seen))
    return wanted or None


def make_full_url(fs: Any, path: str) -> str:
    return path if is_local(fs) else str(fs.unstrip_protocol(path))


def list_folder(fs: Any, path: str, location: str, search: Search) -> list[LocatedFile]:
    """List the files of a folder with the ending of the format, sorted by name."""
    kinds = {
        str(info["name"]).rstrip("/").rpartition("/")[2]: info
        for info in fs.ls(path, detail=True)
        if str(info["name"]).rstrip("/") != path.rstrip("/")  # the mark of an empty folder
    }
    folder = resolve_url(fs, path, location).rstrip("/")
    others = sorted(name for name, info in kinds.items() if info["type"] != "directory")
    files = choose_files(others, search.input_format)
    if not files and any(is_partition(name) for name in set(kinds).difference(others)):
        return list_partitioned(fs, path, location, search)
    seen = [name for name in files if not is_hidden_name(name)]
    search.note_missed(name for name in files if is_hidden_name(name))
    wanted = [name for name in seen if not search.leave_out(f"{folder}/{name}")]
    if files and not wanted:
        refuse_all(f"the folder {location!r}", files, are_shards=bool(seen))
    if not wanted:
        names = ", ".join((sorted(filter(lambda n: not is_hidden_name(n), others)) or others)[:5])
        raise OptionError(
            f"url_list {location!r} is a folder without *.{search.input_format} files "
            f"(input_format is {search.input_format!r}; "
            f"{f'it has {names}' if names else 'it has no files'})"
            f"{describe_folder(fs, path, location, search.input_format)}"
        )
    return [LocatedFile(f"{folder}/{name}", kinds[name].get("size")) for name in wanted]


def choose_files(names: Sequence[str], input_format: str) -> list[str]:
    """Choose the names with the ending of the format; if there are none, those of packed files."""
    plain = [name for name in names if name.endswith(f".{input_format}")]
    if plain or "." in input_format or input_format == "parquet":
        return plain
    endings = tuple(f".{input_format}.{ending}" for ending in PACKED)
    return [name for name in names if name.endswith(endings)]


def list_partitioned(fs: Any, path: str, location: str, search: Search) -> list[LocatedFile]:
    """List the files in the folders of a folder that are named as key=value, at any depth."""
    infos = {str(name): info for name, info in fs.find(path, detail=True).items()}
    inside = {name: name.removeprefix(path).strip("/").split("/") for name in infos}
    seen = [name for name in sorted(infos) if not any(map(is_hidden_name, inside[name]))]
    wanted = [
        name
        for name in choose_files(seen, search.input_format)
        if not search.leave_out(make_full_url(fs, name))
    ]
    if not wanted:
        raise OptionError(
            f"url_list {location!r} has folders named key=value, but no *.{search.input_format} "
            f"files in them (input_format is {search.input_format!r})"
        )
    return [LocatedFile(make_full_url(fs, name), infos[name].get("size")) for name in wanted]


def refuse_all(where: str, names: Sequence[str], *, are_shards: bool) -> None:
    """Refuse a location of which all files are left out, and say why."""
    shown = ", ".join(names[:3])
    if are_shards:
        raise OptionError(
            f"url_list: {where} has no list in it: {shown} are shards of the dataset in output_folder, "
            "or hidden; to make another dataset from them, use another output_folder"
        )
    raise OptionError(
        f"url_list: {where} has hidden files only ({shown}), which are left out: names that begin "
        "with . or _ and checksum files; to read such a file, name it"
    )
