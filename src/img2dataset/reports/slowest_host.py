"""Hosts at rest -> when the slowest of them will be done."""

from __future__ import annotations

from dataclasses import dataclass

from img2dataset.report import Progress
from img2dataset.tally import RestingHost


@dataclass(frozen=True, slots=True)
class SlowestHost:
    """The host whose rows take longest."""

    name: str
    seconds: float
    """Until its rows are done, as far as they are known."""


def find_slowest_host(progress: Progress) -> SlowestHost | None:
    """Find it among the hosts that rest: after its rest a host goes on as fast as it was until now.

    Rows of shards that no worker has begun are not known yet, so that this is a lower bound.  None
    if no host rests.
    """
    found = [SlowestHost(each.name, estimate(each, progress)) for each in progress.resting]
    return max(found, key=lambda host: host.seconds, default=None)


def estimate(host: RestingHost, progress: Progress) -> float:
    """Estimate the seconds until the rows that wait for a host are done."""
    done = progress.account.hosts.by_host.get(host.name)
    if done is None or done.rows == 0:
        return host.seconds
    return host.seconds + host.rows * progress.elapsed / done.rows
