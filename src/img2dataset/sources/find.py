"""url_list, as text -> the files of the list, each seen to exist and to look right."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import IO, Any

from img2dataset.errors import OptionError
from img2dataset.patience import one_line
from img2dataset.sources.config import BadListError, InputFile, SourceConfig
from img2dataset.sources.doubts import format_of_name
from img2dataset.sources.folders import describe_folder
from img2dataset.sources.foreign import describe_bad_parquet, describe_foreign
from img2dataset.sources.streams import is_web, open_bytes, open_file_system, told_as
from img2dataset.storage import is_local

Location = str | PathLike[str]
SAMPLE_BYTES = 1 << 16
"""Bytes of each end of a file that its fingerprint is made of."""
MAGIC_OF_GLOBS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Found:
    """A file that exists."""

    url: str
    size: int | None


def find_files(locations: Sequence[Location], config: SourceConfig) -> tuple[InputFile, ...]:
    """The files that `locations` name, in that order; checked as far as two reads of each go."""
    found = [
        file
        for location in locations
        for file in find_location(str(fspath(location)), config.input_format)
    ]
    return tuple(identified(found, config))


def find_location(location: str, input_format: str) -> list[Found]:
    """The files of one location: a file, a folder, a pattern, or several with commas between."""
    if not location.strip():
        raise OptionError("url_list is empty: it must name a file, a folder or a pattern")
    with told_as(OptionError, location):
        files = files_at(location, input_format)
    if files is not None:
        return files
    parts = [part.strip() for part in location.split(",") if part.strip()]
    if len(parts) > 1:
        return [file for part in parts for file in find_location(part, input_format)]
    if MAGIC_OF_GLOBS & set(location):
        raise OptionError(f"url_list {location!r} matches no file")
    raise OptionError(f"url_list {location!r} does not exist")


def files_at(location: str, input_format: str) -> list[Found] | None:
    """The files that exactly `location` names; None if it names nothing."""
    fs, path = open_file_system(location)
    try:
        info = fs.info(path)
    except (FileNotFoundError, NotADirectoryError):
        return files_matching(fs, path) if MAGIC_OF_GLOBS & set(path) else None
    if info["type"] == "directory":
        return files_in_folder(fs, path, location, input_format)
    return [Found(own_url(fs, path, location), info.get("size"))]


def own_url(fs: Any, path: str, location: str) -> str:
    """A name for what `location` names that workers with another current folder understand."""
    return path if is_local(fs) else location


def files_matching(fs: Any, pattern: str) -> list[Found] | None:
    """The files of a pattern, sorted by path."""
    matches = fs.glob(pattern, detail=True)
    files = [
        Found(full_url(fs, path), info.get("size"))
        for path, info in sorted(matches.items())
        if info["type"] != "directory"
    ]
    return files or None


def full_url(fs: Any, path: str) -> str:
    return path if is_local(fs) else str(fs.unstrip_protocol(path))


def files_in_folder(fs: Any, path: str, location: str, input_format: str) -> list[Found]:
    """The files of a folder whose names end as the format says, sorted by name."""
    sizes = {
        str(info["name"]).rstrip("/").rpartition("/")[2]: info.get("size")
        for info in fs.ls(path, detail=True)
        if info["type"] != "directory"
    }
    names = sorted(
        name for name in sizes if name.endswith(f".{input_format}") and not name.startswith(".")
    )
    if not names:
        others = ", ".join(sorted(sizes)[:5])
        raise OptionError(
            f"url_list {location!r} is a folder without *.{input_format} files "
            f"(input_format is {input_format!r}; "
            f"{f'it has {others}' if others else 'it has no files'})"
            f"{describe_folder(fs, path, location, input_format)}"
        )
    folder = own_url(fs, path, location).rstrip("/")
    return [Found(f"{folder}/{name}", sizes[name]) for name in names]


def identified(found: Sequence[Found], config: SourceConfig) -> list[InputFile]:
    """The files with their fingerprints; one that cannot be read or looks wrong is refused."""
    return [
        identify(file, head, tail, config)
        for file, (head, tail) in zip(found, read_ends(found), strict=True)
    ]


def identify(file: Found, head: bytes, tail: bytes | None, config: SourceConfig) -> InputFile:
    problem = describe_foreign(head) or wrong_signature(file, head, tail, config)
    if problem:
        raise OptionError(f"{file.url} {problem}")
    digest = hashlib.sha256(head)
    digest.update(tail or b"")
    return InputFile(file.url, file.size, digest.hexdigest())


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
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "is UTF-16 text: convert it to UTF-8"
    return None


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
