"""Files of a list -> the first and the last bytes of each, read many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from img2dataset.errors import OptionError
from img2dataset.sources.config import BadListError
from img2dataset.sources.opening import (
    describe_failure,
    is_web,
    open_bytes,
    open_file_system,
    translate_errors,
)

SAMPLE_BYTES = 1 << 16
"""Bytes of each end of a file that its fingerprint is made of."""


@dataclass(frozen=True, slots=True)
class LocatedFile:
    """A file that exists."""

    url: str
    size: int | None


def read_ends(found: Sequence[LocatedFile]) -> list[tuple[bytes, bytes | None]]:
    """Read the first and the last bytes of each file; None for an end that cannot be reached."""
    if not found:
        return []
    opened = [open_file_system(file.url) for file in found]
    fs = opened[0][0]
    is_one = all(other is fs for other, _ in opened)
    if is_web(fs) or not is_one or any(file.size is None for file in found):
        return [read_ends_of_one(file) for file in found]
    paths = [path for _, path in opened]
    sizes = [file.size or 0 for file in found]
    heads = fs.cat_ranges(paths, [0] * len(found), [min(SAMPLE_BYTES, n) for n in sizes])
    tails = fs.cat_ranges(paths, [max(0, n - SAMPLE_BYTES) for n in sizes], sizes)
    return [
        (check_bytes(head, file.url), check_bytes(tail, file.url))
        for head, tail, file in zip(heads, tails, found, strict=True)
    ]


def check_bytes(answer: Any, url: str) -> bytes:
    """Return the bytes, or raise the error: parallel reads return their errors as values."""
    with translate_errors(OptionError, url):
        if isinstance(answer, FileNotFoundError | PermissionError):
            raise answer
        if isinstance(answer, BaseException):
            raise BadListError(f"{url} {describe_failure(url, answer)}")
    return bytes(answer)


def read_ends_of_one(file: LocatedFile) -> tuple[bytes, bytes | None]:
    """Read both ends of one file without range requests: a web server may ignore the range."""
    with translate_errors(OptionError, file.url), open_bytes(file.url) as stream:
        head = read_fully(stream, SAMPLE_BYTES)
        if file.size is None or is_web(open_file_system(file.url)[0]):
            return head, None
        stream.seek(max(0, file.size - SAMPLE_BYTES))
        return head, read_fully(stream, SAMPLE_BYTES)


def read_fully(stream: IO[bytes], size: int) -> bytes:
    """Read `size` bytes, or to the end: a network stream may return less at a time."""
    data = b""
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data
