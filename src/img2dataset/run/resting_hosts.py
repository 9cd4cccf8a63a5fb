"""Hosts that rest, as workers tell it now and then -> those that rest now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from img2dataset.failure_samples import find_host
from img2dataset.tally import RestingHost

MAX_HOSTS = 1000


class RestingHosts:
    """Collect the resting hosts of all workers; the last report of a host counts."""

    def __init__(self) -> None:
        self._until: dict[str, tuple[float, RestingHost]] = {}
        self.hosts: frozenset[str] = frozenset()
        """Names of those that have rested, without scheme and port; not all if they are many."""

    def see(self, resting: Iterable[RestingHost], now: float) -> None:
        for host in resting:
            self._until[host.name] = (now + host.seconds, host)
            name = find_host(host.name)
            if name not in self.hosts and len(self.hosts) < MAX_HOSTS:
                self.hosts |= {name}

    def end(self) -> None:
        """Nobody waits any more."""
        self._until.clear()

    def left(self, now: float) -> tuple[RestingHost, ...]:
        """List the hosts that still rest, the longest rest first."""
        self._until = {name: seen for name, seen in self._until.items() if seen[0] > now}
        hosts = [replace(host, seconds=until - now) for until, host in self._until.values()]
        return tuple(sorted(hosts, key=lambda host: (-host.seconds, host.name)))
