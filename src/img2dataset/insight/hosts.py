"""Rows by host and outcome, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import nsmallest
from typing import TypeAlias

import numpy as np

from img2dataset.insight.findings import HostCount, HostFindings
from img2dataset.reports.words import FailureClass

MAX_HOSTS = 50_000
"""Hosts that are counted; up to twice as many between two prunings: about 30 MB."""
OUTCOMES = (None, *FailureClass)
"""Columns of the counts: success, then the classes of failure."""
LISTED = 100
"""Hosts in each list of the findings."""
Counts: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"


class HostCounts:
    """Counts rows by host; exact up to MAX_HOSTS hosts.

    With more, the hosts with the fewest rows are dropped now and then (as lossy counting does:
    Manku and Motwani, 2002), and `lacking` says how many rows the count of a host may lack.
    """

    def __init__(self, max_hosts: int = MAX_HOSTS) -> None:
        self._max_hosts = max_hosts
        self._counts: dict[str, Counts] = {}
        self.lacking = 0

    def add(self, hosts: Sequence[str], counts: Counts) -> None:
        """Add rows: counts[i, j] of hosts[i] have OUTCOMES[j]."""
        known = self._counts
        for host, row in zip(hosts, counts, strict=True):
            found = known.get(host)
            known[host] = row.copy() if found is None else found + row
        if len(known) > 2 * self._max_hosts:
            self._prune()

    def _prune(self) -> None:
        ranked = sorted(self._counts.items(), key=lambda item: (-int(item[1].sum()), item[0]))
        self.lacking += int(ranked[self._max_hosts][1].sum())
        self._counts = dict(ranked[: self._max_hosts])

    def find(self) -> HostFindings:
        """Rank the hosts."""
        every = [make_count(host, counts) for host, counts in self._counts.items()]
        return HostFindings(
            known=len(every),
            lacking=self.lacking,
            busiest=tuple(rank(every, lambda each: each.rows)),
            worst=tuple(rank((each for each in every if each.failed), lambda each: each.failed)),
        )


def make_count(host: str, counts: Counts) -> HostCount:
    numbers = counts.tolist()
    failures = {
        kind.value: number
        for kind, number in zip(OUTCOMES, numbers, strict=True)
        if kind is not None and number
    }
    return HostCount(host, sum(numbers), numbers[0], failures)


def rank(hosts: Iterable[HostCount], measure: Callable[[HostCount], int]) -> list[HostCount]:
    return nsmallest(LISTED, hosts, key=lambda each: (-measure(each), each.host))
