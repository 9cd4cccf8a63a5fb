"""A hash as hex, base64 or raw bytes, with or without a prefix -> lower-case hex.

The length tells which notation it is: no two of them are equally long.
"""

from __future__ import annotations

import base64
import binascii
import re

DIGEST_BYTES = {"md5": 16, "sha256": 32, "sha512": 64}
PREFIX = re.compile(r"(?:md5|sha-?256|sha-?512)\s*[:=-]\s*|0x|\\x", re.IGNORECASE)
"""sha256:..., md5-..., 0x..., and PostgreSQL's \\x..."""
HEX = re.compile(r"[0-9a-f]+")


def parse_digest(text: str, hash_type: str) -> str | None:
    """Parse a digest of this type; return it in lower-case hex, or None if `text` is none."""
    size = DIGEST_BYTES[hash_type]
    bare = text.strip().strip("\"'")
    found = PREFIX.match(bare)
    if found is not None:
        bare = bare[found.end() :]
    lower = bare.lower()
    if len(lower) == 2 * size and HEX.fullmatch(lower):
        return lower
    data = decode_base64(bare, size)
    return None if data is None else data.hex()


def decode_base64(text: str, size: int) -> bytes | None:
    """Decode `size` bytes from base64 of either alphabet; the padding may be missing."""
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    if len(bare) != (size * 8 + 5) // 6:
        return None
    try:
        data = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if len(data) == size else None


def format_digest(value: bytes, hash_type: str) -> str:
    """Format a cell of bytes, which are the digest itself or a text with it."""
    if len(value) == DIGEST_BYTES[hash_type]:
        return value.hex()
    return value.decode(errors="replace")


def guess_digest_type(text: str) -> str | None:
    """Guess of which type `text` is a digest; None if of no type."""
    return next((name for name in DIGEST_BYTES if parse_digest(text, name)), None)
