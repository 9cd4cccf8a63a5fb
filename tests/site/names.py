"""DNS questions -> answers, late or wrong on request: `with NameServer(...) as server: ...`.

A name server for tests and benchmarks, on 127.0.0.1 only, A and AAAA over UDP and TCP.  By hand,
for speed: 20,000 answers a second and more.  In a process of its own:

    python -m tests.site.names --port 0 --latency 0.05 --fail 0.02

prints its port on the first line and serves until its standard input ends or it is killed.
"""

from __future__ import annotations

import argparse
import select
import selectors
import socket
import struct
import sys
import threading
import time
import zlib
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import TracebackType
from typing import Self

A, CNAME, AAAA = 1, 5, 28
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, REFUSED, BADCOOKIE = 0, 1, 2, 3, 5, 23
OPT = 41
COOKIE = 10
SILENT = -1
"""Instead of a code: no answer at all."""
PLAIN_UDP = 512
"""Bytes of an answer to a question that does not say more (EDNS)."""
ALWAYS = 1 << 30
Sender = socket.socket | tuple[str, int]
FAMILIES = {A: socket.AF_INET, AAAA: socket.AF_INET6}
BURST = 256
"""Questions read before answers that are due go out."""


@dataclass(frozen=True, slots=True)
class Name:
    """What is said of a name.  The first `times` questions of `types` get `fail` instead."""

    addresses: tuple[str, ...] = ()
    """IPv4 and IPv6; none of the family that is asked for = no data."""
    ttl: int = 300
    code: int = NOERROR
    alias: str | None = None
    """The addresses are said of this name, to which the one asked for points (CNAME)."""
    fail: int | None = None
    """A code, or SILENT."""
    times: int = 1
    types: tuple[int, ...] = (A, AAAA)
    seconds: float | None = None
    """This name's latency, if not the server's."""


class Edns(Enum):
    """What becomes of questions with an OPT record."""

    TAKEN = "taken"
    DROPPED = "dropped"
    FORMERR = "FORMERR"
    BADCOOKIE = "BADCOOKIE"
    """Every cookie is a stale one, as behind a forwarder with several upstreams; who shows none
    is answered."""


NO_SUCH_NAME = Name(code=NXDOMAIN)


@dataclass(slots=True)
class Question:
    """One question, as it came."""

    number: bytes
    name: str
    kind: int
    wire: bytes
    """The question section, to be repeated in the answer."""
    room: int
    """The longest answer over UDP."""
    has_edns: bool = False
    cookie: bytes = b""
    """The client's part of it, if it shows one."""


class NameServer:
    """Answers from a table; other names get `other`.  `asked` counts (name, type) pairs."""

    def __init__(
        self,
        names: Mapping[str, Name] | None = None,
        *,
        other: Name = NO_SUCH_NAME,
        latency: float = 0.0,
        fail: float = 0.0,
        port: int = 0,
        edns: Edns = Edns.TAKEN,
    ) -> None:
        """`fail`: fraction of names whose first question fails, by turns SERVFAIL and silence."""
        self.asked: Counter[tuple[str, int]] = Counter()
        self.over_tcp = 0
        self.with_edns = 0
        """Questions that have an OPT record."""
        self._edns = edns
        self._names = dict(names or {})
        self._other = other
        self._latency = latency
        self._fail = fail
        self._udp, self._tcp = bound_pair(port)
        self._end, self._stop = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._partly: dict[socket.socket, bytes] = {}
        self._late: deque[tuple[float, bytes, Sender]] = deque()
        self._later: list[tuple[float, bytes, Sender]] = []
        self._thread = threading.Thread(target=self.serve, name="name server", daemon=True)

    @property
    def port(self) -> int:
        return int(self._udp.getsockname()[1])

    @property
    def address(self) -> str:
        """As `dns_servers` takes it."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.send(b"x")
        self._thread.join()
        self._stop.close()

    def say(self, name: str, what: Name) -> None:
        """From now on."""
        self._names[name] = what

    def say_of_all(self, names: Iterable[str], what: Name) -> None:
        """From now on, of all of them at once."""
        self._names.update(dict.fromkeys(names, what))

    def say_of_others(self, what: Name) -> None:
        """From now on, of all that have nothing said of them."""
        self._other = what

    def serve(self) -> None:
        """Until something is written to the other end of `_end`."""
        for each in (self._udp, self._tcp, self._end):
            self._selector.register(each, selectors.EVENT_READ)
        stopped = False
        while not stopped:
            for key, _ in self._selector.select(self._patience()):
                if key.fileobj is self._udp:
                    self._read_burst()
                elif key.fileobj is self._tcp:
                    connection, _ = self._tcp.accept()
                    self._partly[connection] = b""
                    self._selector.register(connection, selectors.EVENT_READ)
                elif key.fileobj is self._end:
                    stopped = True
                elif isinstance(key.fileobj, socket.socket):
                    self._read_stream(key.fileobj)
            self._send_due()
        self._selector.close()
        for each in (self._udp, self._tcp, self._end, *self._partly):
            each.close()

    def _patience(self) -> float | None:
        dues = [late[0] for late in (*tuple(self._late)[:1], *self._later)]
        return max(0.0, min(dues) - time.monotonic()) if dues else None

    def _read_burst(self) -> None:
        for _ in range(BURST):
            try:
                data, sender = self._udp.recvfrom(4096)
            except BlockingIOError:
                return
            self._take(data, sender)

    def _read_stream(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self._selector.unregister(connection)
            del self._partly[connection]
            connection.close()
            return
        data = self._partly[connection] + data
        while len(data) >= 2 and len(data) >= 2 + (length := int.from_bytes(data[:2], "big")):
            self.over_tcp += 1
            self._take(data[2 : 2 + length], connection)
            data = data[2 + length :]
        self._partly[connection] = data

    def _take(self, data: bytes, sender: Sender) -> None:
        question = parsed(data)
        if question.has_edns:
            self.with_edns += 1
            if self._edns is Edns.DROPPED:
                return
            if self._edns is Edns.FORMERR:
                self._send(refusal(question, FORMERR), sender)
                return
            if self._edns is Edns.BADCOOKIE and question.cookie:
                self._send(refusal(question, BADCOOKIE), sender)
                return
        times = self.asked[question.name, question.kind]
        self.asked[question.name, question.kind] = times + 1
        name = self._names.get(question.name) or self._failing(question.name)
        code = name.code
        if name.fail is not None and times < name.times and question.kind in name.types:
            if name.fail == SILENT:
                return
            code = name.fail
        reply = built(question, name, code, cut=not isinstance(sender, socket.socket))
        if name.seconds is not None:
            self._later.append((time.monotonic() + name.seconds, reply, sender))
        elif self._latency:
            self._late.append((time.monotonic() + self._latency, reply, sender))
        else:
            self._send(reply, sender)

    def _failing(self, name: str) -> Name:
        if not self._fail:
            return self._other
        draw = zlib.crc32(name.encode())
        if draw % 10_000 >= self._fail * 10_000:
            return self._other
        return replace(self._other, fail=SERVFAIL if draw // 10_000 % 2 else SILENT)

    def _send_due(self) -> None:
        now = time.monotonic()
        while self._late and self._late[0][0] <= now:
            self._send(*self._late.popleft()[1:])
        if self._later:
            for _, reply, sender in [late for late in self._later if late[0] <= now]:
                self._send(reply, sender)
            self._later = [late for late in self._later if late[0] > now]

    def _send(self, reply: bytes, sender: Sender) -> None:
        try:
            if isinstance(sender, socket.socket):
                sender.sendall(struct.pack("!H", len(reply)) + reply)
            else:
                self._udp.sendto(reply, sender)
        except OSError:  # who asked is gone, or the buffer is full: UDP may lose things
            pass


def bound_pair(port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on the same port of 127.0.0.1."""
    for _ in range(100):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        try:
            udp.bind(("127.0.0.1", port))
            tcp.bind(udp.getsockname())
        except OSError:
            udp.close()
            tcp.close()
            if port:
                raise
            continue
        udp.setblocking(False)
        tcp.listen(64)
        return udp, tcp
    raise OSError("no port is free for both UDP and TCP")


def parsed(data: bytes) -> Question:
    labels = []
    at = 12
    while length := data[at]:
        labels.append(data[at + 1 : at + 1 + length])
        at += 1 + length
    at += 5
    room = PLAIN_UDP
    cookie = b""
    has_edns = bool(data[11]) and data[at : at + 3] == b"\0\0" + bytes([OPT])
    if has_edns:  # how much the other side takes
        room = max(PLAIN_UDP, int.from_bytes(data[at + 3 : at + 5], "big"))
        cookie = cookie_in(data[at + 11 :])
    name = b".".join(labels).decode("ascii").lower()
    return Question(data[:2], name, data[at - 3], data[12:at], room, has_edns, cookie)


def cookie_in(options: bytes) -> bytes:
    """The client's eight bytes; nothing if there is no cookie."""
    while len(options) >= 4:
        code, length = struct.unpack("!HH", options[:4])
        if code == COOKIE:
            return options[4:12]
        options = options[4 + length :]
    return b""


def refusal(question: Question, code: int) -> bytes:
    """An answer of nothing but a code; one of more than four bits needs an OPT record."""
    extra = b""
    if code > 15:
        cookie = struct.pack("!HH", COOKIE, 16) + question.cookie + b"\x5a" * 8
        record = struct.pack("!HHBBHH", OPT, 1232, code >> 4, 0, 0, len(cookie))
        extra = b"\0" + record + cookie
    head = struct.pack("!HHHHH", 0x8180 | code & 15, 1, 0, 0, 1 if extra else 0)
    return question.number + head + question.wire + extra


def built(question: Question, name: Name, code: int, *, cut: bool) -> bytes:
    records = []
    family = FAMILIES.get(question.kind)
    if code == NOERROR and family is not None:
        owner = b"\xc0\x0c"
        if name.alias is not None:
            target = wire_name(name.alias)
            records.append(owner + struct.pack("!HHIH", CNAME, 1, name.ttl, len(target)) + target)
            owner = target
        for address in name.addresses:
            if (":" in address) == (family == socket.AF_INET6):
                raw = socket.inet_pton(family, address)
                records.append(
                    owner + struct.pack("!HHIH", question.kind, 1, name.ttl, len(raw)) + raw
                )
    body = question.wire + b"".join(records)
    flags = 0x8180 | code
    if cut and 12 + len(body) > question.room:
        records, body, flags = [], question.wire, flags | 0x0200
    return question.number + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + body


def wire_name(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 = any that is free")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("--fail", type=float, default=0.0, help="fraction that fails at first")
    parser.add_argument("--address", action="append", help="of every name; may be repeated")
    parser.add_argument("--ttl", type=int, default=300)
    arguments = parser.parse_args()
    other = Name(tuple(arguments.address or ["127.0.0.1"]), ttl=arguments.ttl)
    with NameServer(
        other=other, latency=arguments.latency, fail=arguments.fail, port=arguments.port
    ) as server:
        print(server.port, flush=True)
        select.select([sys.stdin], [], [])


if __name__ == "__main__":
    main()
