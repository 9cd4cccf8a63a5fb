"""InputFile -> its bytes, unzipped, in blocks of whole lines; and errors in words for a person."""

from __future__ import annotations

import gzip
import zlib
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, cast

import pyarrow as pa

from img2dataset.errors import Img2datasetError, MissingExtraError, OptionError
from img2dataset.patience import is_of_a_file_system, one_line
from img2dataset.remote_files import protocols
from img2dataset.schemes import missing_library
from img2dataset.sources.config import BadListError, InputFile, SourceConfig
from img2dataset.storage import open_url

BLOCK_BYTES = 1 << 20
BOM = b"\xef\xbb\xbf"


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
        if not is_of_a_file_system(error):
            raise
        raise kind(f"{url} cannot be read: {one_line(error)}") from error


class Reading:
    """One pass over a file: the bytes as they are stored are counted."""

    def __init__(self, file: InputFile, config: SourceConfig) -> None:
        self.file = file
        self.position = 0
        self._raw = open_bytes(file.url)
        self._plain: Any = (
            gzip.GzipFile(fileobj=cast("Any", self), mode="rb") if config.gzipped else None
        )

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
        while data := self.content():
            yield decoder.decode(data)
        yield decoder.decode(b"", True)


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
    is_start = True
    while chunk := reading.content():
        if is_start:
            chunk = chunk.removeprefix(BOM)
            is_start = False
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
