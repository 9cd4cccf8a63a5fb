"""URLs -> those that robots.txt allows: it is fetched once per origin, and all rows wait for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from img2dataset.errors import Reason, RowError
from img2dataset.fetch.robots import Rules, robots_url, rules_for
from img2dataset.records import Failure

UNAVAILABLE_FOR = 300.0
"""Seconds until a robots.txt that could not be had is asked for again."""
MOST_ORIGINS = 100_000
MOST_CHARACTERS = 5_000_000
"""Origins whose rules are remembered, and characters of these rules (each takes some 15 bytes);
then the oldest are forgotten."""

A = TypeVar("A")


@dataclass(eq=False, slots=True)
class Known(Generic[A]):
    """What is known of an origin."""

    rules: Rules | None = None
    expires: float = 0.0
    asked: bool = True
    """Whether the file is on its way."""
    waiting: list[A] = field(default_factory=list)


class RobotsGate(Generic[A]):
    """Knows who may be asked for what."""

    def __init__(self, agents: Sequence[str]) -> None:
        """`agents` = the names we go by, most specific first."""
        self._agents = tuple(agents)
        self._known: dict[str, Known[A]] = {}
        self._waiting = 0
        self._characters = 0

    @staticmethod
    def where(url: str) -> str:
        """Where the robots.txt is that says of `url`."""
        return robots_url(url)

    def __len__(self) -> int:
        """Attempts that wait for a robots.txt."""
        return self._waiting

    def check(self, origin: str, url: str, now: float) -> float | Failure | None:
        """Seconds to leave between two requests; or why not; None = not known, see `wait`."""
        known = self._known.get(origin)
        if known is None or known.asked or known.expires <= now:
            return None
        if known.rules is None:
            return Failure.of(RowError(Reason.ROBOTS_TXT_UNAVAILABLE))
        if not known.rules.allows(url):
            return Failure.of(RowError(Reason.ROBOTS_TXT))
        return known.rules.crawl_delay or 0.0

    def wait(self, origin: str, attempt: A) -> bool:
        """Let `attempt` wait for the rules; returns whether somebody has to fetch them."""
        known = self._known.get(origin)
        must_fetch = known is None or not known.asked
        if known is None or must_fetch:
            self._forget(origin)
            self._make_room()
            known = self._known[origin] = Known()
        known.waiting.append(attempt)
        self._waiting += 1
        return must_fetch

    def store(self, origin: str, status: int | None, body: bytes, now: float) -> list[A]:
        """Note what came of asking for robots.txt; returns those that waited for it."""
        known = self._known[origin]
        known.asked = False
        known.rules = rules_for(status, body, self._agents)
        self._characters += size_of(known)
        lasts = UNAVAILABLE_FOR if known.rules is None else known.rules.expires_after
        known.expires = now + lasts
        waiting, known.waiting = known.waiting, []
        self._waiting -= len(waiting)
        return waiting

    def _make_room(self) -> None:
        while len(self._known) >= MOST_ORIGINS or self._characters >= MOST_CHARACTERS:
            oldest = next((name for name, known in self._known.items() if not known.asked), None)
            if oldest is None:
                return
            self._forget(oldest)

    def _forget(self, origin: str) -> None:
        known = self._known.pop(origin, None)
        if known is not None:
            self._characters -= size_of(known)


def size_of(known: Known[A]) -> int:
    return 0 if known.rules is None else known.rules.size
