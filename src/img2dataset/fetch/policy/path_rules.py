"""Path patterns of robots.txt and tdmrep.json -> whether a URL's path fits (RFC 9309, 2.2.2-3).

A pattern fits every path that begins with it; `*` stands for any characters, `$` at the end for
the end of the path.  The query belongs to the path.
"""

from __future__ import annotations

import re
from typing import Any

ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
NOT_VISIBLE = re.compile(rb"[^\x21-\x7e]")


def path_of(url: str) -> str:
    """The path and query of an absolute URL, in the spelling that patterns are compared in."""
    _, _, rest = url.partition("://")
    _, slash, path = rest.partition("/")
    return normalize_escapes(slash + path) or "/"


def normalize_escapes(text: str) -> str:
    """`text` in ASCII, with percent-escapes as RFC 9309 compares them."""
    escaped = NOT_VISIBLE.sub(lambda byte: b"%%%02X" % byte[0][0], _utf8(text))
    return ESCAPE.sub(_shortest, escaped.decode("ascii"))


def _utf8(text: str) -> bytes:
    """Bytes that are no UTF-8 as they were; what no encoding has as a question mark."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _shortest(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in UNRESERVED else escape[0].upper()


def fits(pattern: str, path: str) -> bool:
    """Whether `path` fits `pattern`, both with normalized escapes.

    Takes time in proportion to their lengths: the first place where a piece fits leaves most room
    for the others.
    """
    ends = pattern.endswith("$")
    first, *pieces = (pattern[:-1] if ends else pattern).split("*")
    if not path.startswith(first):
        return False
    if not pieces:
        return not ends or path == first
    position = len(first)
    last = pieces.pop()
    for piece in pieces:
        position = path.find(piece, position)
        if position < 0:
            return False
        position += len(piece)
    if ends:
        return path.endswith(last) and len(path) - len(last) >= position
    return path.find(last, position) >= 0


def most_specific(rules: list[tuple[str, Any]], path: str) -> list[Any]:
    """The values of those of the `rules` (pattern, value) that fit with the longest pattern."""
    fitting = [(len(pattern), value) for pattern, value in rules if fits(pattern, path)]
    longest = max((length for length, _ in fitting), default=0)
    return [value for length, value in fitting if length == longest]
