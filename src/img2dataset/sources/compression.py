"""How a file is compressed, by its first bytes; and its bytes without that."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from enum import StrEnum
from io import BytesIO
from typing import IO, Any, cast


class Compression(StrEnum):
    """A way to compress a file; the value is the ending of its name."""

    GZIP = "gz"
    ZSTD = "zst"
    BZIP2 = "bz2"
    XZ = "xz"


MAGIC = {
    Compression.GZIP: b"\x1f\x8b",
    Compression.ZSTD: b"\x28\xb5\x2f\xfd",
    Compression.BZIP2: b"BZh",
    Compression.XZ: b"\xfd7zXZ\x00",
}
"""How such a file begins."""
NAMES = {
    Compression.GZIP: "gzip",
    Compression.ZSTD: "Zstandard",
    Compression.BZIP2: "bzip2",
    Compression.XZ: "xz",
}
PIECE_BYTES = 1 << 14
"""Of the beginning of a file, to unpack at once."""

BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError)
"""What a damaged file raises; of bzip2 and Zstandard it is an OSError."""


def detect_compression(head: bytes) -> Compression | None:
    """Tell by its first bytes how a file is compressed."""
    return next((kind for kind, magic in MAGIC.items() if head.startswith(magic)), None)


def open_unpacked(stored: Any, kind: Compression) -> IO[bytes]:
    """Open a file of which `stored.read(size)` gives the stored bytes."""
    match kind:
        case Compression.GZIP:
            return cast("IO[bytes]", gzip.GzipFile(fileobj=stored, mode="rb"))
        case Compression.BZIP2:
            return cast("IO[bytes]", bz2.BZ2File(stored))
        case Compression.XZ:
            return cast("IO[bytes]", lzma.LZMAFile(stored))
        case Compression.ZSTD:  # Python has none before 3.14; pyarrow has it in its wheels
            return _open_zstandard(stored)


def _open_zstandard(stored: Any) -> IO[bytes]:
    import pyarrow as pa  # noqa: PLC0415  (start-up does without it)

    return cast("IO[bytes]", pa.CompressedInputStream(pa.PythonFile(stored, "r"), "zstd"))


def unpack_head(head: bytes, kind: Compression | None) -> bytes:
    """Unpack the beginning of a file, as far as it goes; empty if nothing can be unpacked of it."""
    if kind is None:
        return head
    unpacked = []
    try:
        with open_unpacked(BytesIO(head), kind) as stream:
            # read would lose what comes before the end, in filling up its piece
            while piece := cast("Any", stream).read1(PIECE_BYTES):
                unpacked.append(piece)
    except (*BROKEN, OSError):  # cut off in any case; a damaged file is reported when it is read
        pass
    return b"".join(unpacked)
