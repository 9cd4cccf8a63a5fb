"""Hosts that rest or are given up -> a line for the user now and then: why the run is slow.

A list has many of them, each with many requests: the first is named at once, then one at growing
intervals, with the number of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from img2dataset.errors import Reason
from img2dataset.fetch.hosts.host import Host
from img2dataset.fetch.politeness import Politeness


class HostNotices:
    """Tells the user what keeps rows waiting."""

    def __init__(self, say: Callable[[str], None], politeness: Politeness) -> None:
        self._politeness = politeness
        self._say = say
        self._next = float("-inf")
        self._lines = 0
        self._others: set[str] = set()

    def see(self, host: Host[Any], now: float) -> None:
        """Look at a host after a request has ended."""
        text = describe_trouble(host, now, self._politeness)
        if text is not None:
            self._tell(host.name, text, now)

    def see_wish(self, name: str, delay: float, now: float) -> None:
        """A host's robots.txt wants `delay` seconds between two requests."""
        if delay >= self._politeness.min_notice_rest_s:
            text = f"{name} asks in its robots.txt for {delay:.0f} s between two requests"
            self._tell(name, text, now)

    def _tell(self, name: str, text: str, now: float) -> None:
        if now < self._next:
            if len(self._others) < self._politeness.max_notice_hosts:
                self._others.add(name)
            return
        self._others.discard(name)
        self._say(text + describe_others(len(self._others), self._politeness))
        self._others.clear()
        self._lines += 1
        self._next = now + self._politeness.notice.delay(self._lines)


def describe_trouble(host: Host[Any], now: float, politeness: Politeness) -> str | None:
    """Return what the user should know of a host, if anything."""
    left = host.given_up_until - now
    if left > 0 and host.why is Reason.HOST_ASKS_FOR_REST:
        return f"{host.name} wants to be left alone for {left:.0f} s: its rows fail meanwhile"
    if left > 0:
        return f"{host.name} gives no good answer: for {left:.0f} s its rows fail at once"
    rest = host.next_start - now
    if rest < politeness.min_notice_rest_s or not host.refusals or host.reserved:
        return None
    waiting = f"{len(host.parked):,} rows wait for it" if host.parked else "its rows wait"
    return (
        f"{host.name} says it is asked too much (429 or 503) and rests for {rest:.0f} s: {waiting}"
    )


def describe_others(others: int, politeness: Politeness) -> str:
    """Return how many more hosts there were, as words."""
    if not others:
        return ""
    hosts = "1 other host" if others == 1 else f"{others:,} other hosts"
    more = " or more" if others >= politeness.max_notice_hosts else ""
    return f" (since the last such line also {hosts}{more} rested or failed)"
