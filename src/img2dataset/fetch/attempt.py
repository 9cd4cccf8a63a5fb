"""An attempt at a URL: what the engine knows of it from hop to hop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from img2dataset.accounting.clock import OF_NO_SHARD
from img2dataset.fetch.route.router import DIRECT, Origin, Route, find_origin, parse_origin
from img2dataset.fetch.urls import is_object_scheme
from img2dataset.records import ResponseInfo, Row

MAX_SIGNALS = 50
MAX_SIGNAL_CHARACTERS = 1000
"""Honest signals are far shorter, and each is stored with every row of its host."""


class AttemptState(StrEnum):
    """Where an attempt is; the table is in `engine`."""

    ENTERING = "entering"
    RESOLVING = "resolving"
    AWAITING_ROBOTS = "awaiting robots.txt"
    AT_HOST = "at their host"
    IN_FLIGHT = "in flight"
    DELAYED = "delayed"
    HELD = "held"
    DONE = "done"


@dataclass(eq=False, slots=True)
class Attempt:
    """A URL that is being fetched, and the rows that want it."""

    listed: str
    """The URL as the list has it, made sendable."""
    url: str
    """The URL to request now: the same, or where a redirect led."""
    origin: Origin
    """The origin of `url`."""
    listed_host: str
    left: float
    """Seconds that are left for it; time in which it waits for a slot or for memory does not count."""
    rows: list[Row] = field(default_factory=list)
    """Several, if the list has the URL more than once; none for a robots.txt or a probe."""
    state: AttemptState = AttemptState.ENTERING
    """Changed by `Attempts.move` only, which counts."""
    failures: int = 0
    """Tries that failed before."""
    hops: int = 0
    passed: list[str] = field(default_factory=list)
    """Origins that redirected it."""
    outages: int = 0
    """Outages that caught it."""
    probing: bool = False
    """Whether it probes if the network is back."""
    redirect: ResponseInfo | None = None
    """The last redirect's response, if the metadata want it."""
    route: Route = DIRECT
    robots_of: str | None = None
    """The origin of the robots.txt or tdmrep.json that it fetches."""
    is_tdmrep: bool = False
    reserved: bool = False
    """Whether tdmrep.json reserves `url`."""
    signals: dict[str, None] = field(default_factory=dict)
    """Opt-out signals of all hops, each as name=value, in their order; empty unless asked for."""
    lookup_began: float = 0.0
    admitted: float = 0.0
    """When it began to wait for a slot of its host, on a clock that stands while there is no room; 0 = it
    does not wait."""
    waited_s: float = 0.0
    """Seconds for which it waited for slots of hosts."""
    lookup_s: float = 0.0
    """Seconds for which it has waited for addresses, since its last transfer."""
    spent_s: float = 0.0
    """Seconds of its transfers."""
    began: float = 0.0
    """When it was last started."""

    @classmethod
    def at(cls, url: str, seconds: float) -> Attempt:
        origin = parse_origin(find_origin(url))
        return cls(url, url, origin, origin.host, seconds)

    @property
    def shard(self) -> int:
        """The shard that is charged for it: that of the first row, or none."""
        return self.rows[0].shard if self.rows else OF_NO_SHARD

    @property
    def is_object(self) -> bool:
        """Whether it is at a file or an object of a store, not on http."""
        return is_object_scheme(self.origin.scheme)

    @property
    def is_only_probe(self) -> bool:
        """Whether nothing waits for it: neither rows nor a file of an origin."""
        return not self.rows and self.robots_of is None

    def note(self, signals: Iterable[tuple[str, str]]) -> None:
        """Remember opt-out signals, (name, value) pairs."""
        for name, value in signals:
            if len(self.signals) < MAX_SIGNALS:
                self.signals[f"{name}={value}"[:MAX_SIGNAL_CHARACTERS]] = None

    def go_to(self, url: str) -> None:
        """Follow a redirect."""
        self.hops += 1
        self.passed.append(self.origin.name)
        self.url = url
        self.origin = parse_origin(find_origin(url))

    def begin_again(self, seconds: float) -> None:
        """Return to the URL of the list, with all of its time."""
        self.hops = 0
        self.passed.clear()
        self.began = 0.0
        self.redirect = None
        self.probing = False
        self.reserved = False
        self.signals.clear()
        self.url = self.listed
        self.origin = parse_origin(find_origin(self.listed))
        self.left = seconds
