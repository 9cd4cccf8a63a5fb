"""A downloaded file -> whether it has the hash that the list gives; a warning if no file has."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from img2dataset.records import Row
from img2dataset.sources.digests import parse_digest

FIRST_ROWS = 100
"""Rows after which a warning is given, if none of them has the right hash."""


class HashCheck:
    """Compares hashes.  Called from several threads."""

    def __init__(self, column: str, hash_type: str, say: Callable[[str], None]) -> None:
        self._column = column
        self._hash_type = hash_type
        self._say = say
        self._lock = Lock()
        self._wrong = 0
        self._over = False
        """True once a hash was right, or the warning was given."""

    def is_right(self, row: Row, digest: str) -> bool:
        """Return True if `digest`, in lower case hex, is the hash that the row expects."""
        expected = row.expected_hash
        if expected is None:
            return False
        right = parse_digest(expected, self._hash_type) == digest
        if not self._over and self._ends(right=right) and not right:
            self._say(
                f"verify_hash is {[self._column, self._hash_type]!r}: none of the first "
                f"{FIRST_ROWS} downloaded files has the hash of its row; of {(row.url or '')[:200]!r} "
                f"{self._column!r} says {expected[:140]!r}, but the {self._hash_type} of what came "
                f"is {digest!r}. The run goes on; if they are hashes of something else, or of "
                "files that have changed since, stop it and start it without verify_hash"
            )
        return right

    def _ends(self, *, right: bool) -> bool:
        """Count a comparison; return True if it settles the question."""
        with self._lock:
            if self._over:
                return False
            self._wrong += not right
            self._over = right or self._wrong == FIRST_ROWS
            return self._over
