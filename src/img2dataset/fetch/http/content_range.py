"""Content-Range -> the length of the file, if what comes is all of it."""

from __future__ import annotations

import re

FROM_THE_START = re.compile(r"\s*bytes[ \t=]+0-(\d{1,18})/(\d{1,18})\s*", re.IGNORECASE | re.ASCII)
"""With the equals sign that some servers write for the space."""


def read_whole_size(value: str) -> int | None:
    """Return the length of the whole file; None = this is a part, or the length is unknown."""
    match = FROM_THE_START.fullmatch(value)
    if match is None or int(match[1]) + 1 != int(match[2]):
        return None
    return int(match[2])
