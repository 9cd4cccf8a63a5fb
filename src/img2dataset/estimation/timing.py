"""When the rows of a sample were done -> how long all rows of the list take; pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FIRST_AT_ONCE = 16
"""Requests at once that a host gets at first; it may get more, if it answers as quickly then."""

MIN_ROUNDS = 2
"""Times `at_once` requests, from which the speed of a host is seen."""
MIN_REQUEST_S = 0.001


@dataclass(frozen=True, slots=True)
class Manners:
    """What a host is asked for."""

    at_once: int
    """Requests."""
    min_delay_s: float
    """Between two of them."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request of the sample; times are in seconds from the start of the sample."""

    seconds: float
    """How long it took."""
    end: float


@dataclass(frozen=True, slots=True)
class HostTime:
    """How long a host takes for its rows, whatever the machine can do."""

    host: str
    rows: int
    """In the list."""
    rows_per_second: float
    seconds: float
    """For all of its rows."""
    measured: bool
    """Whether the sample has requests to it; else it is taken to be as quick as the others."""


def find_steady_rate(done: Sequence[float], in_flight: int) -> float:
    """Find the rows per second of a long run, of which a sample has only the beginning and the end.

    A sample ends with a few slow rows while most slots are empty; in a long run those slots are in
    use.  By Little's law, rows per second = rows in flight / mean time of a row; the sum of the
    times of all rows is how long each slot was in use.

    Args:
        done: seconds from the start until each row was done.
        in_flight: rows that may be under way at once.
    """
    ends = sorted(done)
    slots = min(in_flight, len(ends))
    used = before = 0.0
    for number, end in enumerate(ends):
        used += min(slots, len(ends) - number) * (end - before)
        before = end
    return slots * len(ends) / used if used > 0 else 0.0


def find_slowest_host(
    hosts: Mapping[str, int], requests: Mapping[str, Sequence[Request]], manners: Manners
) -> HostTime | None:
    """Find the host whose rows take longest.

    Args:
        hosts: rows of the list by host.
        requests: those of the sample, by host.
        manners: what a host is asked for.
    """
    every = [request.seconds for found in requests.values() for request in found]
    if not every:
        return None
    usual = sum(every) / len(every)
    found = (
        time_host((host, rows), requests.get(host, ()), usual, manners)
        for host, rows in hosts.items()
        if host
    )
    return max(found, key=lambda each: (each.seconds, each.host), default=None)


def time_host(
    host: tuple[str, int], requests: Sequence[Request], usual_s: float, manners: Manners
) -> HostTime:
    """Compute how long the rows of a host take; `usual_s` = seconds of a request, if none was seen.

    Its speed is that of `manners.at_once` requests at once, or what the sample has seen of it if
    that is more: a host that answers well is asked for more.
    """
    name, rows = host
    mean = sum(each.seconds for each in requests) / len(requests) if requests else usual_s
    rate = max(manners.at_once / max(mean, MIN_REQUEST_S), find_seen_rate(requests, manners))
    if manners.min_delay_s:
        rate = min(rate, 1 / manners.min_delay_s)
    return HostTime(name, rows, rate, rows / rate, measured=bool(requests))


def find_seen_rate(requests: Sequence[Request], manners: Manners) -> float:
    """Return the rows per second that a host gave in the sample; 0 if there were few of them."""
    if len(requests) < MIN_ROUNDS * manners.at_once:
        return 0.0
    began = min(each.end - each.seconds for each in requests)
    return len(requests) / max(max(each.end for each in requests) - began, MIN_REQUEST_S)
