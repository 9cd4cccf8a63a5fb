"""Content-Usage -> what the owner prefers about the training of models (AIPREF).

    Content-Usage: train-ai=n, search=y

A dictionary of structured fields (RFC 9651), in a header or behind a path in robots.txt.  The
values y and n count; anything else, and a line that is no dictionary, says nothing.  Of several
lines the most restrictive counts; inside one the last of equal keys.
https://datatracker.ietf.org/doc/draft-ietf-aipref-vocab/ and draft-ietf-aipref-attach
"""

from __future__ import annotations

from collections.abc import Iterable

TRAINING = "train-ai"
MAX_LINE_CHARACTERS = 4096
"""Characters of a line that is read."""


def read_preference(line: str, category: str = TRAINING) -> bool | None:
    """Return whether the use is allowed; None = the line leaves that open."""
    if len(line) > MAX_LINE_CHARACTERS:
        return None
    from http_sf import StructuredFieldError, Token, parse  # noqa: PLC0415  (few answers have it)

    try:
        members = parse(line.encode("latin-1", "replace"), tltype="dictionary")
    except StructuredFieldError:
        return None
    member = members.get(category) if isinstance(members, dict) else None
    value = member[0] if isinstance(member, tuple) else None
    return {"y": True, "n": False}.get(str(value)) if isinstance(value, Token) else None


def forbids_training(lines: Iterable[str]) -> bool:
    """Return whether any of the lines has train-ai=n."""
    return any(read_preference(line) is False for line in lines)
