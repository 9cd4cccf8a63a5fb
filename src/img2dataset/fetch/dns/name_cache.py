"""Names -> what is known of them without a question: cache, /etc/hosts, addresses, localhost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import islice
from pathlib import Path

from img2dataset.errors import Reason
from img2dataset.fetch.politeness import POLITE, Politeness

HOSTS_FILE = Path("/etc/hosts")


@dataclass(frozen=True, slots=True)
class Answer:
    """The addresses of a name, or why there are none."""

    addresses: tuple[str, ...]
    """IP literals, IPv6 first as RFC 6724 prefers; none if there is a reason."""
    reason: Reason | None = None
    """NO_SUCH_HOST or HOST_NOT_RESOLVED."""


NO_SUCH_HOST = Answer((), Reason.NO_SUCH_HOST)
NOT_RESOLVED = Answer((), Reason.HOST_NOT_RESOLVED)
LOCALHOST = Answer(("127.0.0.1", "::1"))


class Cache:
    """Name -> answer, for as long as it may be used; the oldest are forgotten first."""

    def __init__(self, politeness: Politeness = POLITE) -> None:
        self._politeness = politeness
        self._kept: dict[str, tuple[float, Answer]] = {}

    def get(self, name: str, now: float) -> Answer | None:
        kept = self._kept.get(name)
        return kept[1] if kept is not None and now < kept[0] else None

    def put(self, name: str, answer: Answer, ttl: float, now: float) -> None:
        seconds = self._memory_s(answer, ttl)
        self._kept.pop(name, None)  # so that it is the youngest
        self._kept[name] = (now + seconds, answer)
        most = self._politeness.max_names
        if len(self._kept) > most:
            for old in list(islice(self._kept, most // 10 + 1)):
                del self._kept[old]

    def forget(self, name: str) -> None:
        self._kept.pop(name, None)

    def forgive(self) -> None:
        """Forget the failures."""
        failed = [name for name, (_, answer) in self._kept.items() if answer == NOT_RESOLVED]
        for name in failed:
            del self._kept[name]

    def _memory_s(self, answer: Answer, ttl: float) -> float:
        match answer.reason:
            case None:
                longest = self._politeness.max_name_memory_s
                return min(max(ttl, self._politeness.min_name_memory_s), longest)
            case Reason.NO_SUCH_HOST:
                return self._politeness.no_such_host_memory_s
            case _:
                return self._politeness.not_resolved_memory_s


def resolve_locally(name: str) -> Answer | None:
    """Resolve addresses, names of this machine (RFC 6761), and what no name server may be asked."""
    literal = name.removeprefix("[").removesuffix("]")
    if (":" in literal or literal[-1:].isdigit()) and is_address(literal):
        return Answer((literal,))
    last = name.rstrip(".").lower().rpartition(".")[2]
    if last == "localhost":
        return LOCALHOST
    if not last or ":" in name or not name.isascii() or not name.isprintable():
        return NO_SUCH_HOST
    return None


def read_hosts_file(path: Path) -> dict[str, Answer]:
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
    return {name: Answer(sort_addresses(addresses)) for name, addresses in found.items()}


def sort_addresses(addresses: Sequence[str]) -> tuple[str, ...]:
    """Return addresses with IPv6 first, each once."""
    return tuple(sorted(dict.fromkeys(addresses), key=is_ipv4))


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_ipv4(address: str) -> bool:
    return ":" not in address
