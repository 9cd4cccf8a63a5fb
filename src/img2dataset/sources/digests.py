"""A hash as a list may write it -> lower case hex: hex, base64 or raw bytes, with or without a name.

Which of them it is, its length tells: no two of these spellings are as long as each other.
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
    """The digest that `text` spells, in lower case hex; None if it spells none of that type."""
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
    """The `size` bytes of a base64 text of either alphabet; its padding may be missing."""
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    if len(bare) != (size * 8 + 5) // 6:
        return None
    try:
        data = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if len(data) == size else None


def format_digest(value: bytes, hash_type: str) -> str:
    """A cell of bytes: the digest itself, or a text that spells it."""
    if len(value) == DIGEST_BYTES[hash_type]:
        return value.hex()
    return value.decode(errors="replace")


def guess_digest_type(text: str) -> str | None:
    """The type of which `text` spells a digest, if any."""
    return next((name for name in DIGEST_BYTES if parse_digest(text, name)), None)
