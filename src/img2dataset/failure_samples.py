"""Which rows failed, in little memory: a few URLs for each reason, and the hosts with most."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MAX_URLS_PER_REASON = 3
MAX_URL_LENGTH = 300
"""Characters of a URL that are kept."""
MAX_HOSTS = 100
"""Hosts that are kept; up to twice as many while counting."""


@dataclass(slots=True)
class FailureSamples:
    """A few failed rows of each reason, and counts of hosts; adds up like a Tally."""

    urls: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Name of the Reason -> the first URLs that failed for it."""
    hosts: Counter[str] = field(default_factory=Counter)
    """Host -> its failures; the count may be too low, by at most `uncounted`."""
    uncounted: int = 0
    """Largest number of failures that the count of a host may lack, because of too many hosts."""

    def add(self, reason: str, url: str) -> None:
        """Add one more row, in place."""
        known = self.urls.get(reason, ())
        if len(known) < MAX_URLS_PER_REASON:
            self.urls[reason] = (*known, url[:MAX_URL_LENGTH])
        host = find_host(url)
        if host:
            self.hosts[host] += 1
        if len(self.hosts) > 2 * MAX_HOSTS:
            self._drop_rare_hosts()

    def _drop_rare_hosts(self) -> None:
        """Leave HOSTS hosts (Misra and Gries): all counts fall by the largest that has to go, so
        that a host with more than a share of 1 in HOSTS of all failures is never lost."""
        ranked = self.hosts.most_common(MAX_HOSTS + 1)
        if len(ranked) <= MAX_HOSTS:
            return
        least = ranked[MAX_HOSTS][1]
        self.hosts = Counter({host: n - least for host, n in ranked[:MAX_HOSTS] if n > least})
        self.uncounted += least

    def __add__(self, other: FailureSamples) -> FailureSamples:
        urls = {
            reason: (*self.urls.get(reason, ()), *other.urls.get(reason, ()))[:MAX_URLS_PER_REASON]
            for reason in {**self.urls, **other.urls}
        }
        both = FailureSamples(urls, self.hosts + other.hosts, self.uncounted + other.uncounted)
        if len(both.hosts) > 2 * MAX_HOSTS:
            both._drop_rare_hosts()
        return both


def find_host(url: str) -> str:
    """Return the host of a URL, in lower case and without port; empty if there is none."""
    rest = url.partition("://")[2]
    for end in "/?#\\":
        rest = rest.partition(end)[0]
    host = rest.rpartition("@")[2].lower()
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
