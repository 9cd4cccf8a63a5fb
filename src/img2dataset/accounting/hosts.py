"""Which hosts were asked most, and which failed most: counts in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

KEPT_OF_A_SHARD = 50
KEPT_OF_A_RUN = 200
"""Hosts that are kept by rows, and as many by failures; see `trim`."""
MAX_COUNTED = 2 * 2 * KEPT_OF_A_RUN
"""Hosts a sum may hold before it is trimmed."""
MAX_OF_A_SHARD = 4 * MAX_COUNTED
"""The same of a shard that is under way; what is trimmed then is half of it."""


class HostCount(NamedTuple):
    """What one host did."""

    rows: int = 0
    failures: int = 0
    """Rows for which it gave no image, and no bytes of one."""
    seconds: float = 0.0
    """Time of its transfers."""
    size: int = 0
    """Bytes of the bodies."""
    waited: float = 0.0
    """Seconds for which its rows waited until it might be asked."""

    @classmethod
    def sum(cls, counts: Iterable[HostCount]) -> HostCount:
        """Add up counts of the same host, at least one."""
        rows, failures, seconds, size, waited = map(sum, zip(*counts, strict=True))
        return cls(int(rows), int(failures), seconds, int(size), waited)


@dataclass(frozen=True, slots=True)
class HostCounts:
    """Host -> counts.  Of many hosts those with the most rows and the most failures are kept, so that
    the counts of a host that is rare in some shards are lower bounds."""

    by_host: dict[str, HostCount] = field(default_factory=dict)

    def add(self, host: str, count: HostCount) -> None:
        """Count in place."""
        before = self.by_host.get(host)
        self.by_host[host] = count if before is None else HostCount.sum((before, count))
        if before is None and len(self.by_host) > MAX_OF_A_SHARD:
            kept = self.trim(MAX_OF_A_SHARD // 4).by_host
            self.by_host.clear()
            self.by_host.update(kept)

    def __add__(self, other: HostCounts) -> HostCounts:
        if not (self.by_host and other.by_host):
            return other if other.by_host else self
        summed = HostCounts(dict(self.by_host))
        for host, count in other.by_host.items():
            summed.add(host, count)
        return summed if len(summed.by_host) <= MAX_COUNTED else summed.trim(KEPT_OF_A_RUN)

    def trim(self, kept: int) -> HostCounts:
        """Keep the `kept` hosts with the most rows, and those with the most failures."""
        if len(self.by_host) <= kept:
            return self
        chosen = {host: self.by_host[host] for host, _ in (*self.busiest(kept), *self.worst(kept))}
        return HostCounts(chosen)

    def count_rows(self) -> int:
        """Count the rows of all hosts that are kept."""
        return sum(count.rows for count in self.by_host.values())

    def busiest(self, count: int) -> list[tuple[str, HostCount]]:
        """List the hosts with the most rows."""
        return sorted(self.by_host.items(), key=lambda item: (-item[1].rows, item[0]))[:count]

    def worst(self, count: int) -> list[tuple[str, HostCount]]:
        """List the hosts with the most failures; those without one are left out."""
        failing = [item for item in self.by_host.items() if item[1].failures]
        return sorted(failing, key=lambda item: (-item[1].failures, item[0]))[:count]

    def slowest(self, count: int) -> list[tuple[str, HostCount]]:
        """List the hosts that rows waited for longest, of those that they waited for."""
        awaited = [item for item in self.by_host.items() if item[1].waited > 0]
        return sorted(awaited, key=lambda item: (-item[1].waited, item[0]))[:count]

    def to_dict(self) -> dict[str, list[float]]:
        """Return host -> [rows, failures, seconds, bytes, seconds waited]."""
        kept = self.trim(KEPT_OF_A_RUN)
        return {
            host: [
                count.rows,
                count.failures,
                round(count.seconds, 3),
                count.size,
                round(count.waited, 3),
            ]
            for host, count in kept.busiest(len(kept.by_host))
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HostCounts:
        """Read `to_dict` back.

        Raises:
            TypeError: other values.
            ValueError: other values.
        """
        return cls(
            {
                str(host): HostCount(
                    int(rows), int(failures), float(seconds), int(size), float(waited)
                )
                for host, (rows, failures, seconds, size, waited) in values.items()
            }
        )
