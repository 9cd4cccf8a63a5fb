"""InputFile -> its bytes, unzipped; one pass over the file."""

from __future__ import annotations

import gzip
import zlib
from codecs import getincrementaldecoder
from collections.abc import Iterator
from io import BytesIO
from typing import IO, Any, cast

from img2dataset.sources.config import BadListError, InputFile, SourceConfig
from img2dataset.sources.encodings import REPLACED, describe_wide_encoding, detect_wide_encoding
from img2dataset.sources.findings import Findings, Oddity
from img2dataset.sources.opening import open_bytes

BLOCK_BYTES = 1 << 20


class Reading:
    """One pass over a file, which counts the stored (compressed) bytes."""

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
        """Read the beginning of a file, which is in memory and unzipped."""
        return cls(file, config, BytesIO(plain))

    def __enter__(self) -> Reading:  # noqa: PYI034  (Self is new in 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        if self._plain is not None:
            self._plain.close()
        self._raw.close()

    def read(self, size: int) -> bytes:
        """Read the next bytes as stored; the decompressor calls this."""
        data = self._raw.read(size)
        self.position += len(data)
        return data

    def content(self, size: int = BLOCK_BYTES) -> bytes:
        """Read the next bytes, unzipped; empty at the end."""
        data: bytes = self.read(size) if self._plain is None else self._plain.read(size)
        return data

    def text(self) -> Iterator[str]:
        """Yield the content as text, block by block; bytes that are not UTF-8 become U+FFFD."""
        decoder = getincrementaldecoder("utf-8-sig")("replace")
        number = 0
        for number, data in enumerate(read_chunks(self), 1):
            text = decoder.decode(data)
            if REPLACED in text and REPLACED.encode() not in data:
                where = f"in megabyte {number} of {self.file.url.rpartition('/')[2]}"
                self.findings.add(Oddity.NOT_UTF8, text.count(REPLACED), where)
            yield text
        yield decoder.decode(b"", True)


def unzip_head(head: bytes) -> bytes:
    """Unzip the beginning of a gzip file."""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head)
    except zlib.error:  # reported when the file is read
        return b""


def read_chunks(reading: Reading) -> Iterator[bytes]:
    """Yield the content as it comes.

    Raises:
        BadListError: it is UTF-16 or UTF-32.
    """
    chunk = reading.content()
    wide = detect_wide_encoding(chunk)
    if wide is not None:
        raise BadListError(f"{reading.file.url} {describe_wide_encoding(wide)}")
    while chunk:
        yield chunk
        chunk = reading.content()
