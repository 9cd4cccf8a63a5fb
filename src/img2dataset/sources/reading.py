"""InputFile -> its bytes, unpacked; one pass over the file."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Iterator
from io import BytesIO
from typing import IO, Any, Self

from img2dataset.sources.compression import BROKEN, NAMES, open_unpacked
from img2dataset.sources.config import BadListError, InputFile
from img2dataset.sources.encodings import REPLACED, describe_wide_encoding, detect_wide_encoding
from img2dataset.sources.findings import Findings, Oddity
from img2dataset.sources.opening import open_bytes
from img2dataset.storage.failures import one_line

BLOCK_BYTES = 1 << 20


class Reading:
    """One pass over a file, which counts the stored (compressed) bytes."""

    def __init__(self, file: InputFile, plain: IO[bytes] | None = None) -> None:
        self.file = file
        self.position = 0
        self.documents = 0
        """Read so far, of a list whose documents have several URLs."""
        self.findings = Findings()
        self._raw = open_bytes(file.url) if plain is None else plain
        self._plain: Any = None
        if file.compression is not None and plain is None:
            self._plain = open_unpacked(self, file.compression)

    @classmethod
    def of_bytes(cls, file: InputFile, plain: bytes) -> Reading:
        """Read the beginning of a file, which is in memory and unpacked."""
        return cls(file, BytesIO(plain))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._plain is not None:
            self._plain.close()
        self.close()

    def close(self) -> None:
        """Close the file as stored; pyarrow calls this too."""
        self._raw.close()

    @property
    def closed(self) -> bool:
        return self._raw.closed

    def read(self, size: int) -> bytes:
        """Read the next bytes as stored; the decompressor calls this."""
        data = self._raw.read(size)
        self.position += len(data)
        return data

    def content(self, size: int = BLOCK_BYTES) -> bytes:
        """Read the next bytes, unpacked; empty at the end."""
        if self._plain is None or self.file.compression is None:
            return self.read(size)
        try:
            data: bytes = self._plain.read(size)
        except (*BROKEN, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # of what it is read from
            name = NAMES[self.file.compression]
            text = f"{self.file.url} is not a whole {name} file: {one_line(error)}"
            raise BadListError(text) from error
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
