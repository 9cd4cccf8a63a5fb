"""InputFile -> its bytes, unzipped, in blocks of whole lines; and errors in words for a person."""

from __future__ import annotations

import gzip
import re
import zlib
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from typing import IO, Any, cast

import pyarrow as pa

from img2dataset.errors import Img2datasetError, MissingExtraError, OptionError
from img2dataset.sources.config import BadListError, InputFile, SourceConfig
from img2dataset.sources.encodings import REPLACED, advice_for_wide, wide_encoding
from img2dataset.sources.findings import Findings, Oddity
from img2dataset.storage.failures import is_from_file_system, one_line
from img2dataset.storage.file_systems import open_url
from img2dataset.storage.remote import protocols
from img2dataset.storage.schemes import missing_library

BLOCK_BYTES = 1 << 20
HEAD_BYTES = 1 << 16
"""How much of a file decides what ends its lines."""
BOM = b"\xef\xbb\xbf"
LINE_END = re.compile(rb"[\r\n]+")


def open_file_system(url: str) -> tuple[Any, str]:
    """The file system of `url` and the path in it."""
    try:
        return open_url(url)
    except MissingExtraError as error:
        raise MissingExtraError(f"url_list {url}", error.package, error.extra) from error
    except ImportError as error:
        raise OptionError(f"url_list {url}: {missing_library(url, error.name)}") from error
    except ValueError as error:
        raise OptionError(f"url_list {url} cannot be read: {one_line(error)}") from error


def is_web(fs: Any) -> bool:
    """Whether files come from a web server, which may not know how to seek."""
    return bool(protocols(fs) & {"http", "https"})


def open_bytes(url: str) -> IO[bytes]:
    """Open a file for reading from its start."""
    fs, path = open_file_system(url)
    if is_web(fs):
        return fs.open(path, "rb", block_size=0)  # type: ignore[no-any-return]  # as it comes
    return fs.open(path, "rb")  # type: ignore[no-any-return]


@contextmanager
def told_as(kind: type[Img2datasetError], url: str) -> Iterator[None]:
    """Tell in one line of `kind` whatever keeps `url` from being read.

    File systems of third parties raise errors of their own classes (credentials, clients of
    web services): this is the one door where any exception of theirs is caught.
    """
    try:
        yield
    except (kind, OptionError):
        raise
    except BadListError as error:
        raise kind(str(error)) from error
    except FileNotFoundError as error:
        raise kind(f"{url} does not exist") from error
    except PermissionError as error:
        raise kind(f"{url} may not be read: permission denied") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise kind(f"{url} is not a whole gzip file: {one_line(error)}") from error
    except pa.ArrowException as error:
        raise kind(f"{url} is malformed: {one_line(error)}") from error
    except OSError as error:
        raise kind(f"{url} cannot be read: {one_line(error)}") from error
    except Exception as error:
        if not is_from_file_system(error):
            raise
        raise kind(f"{url} cannot be read: {one_line(error)}") from error


class Reading:
    """One pass over a file: the bytes as they are stored are counted."""

    def __init__(
        self, file: InputFile, config: SourceConfig, plain: IO[bytes] | None = None
    ) -> None:
        self.file = file
        self.position = 0
        self.findings = Findings()
        self._raw = open_bytes(file.url) if plain is None else plain
        self._plain: Any = None
        if config.gzipped and plain is None:
            self._plain = gzip.GzipFile(fileobj=cast("Any", self), mode="rb")

    @classmethod
    def of_bytes(cls, file: InputFile, plain: bytes, config: SourceConfig) -> Reading:
        """A pass over the beginning of a file, which is at hand and unzipped."""
        return cls(file, config, BytesIO(plain))

    def __enter__(self) -> Reading:  # noqa: PYI034  (Self is new in 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        if self._plain is not None:
            self._plain.close()
        self._raw.close()

    def read(self, size: int) -> bytes:
        """The next bytes as stored; what the unzipping reads from."""
        data = self._raw.read(size)
        self.position += len(data)
        return data

    def content(self, size: int = BLOCK_BYTES) -> bytes:
        """The next bytes, unzipped; empty at the end."""
        data: bytes = self.read(size) if self._plain is None else self._plain.read(size)
        return data

    def text(self) -> Iterator[str]:
        """The content as text, block by block; bytes that are not UTF-8 become U+FFFD."""
        decoder = getincrementaldecoder("utf-8-sig")("replace")
        number = 0
        for number, data in enumerate(checked_chunks(self), 1):
            text = decoder.decode(data)
            if REPLACED in text and REPLACED.encode() not in data:
                where = f"in megabyte {number} of {self.file.url.rpartition('/')[2]}"
                self.findings.add(Oddity.NOT_UTF8, text.count(REPLACED), where)
            yield text
        yield decoder.decode(b"", True)


def unzip_head(head: bytes) -> bytes:
    """What the beginning of a gzip file holds."""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head)
    except zlib.error:  # whoever reads it will say so
        return b""


def checked_chunks(reading: Reading) -> Iterator[bytes]:
    """The content as it comes.

    Raises:
        BadListError: it is UTF-16 or UTF-32.
    """
    chunk = reading.content()
    wide = wide_encoding(chunk)
    if wide is not None:
        raise BadListError(f"{reading.file.url} {advice_for_wide(wide)}")
    while chunk:
        yield chunk
        chunk = reading.content()


def chunks_of_lines(reading: Reading) -> Iterator[bytes]:
    """The content with newlines at the ends of lines, also where it has carriage returns alone."""
    chunks = checked_chunks(reading)
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
    """Whether carriage returns alone end the lines of a file that begins so (old Macs, Excel).

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


def line_blocks(reading: Reading, longest: int) -> Iterator[Block]:
    """The file in blocks of whole lines.

    A line longer than `longest` and than a block comes cut off, still longer than `longest`:
    it must not fill the memory.
    """
    first_line = 1
    rest = b""
    for chunk in chunks_of_lines(reading):
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
