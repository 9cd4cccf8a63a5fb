"""Content-Encoding of a body -> what undoes it within a limit, though we asked for "identity".

Some servers compress all the same; then we undo it: gzip and deflate piece by piece, br and zstd
at the end (pyarrow brings their libraries).  Others write things that are no encoding there
("utf-8", "aws-chunked", "binary"), which browsers ignore, and so do we; or the name of an
encoding on an image that is none: a body that begins like an image is taken as it is.  (libcurl
would refuse those, and its decoders depend on how it was built.)
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from img2dataset.fetch.http.sniff import MIN_SNIFF_BYTES, begins_like_an_image
from img2dataset.signatures import PROOF_PREFIXES

ZLIB_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""Encodings that zlib can undo -> its window bits."""
RAW_DEFLATE = -15
"""What some servers send as "deflate"."""

MAGIC = b"\x1f\x8b"
"""How each member of a gzip begins."""
MAX_GZIP_MEMBERS = 2000
"""Of one body, besides the first: each takes time, even those without anything in them."""
MAX_DEFLATE_START_BYTES = 1024
"""Bytes of a deflate without any output that are kept, in case it has to be read as a raw one."""

ARROW_CODECS = {"br": "brotli", "zstd": "zstd"}
"""Encodings that pyarrow can undo, where its build has the library -> its name for them."""
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

UNSUPPORTED = frozenset({"dcb", "dcz", "compress", "x-compress", "exi", "pack200-gzip"})
"""Encodings we cannot undo."""


class EncodingError(ValueError):
    """A body does not match its Content-Encoding, or the encoding is not supported."""


class StreamDecoder:
    """Undoes gzip or deflate, piece by piece; gzip in any number of members, one behind the other.

    What follows them and is no member is ignored, as browsers do.
    """

    __slots__ = ("_beginning", "_behind", "_bits", "_held", "_members_left", "_over", "_plain",
                 "_zlib")  # fmt: skip

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._zlib = zlib.decompressobj(bits)
        self._members_left = MAX_GZIP_MEMBERS
        self._behind = b""  # what may be the beginning of another member
        self._over = False
        self._held: bytes | None = b""  # too little to tell what it is; None = that is known
        self._plain = False
        self._beginning: bytes | None = b"" if bits == ZLIB_WINDOW_BITS["deflate"] else None

    @property
    def finished(self) -> bool:
        return self._plain or self._zlib.eof

    def decode(self, data: bytes, limit: int) -> bytes:
        """Decode at most `limit` bytes (1 or more); after as many, the decoder must not be used again."""
        if self._held is not None:
            data = self._held + data
            self._held = data if self._is_too_little(data) else None
            if self._held is not None:
                return b""
            self._plain = not self._has_magic(data) and begins_like_an_image(data)
        return data[:limit] if self._plain else self._undone(data, limit)

    def _is_too_little(self, data: bytes) -> bool:
        if len(data) < 2:
            return True
        undecided = data[:2] in PROOF_PREFIXES and not self._has_magic(data)
        return undecided and len(data) < MIN_SNIFF_BYTES

    def _has_magic(self, data: bytes) -> bool:
        """Return whether the data certainly has this encoding."""
        if self._bits == ZLIB_WINDOW_BITS["gzip"]:
            return data.startswith(MAGIC)
        return data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0

    def _undone(self, data: bytes, limit: int) -> bytes:
        parts = []
        while data and limit:
            if self._zlib.eof:
                data = self._behind + data
                if not self._begins_another(data):
                    break
            decoded = self._inflate(data, limit)
            parts.append(decoded)
            limit -= len(decoded)
            data = self._zlib.unused_data
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _begins_another(self, data: bytes) -> bool:
        """Be ready for another member, if `data` is one."""
        if self._bits != ZLIB_WINDOW_BITS["gzip"] or self._over:
            return False
        self._behind = data if data == MAGIC[:1] else b""
        self._over = not data.startswith(MAGIC) and not self._behind
        if self._over or self._behind:
            return False
        if not self._members_left:
            raise EncodingError
        self._members_left -= 1
        self._zlib = zlib.decompressobj(self._bits)
        return True

    def _inflate(self, data: bytes, limit: int) -> bytes:
        if self._beginning is not None:
            self._beginning += data
        try:
            decoded = self._zlib.decompress(data, limit)
        except zlib.error:
            if self._beginning is None:
                raise EncodingError from None
            return self._inflate_raw(limit)
        if decoded or len(self._beginning or b"") > MAX_DEFLATE_START_BYTES:
            self._beginning = None
        return decoded

    def _inflate_raw(self, limit: int) -> bytes:
        """Read it once more from its beginning: it may be a deflate without its wrapping."""
        data, self._beginning = self._beginning or b"", None
        self._bits = RAW_DEFLATE
        self._zlib = zlib.decompressobj(self._bits)
        return self._inflate(data, limit)


class PassthroughDecoder:
    """Passes through a body whose encoding is not supported, if it is an unencoded image."""

    __slots__ = ("_held", "finished")

    def __init__(self) -> None:
        self._held = b""
        self.finished = False
        """Whether it is known to be an image."""

    def decode(self, data: bytes, limit: int) -> bytes:
        """As a Decoder's."""
        if self.finished:
            return data[:limit]
        self._held += data
        if not any(begin.startswith(self._held[:2]) for begin in PROOF_PREFIXES):
            raise EncodingError
        if len(self._held) < MIN_SNIFF_BYTES:
            return b""
        if not begins_like_an_image(self._held):
            raise EncodingError
        self.finished = True
        return self._held[:limit]


@dataclass(frozen=True, slots=True)
class WholeBodyDecoder:
    """An encoding that is undone when all of the body is there."""

    codec: str

    def unpack(self, data: bytes, limit: int) -> bytes:
        """What `data` stands for; at most `limit` bytes of it, which may be a part."""
        if not data.startswith(ZSTD_MAGIC) and begins_like_an_image(data):
            return data[:limit]
        import pyarrow as pa  # noqa: PLC0415  (few answers are so)

        try:
            unpacked: bytes = pa.CompressedInputStream(pa.BufferReader(data), self.codec).read(
                limit
            )
        except (OSError, pa.ArrowException) as error:
            raise EncodingError(self.codec) from error
        return unpacked


def find_decoder(header: str) -> StreamDecoder | PassthroughDecoder | WholeBodyDecoder | None:
    """Return the decoder for a Content-Encoding; None = the body is not encoded."""
    names = [name.strip().lower() for name in header.split(",")]
    known = [
        name
        for name in names
        if name in ZLIB_WINDOW_BITS or name in ARROW_CODECS or name in UNSUPPORTED
    ]
    if not known:
        return None
    if len(known) > 1 or known[0] in UNSUPPORTED:
        return PassthroughDecoder()
    if known[0] in ZLIB_WINDOW_BITS:
        return StreamDecoder(ZLIB_WINDOW_BITS[known[0]])
    return _packed(ARROW_CODECS[known[0]])


def _packed(codec: str) -> PassthroughDecoder | WholeBodyDecoder:
    import pyarrow as pa  # noqa: PLC0415

    return WholeBodyDecoder(codec) if pa.Codec.is_available(codec) else PassthroughDecoder()
