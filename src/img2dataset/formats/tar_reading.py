"""A tar file, read from its beginning to its end -> its members, each with its bytes in the tar."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from img2dataset.errors import DamagedError
from img2dataset.formats.reading import Readable, read_exactly

BLOCK_BYTES = tarfile.BLOCKSIZE
RECORD_BYTES = tarfile.RECORDSIZE
"""At most so many zeros follow the two empty blocks that end a tar."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a tar."""

    name: str
    data: bytes = field(repr=False)
    blocks: bytes = field(repr=False)
    """All of its bytes in the tar: headers, data, padding."""

    @property
    def key(self) -> str:
        return self.name.partition(".")[0]

    @property
    def extension(self) -> str:
        return self.name.partition(".")[2]


def read_members(file: Readable) -> Iterator[Member]:
    """Yield the members in their order, without seeking in `file`.

    Raises:
        DamagedError: the tar is cut short, or there is something else in it.
    """
    name, before = "", b""  # from the extension headers before a member's own header
    while (head := read_exactly(file, BLOCK_BYTES, "tar")) != bytes(BLOCK_BYTES):
        info = _parse_header(head)
        body = read_exactly(file, info.size + -info.size % BLOCK_BYTES, "tar")
        data, before = body[: info.size], before + head + body
        if info.type == tarfile.GNUTYPE_LONGNAME:
            name = data.rstrip(b"\0").decode()
        elif info.type == tarfile.XHDTYPE:
            name = _parse_pax_path(data) or name
        elif info.isreg():
            yield Member(name or info.name, data, before)
            name, before = "", b""
        elif info.type != tarfile.XGLTYPE:
            raise DamagedError(f"tar: {info.name} is no file")
    _check_end(file)


def _parse_header(block: bytes) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise DamagedError(f"tar: there is no member where one should be ({error})") from error


def _parse_pax_path(data: bytes) -> str:
    """Find the name in an extended header: lines of "length key=value"."""
    while data:
        length = int(data.partition(b" ")[0])
        key, _, value = data[:length].partition(b" ")[2].rstrip(b"\n").partition(b"=")
        if key == b"path":
            return value.decode()
        data = data[length:]
    return ""


def _check_end(file: Readable) -> None:
    rest = read_exactly(file, BLOCK_BYTES, "tar")
    while rest:
        if rest.count(0) != len(rest):
            raise DamagedError("tar: something follows its end")
        rest = file.read(RECORD_BYTES)
