"""The bytes of a file -> blocks of whole lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from img2dataset.sources.reading import Reading, read_chunks

HEAD_BYTES = 1 << 16
"""To decide what ends the lines of a file."""


BOM = b"\xef\xbb\xbf"


LINE_END = re.compile(rb"[\r\n]+")


def normalise_line_ends(reading: Reading) -> Iterator[bytes]:
    """Yield the content with newlines at the ends of lines, also where it has only carriage returns."""
    chunks = read_chunks(reading)
    head: list[bytes] = []
    for chunk in chunks:
        head.append(chunk)
        if sum(map(len, head)) >= HEAD_BYTES:
            break
    if head:
        head[0] = head[0].removeprefix(BOM)
    ends_with_cr = has_returns_for_newlines(b"".join(head))
    for chunk in chain(head, chunks):
        yield chunk.replace(b"\r", b"\n") if ends_with_cr else chunk


def has_returns_for_newlines(head: bytes) -> bool:
    """True if only carriage returns end the lines of a file (old Macs, Excel).

    The first line decides, or all others if only the first has a newline: a header that was put
    in front later.
    """
    first = LINE_END.search(head)
    if first is None:
        return False
    if b"\n" not in first.group():
        return True
    body = head[first.end() :]
    return b"\n" not in body and b"\r" in body.rstrip(b"\r")


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a file; the last of them may lack its newline at the end of the file."""

    data: bytes
    first_line: int
    """Number of the first line, from 1."""


def read_line_blocks(reading: Reading, longest: int) -> Iterator[Block]:
    """Read the file in blocks of whole lines.

    A line longer than `longest` and than a block is cut off, but still longer than
    `longest`: it must not fill the memory.
    """
    first_line = 1
    rest = b""
    for chunk in normalise_line_ends(reading):
        end = chunk.rfind(b"\n") + 1
        if end == 0:
            if len(rest) <= longest:
                rest += chunk
            continue
        start = 0
        if len(rest) > longest:
            rest, start = rest[: longest + 1], chunk.find(b"\n")
        data = rest + chunk[start:end]
        yield Block(data, first_line)
        first_line += data.count(b"\n")
        rest = chunk[end:]
    if rest:
        yield Block(rest[: longest + 1], first_line)
