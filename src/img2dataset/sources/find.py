"""url_list, as text -> the files of the list, each seen to exist and to look right."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from typing import IO, Any

from img2dataset.errors import OptionError
from img2dataset.sources.config import BadListError, InputFile, SourceConfig, wanted_columns
from img2dataset.sources.doubts import format_of_name
from img2dataset.sources.encodings import wrong_encoding
from img2dataset.sources.folders import describe_folder
from img2dataset.sources.foreign import describe_bad_parquet, describe_foreign
from img2dataset.sources.hidden import CHECKSUM, is_hidden_match, is_hidden_name
from img2dataset.sources.streams import is_web, open_bytes, open_file_system, told_as
from img2dataset.storage.failures import one_line
from img2dataset.storage.file_systems import is_local

Location = str | PathLike[str]
SAMPLE_BYTES = 1 << 16
"""Bytes of each end of a file that its fingerprint is made of."""
MAGIC_OF_GLOBS = frozenset("*?[")


FILES_AT_ONCE = 256
"""Files of which both ends are in memory at the same time."""

LeaveOut = Callable[[str], bool]
"""Takes the path of a file; whether it is no part of a list, wherever it lies."""
LookAt = Callable[[InputFile, bytes, "bytes | None"], "int | None"]
"""Takes a file with its head and its tail, None where it cannot be reached, and refuses it by a
BadListError; returns its rows, if these bytes tell them."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that exists."""

    url: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for in folders, and by patterns."""

    input_format: str
    leave_out: LeaveOut = lambda _: False
    missed: list[str] = field(default_factory=list)
    """Hidden files that somebody may have meant: they are told."""

    def note_missed(self, paths: Iterable[str]) -> None:
        ending = f".{self.input_format}"
        names = [path.rpartition("/")[2] for path in paths]
        self.missed.extend(n for n in names if n.startswith("_") and n.endswith(ending))

    def notices(self) -> tuple[str, ...]:
        if not self.missed:
            return ()
        shown = ", ".join(self.missed[:3]) + (" ..." if len(self.missed) > 3 else "")
        return (f"url_list: names that begin with _ are left out ({shown}); name one to read it",)


def find_files(
    locations: Sequence[Location],
    config: SourceConfig,
    look_at: LookAt = lambda *_: None,
    leave_out: LeaveOut = lambda _: False,
) -> tuple[tuple[InputFile, ...], tuple[str, ...]]:
    """The files that `locations` name, in that order, checked as far as two reads of each go;
    and what to say of the search.

    What is named as such is taken, whatever `leave_out` says.
    """
    search = Search(config.input_format, leave_out)
    found = [
        file for location in locations for file in find_location(str(fspath(location)), search)
    ]
    return tuple(identified(found, config, look_at)), search.notices()


def find_location(location: str, search: Search) -> list[Found]:
    """The files of one location: a file, a folder, a pattern, or several with commas between."""
    if not location.strip():
        raise OptionError("url_list is empty: it must name a file, a folder or a pattern")
    with told_as(OptionError, location):
        files = files_at(location, search)
    if files is not None:
        return files
    parts = [part.strip() for part in location.split(",") if part.strip()]
    if len(parts) > 1:
        return [file for part in parts for file in find_location(part, search)]
    if MAGIC_OF_GLOBS & set(location):
        raise OptionError(f"url_list {location!r} matches no file")
    raise OptionError(f"url_list {location!r} does not exist")


def files_at(location: str, search: Search) -> list[Found] | None:
    """The files that exactly `location` names; None if it names nothing."""
    fs, path = open_file_system(location)
    try:
        info = fs.info(path)
    except (FileNotFoundError, NotADirectoryError):
        return files_matching(fs, path, search) if MAGIC_OF_GLOBS & set(path) else None
    if info["type"] == "directory":
        return files_in_folder(fs, path, location, search)
    return [Found(own_url(fs, path, location), info.get("size"))]


def own_url(fs: Any, path: str, location: str) -> str:
    """A name for what `location` names that workers with another current folder understand."""
    return path if is_local(fs) else location


def files_matching(fs: Any, pattern: str, search: Search) -> list[Found] | None:
    """The files of a pattern, sorted by path, without hidden ones."""
    matches = fs.glob(pattern, detail=True)
    files = [
        Found(full_url(fs, path), info.get("size"))
        for path, info in sorted(matches.items())
        if info["type"] != "directory"
    ]
    asked = full_url(fs, pattern)
    seen = [file for file in files if not is_hidden_match(file.url, asked)]
    search.note_missed(file.url for file in files if is_hidden_match(file.url, asked))
    wanted = [file for file in seen if not search.leave_out(file.url)]
    if files and not wanted:
        refuse_all(f"the pattern {pattern!r}", [file.url for file in files], are_shards=bool(seen))
    return wanted or None


def full_url(fs: Any, path: str) -> str:
    return path if is_local(fs) else str(fs.unstrip_protocol(path))


def files_in_folder(fs: Any, path: str, location: str, search: Search) -> list[Found]:
    """The files of a folder whose names end as the format says, sorted by name."""
    kinds = {
        str(info["name"]).rstrip("/").rpartition("/")[2]: info
        for info in fs.ls(path, detail=True)
        if str(info["name"]).rstrip("/") != path.rstrip("/")  # the mark of an empty folder
    }
    folder = own_url(fs, path, location).rstrip("/")
    files = sorted(
        name
        for name, info in kinds.items()
        if info["type"] != "directory" and name.endswith(f".{search.input_format}")
    )
    seen = [name for name in files if not is_hidden_name(name)]
    search.note_missed(name for name in files if is_hidden_name(name))
    wanted = [name for name in seen if not search.leave_out(f"{folder}/{name}")]
    if files and not wanted:
        refuse_all(f"the folder {location!r}", files, are_shards=bool(seen))
    if not wanted:
        others = sorted(name for name, info in kinds.items() if info["type"] != "directory")
        names = ", ".join((sorted(filter(lambda n: not is_hidden_name(n), others)) or others)[:5])
        raise OptionError(
            f"url_list {location!r} is a folder without *.{search.input_format} files "
            f"(input_format is {search.input_format!r}; "
            f"{f'it has {names}' if names else 'it has no files'})"
            f"{describe_folder(fs, path, location, search.input_format)}"
        )
    return [Found(f"{folder}/{name}", kinds[name].get("size")) for name in wanted]


def refuse_all(where: str, names: Sequence[str], *, are_shards: bool) -> None:
    """Say why nothing is left of the files there."""
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


def identified(
    found: Sequence[Found], config: SourceConfig, look_at: LookAt
) -> Iterator[InputFile]:
    """The files with their fingerprints; one that cannot be read or looks wrong is refused."""
    for start in range(0, len(found), FILES_AT_ONCE):
        some = found[start : start + FILES_AT_ONCE]
        for file, (head, tail) in zip(some, read_ends(some), strict=True):
            yield identify(file, (head, tail), config, look_at)


def identify(
    file: Found, ends: tuple[bytes, bytes | None], config: SourceConfig, look_at: LookAt
) -> InputFile:
    head, tail = ends
    problem = describe_foreign(head) or wrong_signature(file, head, tail, config)
    if problem and file.url.endswith(CHECKSUM):
        problem = "is a checksum file, not a list: name the file that it is of, or the folder"
    if problem:
        raise OptionError(f"{file.url} {problem}")
    digest = hashlib.sha256(head)
    digest.update(tail or b"")
    identity = InputFile(file.url, file.size, digest.hexdigest())
    with told_as(OptionError, file.url):
        rows = look_at(identity, head, tail)
    return identity if rows is None else replace(identity, rows=rows)


def wrong_signature(
    file: Found, head: bytes, tail: bytes | None, config: SourceConfig
) -> str | None:
    """What is wrong with a file that begins and ends so, if anything is."""
    expected = config.input_format
    is_parquet = head.startswith(b"PAR1")
    is_gzip = head.startswith(b"\x1f\x8b")
    if expected == "parquet":
        is_whole = is_parquet and (tail is None or tail.endswith(b"PAR1"))
        return None if is_whole else describe_bad_parquet(head, file.size)
    if is_parquet:
        return f"is a Parquet file, but input_format is {expected!r}: input_format=parquet reads it"
    if config.gzipped:
        return None if is_gzip else f"is not a gzip file, but input_format is {expected!r}"
    if is_gzip:
        # txt is the default: then the name knows better what is in it
        plain = (expected == "txt" and format_of_name(file.url)) or expected
        return f"is a gzip file: input_format must be '{plain}.gz', not {expected!r}"
    return wrong_encoding(head, asks_for_texts=len(wanted_columns(config)) > 1)


def read_ends(found: Sequence[Found]) -> list[tuple[bytes, bytes | None]]:
    """The first and the last bytes of each file; None for an end that cannot be reached."""
    if not found:
        return []
    opened = [open_file_system(file.url) for file in found]
    fs = opened[0][0]
    is_one = all(other is fs for other, _ in opened)
    if is_web(fs) or not is_one or any(file.size is None for file in found):
        return [read_ends_of(file) for file in found]
    paths = [path for _, path in opened]
    sizes = [file.size or 0 for file in found]
    heads = fs.cat_ranges(paths, [0] * len(found), [min(SAMPLE_BYTES, n) for n in sizes])
    tails = fs.cat_ranges(paths, [max(0, n - SAMPLE_BYTES) for n in sizes], sizes)
    return [
        (checked_bytes(head, file.url), checked_bytes(tail, file.url))
        for head, tail, file in zip(heads, tails, found, strict=True)
    ]


def checked_bytes(answer: Any, url: str) -> bytes:
    """Several reads at once hand their errors over as values."""
    with told_as(OptionError, url):
        if isinstance(answer, FileNotFoundError | PermissionError):
            raise answer
        if isinstance(answer, BaseException):
            raise BadListError(f"{url} cannot be read: {one_line(answer)}")
    return bytes(answer)


def read_ends_of(file: Found) -> tuple[bytes, bytes | None]:
    """As `read_ends`, without asking for ranges: a web server may answer with the whole file."""
    with told_as(OptionError, file.url), open_bytes(file.url) as stream:
        head = read_fully(stream, SAMPLE_BYTES)
        if file.size is None or is_web(open_file_system(file.url)[0]):
            return head, None
        stream.seek(max(0, file.size - SAMPLE_BYTES))
        return head, read_fully(stream, SAMPLE_BYTES)


def read_fully(stream: IO[bytes], size: int) -> bytes:
    """`size` bytes, or all there are: a network stream may hand over less at a time."""
    data = b""
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data
