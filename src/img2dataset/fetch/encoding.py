"""Content-Encoding of a body -> a decoder with a limit, though we asked for "identity".

Some servers compress all the same; then we undo it.  Others write things that are no encoding
there ("utf-8", "aws-chunked", "binary"), which browsers ignore, and so do we.  (libcurl would
refuse those, and its decoders depend on how it was built.)
"""

from __future__ import annotations

import zlib

ZLIB = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""Encodings we can undo -> zlib's window bits."""
RAW_DEFLATE = -15
"""What some servers send as "deflate"."""

NOT_OURS = frozenset({"br", "zstd", "dcb", "dcz", "compress", "x-compress", "exi", "pack200-gzip"})
"""Encodings we cannot undo."""


class EncodingError(ValueError):
    """The body is not what its Content-Encoding says, or we have no decoder for that."""


class Decoder:
    """Undoes gzip or deflate, piece by piece."""

    __slots__ = ("_bits", "_zlib")

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._zlib = zlib.decompressobj(bits)

    @property
    def finished(self) -> bool:
        return self._zlib.eof

    def decode(self, data: bytes, limit: int) -> bytes:
        """At most `limit` bytes (1 or more); whoever gets as many must not ask for more."""
        try:
            return self._zlib.decompress(data, limit)
        except zlib.error:
            if self._bits != ZLIB["deflate"]:
                raise EncodingError from None
        self._bits = RAW_DEFLATE  # it can only be so from the first piece on
        self._zlib = zlib.decompressobj(self._bits)
        return self.decode(data, limit)


def decoder_for(header: str) -> Decoder | None:
    """The decoder for a Content-Encoding; None = the body is what it is."""
    names = [name.strip().lower() for name in header.split(",")]
    known = [name for name in names if name in ZLIB or name in NOT_OURS]
    if not known:
        return None
    if len(known) > 1 or known[0] not in ZLIB:
        raise EncodingError(header)
    return Decoder(ZLIB[known[0]])
