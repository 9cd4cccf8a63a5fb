"""GET /N.jpg -> a photo, after a while: a web site whose hosts are slow, big or refuse.

python -m benchmarks.web --photos FOLDER --port 8080 --latency 0.2 --spread 0.8 --log FILE
python -m benchmarks.web --photos FOLDER --limited busy.test --limit 5 --retry-after 2

Each host has a latency of its own, log-normal around the median, derived from its name.  A limited
host answers 429 when more than `limit` of its requests are being answered.  With --size photos
are padded to this many bytes; with --hold nine tenths of a body come at once, the rest later.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import re
import signal
import time
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import NormalDist

from benchmarks.servers import announce

PIECE = 1 << 18
"""Bytes handed to the kernel at a time: nothing is copied but what it does not take."""
HOST = re.compile(rb"\r\nhost: *([^\r:]*)", re.IGNORECASE)
PHOTO = re.compile(rb"GET /(\d+)\.jpg")


@dataclass(frozen=True, slots=True)
class Manners:
    """How the hosts behave."""

    latency: float = 0.0
    """Median over the hosts, seconds."""
    spread: float = 0.0
    """Sigma of the logarithm; 0 = all alike."""
    limited: str = ""
    """The host that refuses."""
    limit: int = 0
    """Requests that it answers at once; 0 = any number."""
    retry_after: int = 2
    hold: float = 0.0
    """Seconds before the last tenth of a body."""


@dataclass(slots=True)
class WebLog:
    """What the server saw; times are seconds since its first request."""

    limited: list[tuple[float, int]] = field(default_factory=list)
    """Answers of the limited host: when, and the status."""
    others: list[tuple[float, int]] = field(default_factory=list)
    most_at_once: int = 0
    """Requests that were being answered."""
    given_up: int = 0
    """Requests whose client went away before it had the answer."""


def latency_of(host: str, median: float, spread: float) -> float:
    """Return the latency in seconds, the same for the same host."""
    if spread == 0:
        return median
    share = (zlib.crc32(host.encode()) + 1) / (2**32 + 1)
    return median * math.exp(spread * NormalDist().inv_cdf(share))


@dataclass(slots=True)
class Web:
    """The state that all connections share."""

    manners: Manners
    photos: list[bytes]
    log: WebLog = field(default_factory=WebLog)
    at_once: int = 0
    at_limited: int = 0
    first: float = 0.0

    def note(self, status: int, *, limited: bool) -> None:
        answers = self.log.limited if limited else self.log.others
        answers.append((round(time.monotonic() - self.first, 4), status))


class Connection(asyncio.Protocol):
    """A client connection, with one request at a time."""

    def __init__(self, web: Web, latency: dict[bytes, float]) -> None:
        self.web = web
        self.latency = latency
        self.heard = b""
        self.rest: list[memoryview] = []
        self.hold_at = 0
        """Pieces still to send when the pause comes."""
        self.busy = False
        self.limited = False
        self.later: asyncio.TimerHandle | None = None
        self.room = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data
        if self.busy or b"\r\n\r\n" not in self.heard:
            return
        head, _, self.heard = self.heard.partition(b"\r\n\r\n")
        self._asked(head)

    def _asked(self, head: bytes) -> None:
        web, manners = self.web, self.web.manners
        web.first = web.first or time.monotonic()
        found = HOST.search(head)
        host = found[1].lower() if found else b""
        self.limited = host == manners.limited.encode()
        if self.limited and manners.limit and web.at_limited >= manners.limit:
            web.note(429, limited=True)
            seconds = b"%d" % manners.retry_after
            self.transport.write(
                b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: "
                + seconds
                + b"\r\nContent-Length: 0\r\n\r\n"
            )
            return
        self.busy = True
        web.at_once += 1
        web.at_limited += self.limited
        web.log.most_at_once = max(web.log.most_at_once, web.at_once)
        seconds_to_wait = self._latency(host)
        if seconds_to_wait > 0:
            loop = asyncio.get_running_loop()
            self.later = loop.call_later(seconds_to_wait, self._answer, head)
        else:
            self._answer(head)

    def _latency(self, host: bytes) -> float:
        manners = self.web.manners
        if self.limited or manners.spread == 0:
            return manners.latency
        if host not in self.latency:
            name = host.decode("ascii", "replace")
            self.latency[host] = latency_of(name, manners.latency, manners.spread)
        return self.latency[host]

    def _answer(self, head: bytes) -> None:
        wanted = PHOTO.match(head)
        photo = self.web.photos[int(wanted[1]) % len(self.web.photos)] if wanted else b""
        line = b"200 OK" if wanted else b"404 Not Found"
        start = b"HTTP/1.1 %b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % (
            line,
            len(photo),
        )
        if len(photo) <= PIECE and not self.web.manners.hold:
            self.transport.write(start + photo)
            self._answered()
            return
        view = memoryview(photo)
        pieces = [view[at : at + PIECE] for at in range(0, len(photo), PIECE)]
        self.rest = [*reversed(pieces), memoryview(start)]
        self.hold_at = max(1, len(pieces) // 10) if self.web.manners.hold else 0
        self._go_on()

    def _go_on(self) -> None:
        self.later = None
        while self.rest and self.room:
            if len(self.rest) == self.hold_at:
                self.hold_at = 0
                loop = asyncio.get_running_loop()
                self.later = loop.call_later(self.web.manners.hold, self._go_on)
                return
            self.transport.write(self.rest.pop())
        if self.busy and not self.rest:
            self._answered()

    def pause_writing(self) -> None:
        self.room = False

    def resume_writing(self) -> None:
        self.room = True
        if self.rest and self.later is None:
            self._go_on()

    def _answered(self) -> None:
        self.web.note(200, limited=self.limited)
        self._free()

    def _free(self) -> None:
        self.busy = False
        self.web.at_once -= 1
        self.web.at_limited -= self.limited

    def connection_lost(self, error: Exception | None) -> None:
        del error
        if self.later is not None:
            self.later.cancel()
        if self.busy:
            self.web.log.given_up += 1
            self._free()


def padded(photo: bytes, size: int) -> bytes:
    """Pad a photo with zeros: decoders stop at the end of the picture."""
    return photo + bytes(max(0, size - len(photo)))


async def serve(web: Web, address: str, port: int) -> None:
    """Until SIGTERM."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    latency: dict[bytes, float] = {}
    await loop.create_server(
        lambda: Connection(web, latency), address, port, backlog=4096, reuse_address=True
    )
    announce()
    await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--photos", type=Path, required=True, help="folder of JPEGs")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds, median of the hosts")
    parser.add_argument("--spread", type=float, default=0.0, help="sigma of its logarithm")
    parser.add_argument("--limited", default="", help="the host that refuses")
    parser.add_argument("--limit", type=int, default=0, help="requests that it answers at once")
    parser.add_argument("--retry-after", type=int, default=2, help="seconds, in its refusal")
    parser.add_argument("--size", type=int, default=0, help="pad the photos to so many bytes")
    parser.add_argument(
        "--hold", type=float, default=0.0, help="seconds before the last tenth of a body"
    )
    parser.add_argument("--log", type=Path, help="JSON, written at the end (SIGTERM)")
    given = parser.parse_args()
    photos = [padded(path.read_bytes(), given.size) for path in sorted(given.photos.glob("*.jp*g"))]
    if not photos:
        parser.error(f"no .jpg in {given.photos}")
    manners = Manners(
        latency=given.latency,
        spread=given.spread,
        limited=given.limited,
        limit=given.limit,
        retry_after=given.retry_after,
        hold=given.hold,
    )
    web = Web(manners, photos)
    asyncio.run(serve(web, given.address, given.port))
    if given.log is not None:
        given.log.write_text(json.dumps(asdict(web.log)))


if __name__ == "__main__":
    main()
