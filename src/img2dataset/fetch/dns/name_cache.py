"""Names -> what is known of them without asking: the cache, /etc/hosts, addresses, localhost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import islice
from pathlib import Path

from img2dataset.errors import Reason

SHORTEST_MEMORY = 60.0
"""Seconds an answer is kept, whatever it says: the rows of a host come scattered over a list, and
a TTL of 5 seconds, usual with CDNs, would have its name asked again for nearly every one."""
LONGEST_MEMORY = 3600.0
NEGATIVE_MEMORY = 300.0
"""Seconds it is remembered that there is no such host."""
FAILURE_MEMORY = 1.0
"""Seconds it is remembered that a name was not resolved: its other rows need not all wait, and a
retry, which comes later, asks anew."""
MOST_NAMES = 100_000
"""Names remembered; then the oldest are forgotten."""

HOSTS_FILE = Path("/etc/hosts")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a name."""

    addresses: tuple[str, ...]
    """IP literals, IPv6 first as RFC 6724 prefers; none if there is a reason."""
    reason: Reason | None = None
    """NO_SUCH_HOST or HOST_NOT_RESOLVED."""


NO_SUCH_HOST = Answer((), Reason.NO_SUCH_HOST)
NOT_RESOLVED = Answer((), Reason.HOST_NOT_RESOLVED)
LOCALHOST = Answer(("127.0.0.1", "::1"))
MEMORY_OF = {
    Reason.NO_SUCH_HOST: NEGATIVE_MEMORY,
    Reason.HOST_NOT_RESOLVED: FAILURE_MEMORY,
}


class Cache:
    """Name -> answer, for as long as it may be used; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Answer]] = {}

    def get(self, name: str, now: float) -> Answer | None:
        kept = self._kept.get(name)
        return kept[1] if kept is not None and now < kept[0] else None

    def put(self, name: str, answer: Answer, ttl: float, now: float) -> None:
        if answer.reason is None:
            seconds = min(max(ttl, SHORTEST_MEMORY), LONGEST_MEMORY)
        else:
            seconds = MEMORY_OF[answer.reason]
        self._kept.pop(name, None)  # so that it is the youngest
        self._kept[name] = (now + seconds, answer)
        if len(self._kept) > MOST_NAMES:
            for old in list(islice(self._kept, MOST_NAMES // 10 + 1)):
                del self._kept[old]


def known_without_asking(name: str) -> Answer | None:
    """Addresses, this machine (RFC 6761), and what no name server may be asked."""
    literal = name.removeprefix("[").removesuffix("]")
    if (":" in literal or literal[-1:].isdigit()) and is_address(literal):
        return Answer((literal,))
    last = name.rstrip(".").lower().rpartition(".")[2]
    if last == "localhost":
        return LOCALHOST
    if not last or ":" in name or not name.isascii() or not name.isprintable():
        return NO_SUCH_HOST
    return None


def hosts_in(path: Path) -> dict[str, Answer]:
    """Name -> its answer.  c-ares reads the file too, but one family at a time: a name listed with
    an IPv4 address alone would get IPv6 addresses from a name server."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if is_address(address):
            for name in names:
                found.setdefault(name.lower().removesuffix("."), []).append(address)
    return {name: Answer(in_order(addresses)) for name, addresses in found.items()}


def in_order(addresses: Sequence[str]) -> tuple[str, ...]:
    """IPv6 first, each once."""
    return tuple(sorted(dict.fromkeys(addresses), key=is_ipv4))


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_ipv4(address: str) -> bool:
    return ":" not in address
