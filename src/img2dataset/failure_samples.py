"""Which rows failed, in little memory: a few URLs for each reason, and the hosts with most."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

URLS_OF_A_REASON = 3
URL_LENGTH = 300
"""Characters of a URL that are kept."""
HOSTS = 100
"""Hosts that are counted; while they are counted, up to twice as many."""


@dataclass(slots=True)
class Failed:
    """Adds up like a Tally, whichever process counted."""

    urls: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Name of the Reason -> the first URLs that failed for it."""
    hosts: Counter[str] = field(default_factory=Counter)
    """Host -> its failures, or fewer by at most `uncounted`."""
    uncounted: int = 0
    """Failures of any one host that may be missing, because there were too many hosts."""

    def add(self, reason: str, url: str) -> None:
        """Note one more row, in place."""
        known = self.urls.get(reason, ())
        if len(known) < URLS_OF_A_REASON:
            self.urls[reason] = (*known, url[:URL_LENGTH])
        host = host_of(url)
        if host:
            self.hosts[host] += 1
        if len(self.hosts) > 2 * HOSTS:
            self._forget()

    def _forget(self) -> None:
        """Leave HOSTS hosts (Misra and Gries): all counts fall by the largest that has to go, so
        that a host with more than a share of 1 in HOSTS of all failures is never lost."""
        ranked = self.hosts.most_common(HOSTS + 1)
        if len(ranked) <= HOSTS:
            return
        least = ranked[HOSTS][1]
        self.hosts = Counter({host: n - least for host, n in ranked[:HOSTS] if n > least})
        self.uncounted += least

    def __add__(self, other: Failed) -> Failed:
        urls = {
            reason: (*self.urls.get(reason, ()), *other.urls.get(reason, ()))[:URLS_OF_A_REASON]
            for reason in {**self.urls, **other.urls}
        }
        both = Failed(urls, self.hosts + other.hosts, self.uncounted + other.uncounted)
        if len(both.hosts) > 2 * HOSTS:
            both._forget()
        return both


def host_of(url: str) -> str:
    """The host of a URL, in lower case and without port; empty if there is none to see."""
    rest = url.partition("://")[2]
    for end in "/?#\\":
        rest = rest.partition(end)[0]
    host = rest.rpartition("@")[2].lower()
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
