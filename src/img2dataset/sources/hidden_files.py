"""A name in a folder, or a path that a pattern matches -> whether it is hidden.

Programs that write lists leave other files beside them: `_SUCCESS`, `_metadata`, `._x.parquet`,
`.x.parquet.crc`, `_temporary/`, `.ipynb_checkpoints/`.  As in shells, Spark and Arrow, names that
begin with a dot or an underscore are hidden, unless the pattern has that character or the file is
named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

MARKS = (".", "_")


CHECKSUM = ".crc"
"""Ending of checksum files beside a list."""


MAGIC = re.compile(r"[*?\[]")


def is_hidden_name(name: str) -> bool:
    """True if a name is hidden when its folder is searched."""
    return name.startswith(MARKS) or name.endswith(CHECKSUM)


def is_hidden_match(path: str, pattern: str) -> bool:
    """True if a path is hidden although the pattern matches it."""
    asked = pattern.split("/")
    start = next((number for number, part in enumerate(asked) if MAGIC.search(part)), len(asked))
    return any(
        is_hidden_name(part) and not is_asked_for(part, asked) for part in path.split("/")[start:]
    )


def is_asked_for(part: str, asked: Sequence[str]) -> bool:
    """True if a part of the pattern has the character that hides the name."""
    return any(
        fnmatchcase(part, each)
        and (not part.startswith(MARKS) or each.startswith(part[0]))
        and (not part.endswith(CHECKSUM) or each.endswith(CHECKSUM))
        for each in asked
    )
