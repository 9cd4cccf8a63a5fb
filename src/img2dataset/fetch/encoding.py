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

MAGIC = b"\x1f\x8b"
"""How each member of a gzip begins."""
MOST_MEMBERS = 2000
"""Of one body, besides the first: each takes time, even those without anything in them."""

NOT_OURS = frozenset({"br", "zstd", "dcb", "dcz", "compress", "x-compress", "exi", "pack200-gzip"})
"""Encodings we cannot undo."""


class EncodingError(ValueError):
    """The body is not what its Content-Encoding says, or we have no decoder for that."""


class Decoder:
    """Undoes gzip or deflate, piece by piece; gzip in any number of members, one behind the other.

    What is behind them and is no member is passed over, as everybody does.
    """

    __slots__ = ("_behind", "_bits", "_members_left", "_over", "_zlib")

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._zlib = zlib.decompressobj(bits)
        self._members_left = MOST_MEMBERS
        self._behind = b""  # what may be the beginning of another member
        self._over = False

    @property
    def finished(self) -> bool:
        return self._zlib.eof

    def decode(self, data: bytes, limit: int) -> bytes:
        """At most `limit` bytes (1 or more); whoever gets as many must not ask for more."""
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
        if self._bits != ZLIB["gzip"] or self._over:
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
        try:
            return self._zlib.decompress(data, limit)
        except zlib.error:
            if self._bits != ZLIB["deflate"]:
                raise EncodingError from None
        self._bits = RAW_DEFLATE  # it can only be so from the first piece on
        self._zlib = zlib.decompressobj(self._bits)
        return self._inflate(data, limit)


def decoder_for(header: str) -> Decoder | None:
    """The decoder for a Content-Encoding; None = the body is what it is."""
    names = [name.strip().lower() for name in header.split(",")]
    known = [name for name in names if name in ZLIB or name in NOT_OURS]
    if not known:
        return None
    if len(known) > 1 or known[0] not in ZLIB:
        raise EncodingError(header)
    return Decoder(ZLIB[known[0]])
