"""A text file that people may edit -> whether it is still as it was written here."""

from __future__ import annotations

import hashlib

from img2dataset.json_text import to_utf8
from img2dataset.storage.folder import Folder

MARK = "# Written by img2dataset ({digest}), which writes it again unless you edit it.\n"


def mark(text: str) -> bytes:
    """Put a line before a YAML text that tells whether the rest was edited."""
    return to_utf8(MARK.format(digest=digest_of(text)) + text)


def is_ours(folder: Folder, name: str) -> bool:
    """True if there is no such file, or nobody has edited it since it was written here."""
    try:
        stored = folder.read(name).decode(errors="replace")
    except FileNotFoundError:
        return True
    text = stored.partition("\n")[2]
    return stored == MARK.format(digest=digest_of(text)) + text


def digest_of(text: str) -> str:
    return hashlib.sha256(to_utf8(text)).hexdigest()[:16]
