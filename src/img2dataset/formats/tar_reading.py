"""A tar file, read from its beginning to its end -> its members, or where they are in it."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from img2dataset.errors import DamagedError
from img2dataset.formats.reading import Readable, read_exactly

BLOCK_BYTES = tarfile.BLOCKSIZE
RECORD_BYTES = tarfile.RECORDSIZE
"""At most so many zeros follow the two empty blocks that end a tar."""
END = bytes(BLOCK_BYTES)
PLAIN_HEADER = b"ustar\x0000"
"""At MAGIC_AT of a header of the ustar format, without extensions of it."""
MAGIC_AT = 257
PREFIX_AT = 345
OCTAL = re.compile(rb"[0-7]+")
EXTENSIONS = (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE)
"""Types of headers that say something about the next member, or about all members."""


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


class Place(NamedTuple):
    """Where a member is in its tar, in bytes from the beginning."""

    name: str
    start: int
    """Of its first header."""
    offset: int
    """Of its content."""
    size: int
    """Of its content, without padding."""


class Seekable(Readable, Protocol):
    """A file that is read from its beginning to its end, but for what is skipped."""

    def seek(self, offset: int, /) -> object: ...


class _Header(NamedTuple):
    """What a header says of a member."""

    name: str
    size: int
    type: bytes


def read_members(file: Readable) -> Iterator[Member]:
    """Yield the members in their order, without seeking in `file`.

    Raises:
        DamagedError: the tar is cut short, or there is something else in it.
    """
    extended, before = _NONE, b""  # from the extension headers before a member's own header
    while (head := read_exactly(file, BLOCK_BYTES, "tar")) != END:
        header = extended.over(_parse_header(head))
        body = read_exactly(file, pad(header.size), "tar")
        data, before = body[: header.size], before + head + body
        if header.type in EXTENSIONS:
            extended = extended.with_extension(header.type, data)
        else:
            yield Member(header.name, data, before)
            extended, before = _NONE, b""
    _check_end(file)


def scan_places(file: Seekable) -> Iterator[Place]:
    """Yield where the members are, in their order; their content is skipped.

    Raises:
        DamagedError: the tar is cut short, or there is something else in it.
    """
    extended, start, at = _NONE, 0, 0
    while (head := read_exactly(file, BLOCK_BYTES, "tar")) != END:
        header = extended.over(_parse_header(head))
        at += BLOCK_BYTES
        if header.type in EXTENSIONS:
            body = read_exactly(file, pad(header.size), "tar")
            extended = extended.with_extension(header.type, body[: header.size])
            at += len(body)
            if header.type == tarfile.XGLTYPE:  # it belongs to no member
                start = at
        else:
            yield Place(header.name, start, at, header.size)
            extended = _NONE
            start = at = at + pad(header.size)
            file.seek(at)
    _check_end(file)


def pad(size: int) -> int:
    """Round up to whole blocks."""
    return size + -size % BLOCK_BYTES


class _Extended(NamedTuple):
    """What extension headers say about the next member; None where they say nothing."""

    name: str | None = None
    size: int | None = None

    def over(self, header: _Header) -> _Header:
        if header.type in EXTENSIONS:
            return header
        return _Header(
            header.name if self.name is None else self.name,
            header.size if self.size is None else self.size,
            header.type,
        )

    def with_extension(self, kind: bytes, data: bytes) -> _Extended:
        try:
            if kind == tarfile.GNUTYPE_LONGNAME:
                return self._replace(name=data.rstrip(b"\0").decode())
            if kind == tarfile.XHDTYPE:
                found = _parse_pax(data)
                path, size = found.get(b"path"), found.get(b"size")
                return _Extended(
                    self.name if path is None else path.decode(),
                    self.size if size is None else int(size),
                )
        except ValueError as error:
            raise DamagedError("tar: an extended header that cannot be read") from error
        return self


_NONE = _Extended()


def _parse_header(block: bytes) -> _Header:
    """Parse a header; the usual kind without `tarfile`, which takes ten times as long.

    Raises:
        DamagedError: it is none, or not that of a file.
    """
    if block[MAGIC_AT : MAGIC_AT + 8] == PLAIN_HEADER and not block[PREFIX_AT] and _adds_up(block):
        size = block[124:135]
        if block[156:157] == tarfile.REGTYPE and OCTAL.fullmatch(size):
            name = block[:100].partition(b"\0")[0]
            return _Header(name.decode("utf-8", "surrogateescape"), int(size, 8), tarfile.REGTYPE)
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise DamagedError(f"tar: there is no member where one should be ({error})") from error
    if not info.isreg() and info.type not in EXTENSIONS:
        raise DamagedError(f"tar: {info.name} is no file")
    return _Header(info.name, info.size, info.type)


SUM_AT, SUM_END = 148, 156


def _adds_up(block: bytes) -> bool:
    """Whether the checksum is that of the header, which is taken with spaces in its own place."""
    total = sum(block) - sum(block[SUM_AT:SUM_END]) + 8 * ord(" ")
    return block[SUM_AT : SUM_AT + 6] == b"%06o" % total


def _parse_pax(data: bytes) -> dict[bytes, bytes]:
    """Parse an extended header: lines of "length key=value".

    Raises:
        ValueError: it is something else.
    """
    found: dict[bytes, bytes] = {}
    while data:
        length = int(data.partition(b" ")[0])
        if length <= 0:
            raise ValueError(data)
        key, _, value = data[:length].partition(b" ")[2].rstrip(b"\n").partition(b"=")
        found[key] = value
        data = data[length:]
    return found


def _check_end(file: Readable) -> None:
    rest = read_exactly(file, BLOCK_BYTES, "tar")
    while rest:
        if rest.count(0) != len(rest):
            raise DamagedError("tar: something follows its end")
        rest = file.read(RECORD_BYTES)
