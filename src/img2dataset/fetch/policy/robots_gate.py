"""URLs -> those that robots.txt allows: it is fetched once per origin, and all rows wait for that.

Where TDMRep counts, tdmrep.json is fetched after it, if robots.txt allows that, and they wait for
both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from img2dataset.errors import Reason, RowError
from img2dataset.fetch.policy.robots import USAGE, Rules, make_robots_url, parse_rules
from img2dataset.fetch.policy.tdmrep import NONE, Reservations, make_tdmrep_url, parse_reservations
from img2dataset.fetch.policy.tdmrep import PATH as TDMREP_PATH
from img2dataset.fetch.politeness import POLITE, Politeness
from img2dataset.records import Failure

A = TypeVar("A")


@dataclass(eq=False, slots=True)
class Known(Generic[A]):
    """What is known of an origin."""

    rules: Rules | None = None
    reservations: Reservations = NONE
    expires: float = 0.0
    asked: bool = True
    """Whether a file is on its way."""
    wants_tdmrep: bool = False
    """Whether the second file is the next to be asked for."""
    waiting: list[A] = field(default_factory=list)


class RobotsGate(Generic[A]):
    """Remembers the rules of origins, and lets attempts wait for them."""

    def __init__(
        self,
        agents: Sequence[str],
        *,
        usage_counts: bool = True,
        reservations_count: bool = False,
        politeness: Politeness = POLITE,
    ) -> None:
        """`agents` = our names, the most specific first; the others = whether Content-Usage lines and
        tdmrep.json count."""
        self._agents = tuple(agents)
        self._kinds = [kind for kind in USAGE if usage_counts or kind != "content-usage"]
        self._reservations_count = reservations_count
        self._politeness = politeness
        self._known: dict[str, Known[A]] = {}
        self._waiting = 0
        self._characters = 0

    @staticmethod
    def where(url: str) -> str:
        """Return the URL of the robots.txt for `url`."""
        return make_robots_url(url)

    @staticmethod
    def where_tdmrep(url: str) -> str:
        """Return the URL of the tdmrep.json for `url`."""
        return make_tdmrep_url(url)

    def __len__(self) -> int:
        """Attempts that wait for a robots.txt."""
        return self._waiting

    def check(self, origin: str, url: str, now: float) -> float | Failure | None:
        """Return the seconds to leave between two requests, or why the URL is not allowed; None = not
        known yet, see `wait`."""
        known = self._known.get(origin)
        if known is None or known.asked or known.expires <= now:
            return None
        if known.rules is None:
            return Failure.of(RowError(Reason.ROBOTS_TXT_UNAVAILABLE))
        if not known.rules.allows(url):
            return Failure.of(RowError(Reason.ROBOTS_TXT))
        if known.rules.usage.forbid_training(url, self._kinds):
            return Failure.of(RowError(Reason.ROBOTS_TXT_TRAINING))
        return known.rules.crawl_delay or 0.0

    def reserves(self, origin: str, url: str) -> bool:
        """Whether the origin's tdmrep.json, if it is known, reserves the URL."""
        known = self._known.get(origin)
        rule = None if known is None else known.reservations.rule_for(url)
        return rule is not None and rule.reserved

    def signals(self, origin: str, url: str) -> list[tuple[str, str]]:
        """Return the opt-out signals of the origin's files for the URL: (name, value)."""
        known = self._known.get(origin)
        if known is None or known.rules is None:
            return []
        found = known.rules.usage.signals(url)
        signals = [(f"robots.txt:{kind}", text) for kind, text in found]
        rule = known.reservations.rule_for(url)
        if rule is not None:
            signals.append(("tdmrep.json:tdm-reservation", str(int(rule.reserved))))
            signals += [("tdmrep.json:tdm-policy", rule.policy)] if rule.policy else []
        return signals

    def wait(self, origin: str, attempt: A) -> bool:
        """Let `attempt` wait for the rules; return whether the caller has to fetch them."""
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
        """Note what came of asking for robots.txt; returns those that waited for it, unless they
        have to wait for tdmrep.json too: see `wants_tdmrep`."""
        known = self._known[origin]
        known.rules = parse_rules(status, body, self._agents)
        unavailable_s = self._politeness.robots_unavailable_s
        lasts = unavailable_s if known.rules is None else known.rules.expires_after
        known.expires = now + lasts
        if self._reservations_count and known.rules is not None:
            known.wants_tdmrep = known.rules.allows(f"{origin}{TDMREP_PATH}")
        return [] if known.wants_tdmrep else self._settle(known)

    def wants_tdmrep(self, origin: str) -> bool:
        """Whether tdmrep.json has to be asked for now."""
        return self._known[origin].wants_tdmrep

    def store_tdmrep(self, origin: str, status: int | None, body: bytes, now: float) -> list[A]:
        """Note what came of asking for tdmrep.json; returns those that waited."""
        known = self._known[origin]
        known.wants_tdmrep = False
        known.reservations = parse_reservations(status, body)
        if status is None or status >= 500:
            known.expires = min(known.expires, now + self._politeness.robots_unavailable_s)
        return self._settle(known)

    def count_waiting(self, origin: str) -> int:
        """Return how many attempts wait for the rules of an origin."""
        known = self._known.get(origin)
        return 0 if known is None else len(known.waiting)

    def forgive(self) -> None:
        """Forget the files that could not be had."""
        for origin, known in list(self._known.items()):
            if known.rules is None and not known.asked:
                self._forget(origin)

    def _settle(self, known: Known[A]) -> list[A]:
        """All is known; returns those that waited."""
        known.asked = False
        self._characters += size_of(known)
        waiting, known.waiting = known.waiting, []
        self._waiting -= len(waiting)
        return waiting

    def _make_room(self) -> None:
        while (
            len(self._known) >= self._politeness.max_robots_origins
            or self._characters >= self._politeness.max_robots_characters
        ):
            oldest = next((name for name, known in self._known.items() if not known.asked), None)
            if oldest is None:
                return
            self._forget(oldest)

    def _forget(self, origin: str) -> None:
        known = self._known.pop(origin, None)
        if known is not None:
            self._characters -= size_of(known)


def size_of(known: Known[A]) -> int:
    return known.reservations.size + (0 if known.rules is None else known.rules.size)
