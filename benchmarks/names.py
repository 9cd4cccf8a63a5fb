"""Names under .test -> addresses of this machine: a DNS server that can be slow and can fail.

python -m benchmarks.names --port 5353 --latency 0.05 --failing 0.02 --silent 0.5 --log FILE

Every name has an A record in 127.0.0.0/8, chosen by a hash of it; names that end in .hole.test
lead to 10.9.0.0/16, where the benchmark's network namespace lets packets vanish.  The first
question about a failing name gets SERVFAIL, or nothing if it is silent too; the second its answer.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import time
import zlib
from collections import deque
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path

from benchmarks.servers import announce, exit_on_sigterm

ADDRESS = 1
"""The type of question that asks for one."""
SUCCESS, SERVER_FAILURE, NO_SUCH_NAME = 0, 2, 3
SECONDS_TO_LIVE = 300
HOLE = ".hole.test"
AT_ONCE = 64
"""Questions taken before the next look at what is due."""


class Fate(Enum):
    """The outcome of the first question about a name."""

    ANSWERED = "answered"
    REFUSED = "refused"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Zone:
    """How the names behave."""

    latency: float = 0.0
    """Seconds to every answer."""
    failing: float = 0.0
    """Share of the names whose first question fails."""
    silent: float = 0.0
    """Share of those that fail by silence."""

    def fate(self, name: str) -> Fate:
        if fraction(f"fails {name}") >= self.failing:
            return Fate.ANSWERED
        return Fate.SILENT if fraction(f"silent {name}") < self.silent else Fate.REFUSED


@dataclass(slots=True)
class NamesLog:
    """What the server saw."""

    questions: int = 0
    names: int = 0
    """Different names whose address was asked for."""
    failed: int = 0
    """Questions that got SERVFAIL or nothing."""
    first: float = 0.0
    last: float = 0.0
    """Seconds, monotonic: the first question, the last answer with an address."""


def address_of(name: str) -> bytes:
    """Return four bytes, the same for the same name."""
    number = zlib.crc32(name.encode())
    if name.endswith(HOLE):
        return bytes((10, 9, number >> 8 & 255, 1 + number % 254))
    return bytes((127, 1 + (number >> 16) % 250, number >> 8 & 255, 1 + number % 254))


def fraction(text: str) -> float:
    """Return a number in 0..1 that depends only on the text."""
    return zlib.crc32(text.encode()) / 2**32


def question_in(packet: bytes) -> tuple[str, int, bytes]:
    """Return the name in lower case, the type, and the question as it was sent."""
    labels, at = [], 12
    while length := packet[at]:
        labels.append(packet[at + 1 : at + 1 + length])
        at += 1 + length
    kind = int.from_bytes(packet[at + 1 : at + 3], "big")
    name = b".".join(labels).decode("ascii", "replace").lower()
    return name, kind, packet[12 : at + 5]


def answer_to(packet: bytes, question: bytes, code: int, address: bytes | None) -> bytes:
    """Return the reply; with `address` = None it has no record."""
    flags = (0x8180 | code).to_bytes(2, "big")
    counts = b"\0\1" + (b"\0\1" if address else b"\0\0") + b"\0\0\0\0"
    record = b""
    if address is not None:
        ttl = SECONDS_TO_LIVE.to_bytes(4, "big")
        record = b"\xc0\x0c\0\1\0\1" + ttl + b"\0\4" + address
    return packet[:2] + flags + counts + question + record


@dataclass(slots=True)
class Names:
    """Decides the replies and remembers the questions."""

    zone: Zone
    log: NamesLog = field(default_factory=NamesLog)
    asked: set[str] = field(default_factory=set)

    def reply(self, packet: bytes) -> bytes | None:
        """Return the reply; None = silence."""
        try:
            name, kind, question = question_in(packet)
        except IndexError:
            return None
        self.log.questions += 1
        if not name.endswith(".test"):
            return answer_to(packet, question, NO_SUCH_NAME, None)
        if kind != ADDRESS:
            return answer_to(packet, question, SUCCESS, None)
        fate = Fate.ANSWERED if name in self.asked else self.zone.fate(name)
        self.asked.add(name)
        if fate is Fate.ANSWERED:
            return answer_to(packet, question, SUCCESS, address_of(name))
        self.log.failed += 1
        if fate is Fate.REFUSED:
            return answer_to(packet, question, SERVER_FAILURE, None)
        return None


def serve(server: socket.socket, names: Names) -> None:
    """Serve until SIGTERM.  All replies wait equally long, so the first question is due first."""
    waiting: deque[tuple[float, bytes, tuple[str, int]]] = deque()
    log, latency = names.log, names.zone.latency
    while True:
        patience = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([server], [], [], patience)
        now = time.monotonic()
        for _ in range(AT_ONCE if ready else 0):
            try:
                packet, client = server.recvfrom(4096)
            except BlockingIOError:
                break
            log.first = log.first or now
            reply = names.reply(packet)
            if reply is not None:
                waiting.append((now + latency, reply, client))
        while waiting and waiting[0][0] <= now:
            _, reply, client = waiting.popleft()
            server.sendto(reply, client)
            log.last = now


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=53)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds to every answer")
    parser.add_argument("--failing", type=float, default=0.0, help="share whose 1st question fails")
    parser.add_argument("--silent", type=float, default=0.0, help="share of those: no answer")
    parser.add_argument("--log", type=Path, help="JSON, written at the end (SIGTERM)")
    given = parser.parse_args()
    names = Names(Zone(given.latency, given.failing, given.silent))
    exit_on_sigterm()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        server.bind((given.address, given.port))
        server.setblocking(False)
        announce()
        try:
            serve(server, names)
        finally:
            names.log.names = len(names.asked)
            if given.log is not None:
                given.log.write_text(json.dumps(asdict(names.log)))


if __name__ == "__main__":
    main()
