"""Connections -> requests -> pages: a small HTTP/1.1 server in a thread of its own."""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.site.loopback import LoopThread
from tests.site.pages import Exchange, answer

HERE = Path(__file__).parent
CERTIFICATE = HERE / "certificate.pem"
"""Signed by itself: trusted only by whom is told so.  For localhost and 127.0.0.1."""


@dataclass(slots=True)
class Request:
    """One request, as it came, and how much body it was sent."""

    method: str
    target: str
    """Path and query exactly as on the wire."""
    headers: dict[str, str]
    """Names in lower case."""
    time: float
    """time.monotonic() when it came."""
    connection: int
    """Number of the connection it came over."""
    local: str = ""
    """Which of the site's addresses it came to."""
    body_bytes: int = 0
    """Bytes of body handed to the connection so far, framing not counted."""
    served: str = ""
    """The path and query that are answered, if they are not those of `target`."""

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def host(self) -> str:
        """The name that was asked for, without a port."""
        return re.sub(r":\d+$", "", self.headers.get("host", "")).lower()


@final
@dataclass(slots=True)
class Site:
    """The server; `tls` = https with a certificate nobody knows.

    It listens on all of `addresses`, which are of this machine, at the same `port` (0 = any).
    """

    tls: bool = False
    addresses: Sequence[str] = ("127.0.0.1",)
    requests: list[Request] = field(default_factory=list)
    """In the order they came."""
    connections: int = 0
    """Accepted so far."""
    counts: dict[str, int] = field(default_factory=dict)
    """Times each ?token= was asked for."""
    at_once: Counter[str] = field(default_factory=Counter)
    """Most requests for each ?token= of /crowd that there were at the same time."""
    robots_txt: dict[str, str] = field(default_factory=dict)
    """Host -> path and query that are answered instead of /robots.txt; else it is not there."""
    tdmrep: dict[str, str] = field(default_factory=dict)
    """The same for /.well-known/tdmrep.json."""
    broken: bool = False
    """While it is, every connection is reset as soon as something is asked over it."""
    pages: dict[str, str] = field(default_factory=dict)
    """Name -> text of /kept/<name>."""
    pictures: dict[str, bytes] = field(default_factory=dict)
    """Name -> bytes of /picture/<name>."""
    port: int = 0
    crowds: Counter[str] = field(default_factory=Counter)
    """What there is at the moment of what `at_once` counts."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _background: LoopThread = field(default_factory=LoopThread)
    _gates: dict[str, asyncio.Event] = field(default_factory=dict)
    _came: threading.Condition = field(default_factory=threading.Condition)

    def url(self, path: str, *, host: str = "127.0.0.1", **query: object) -> str:
        """The address of `path` here; `query` is added, a list = the name several times."""
        pairs = [
            f"{name}={quote(str(value), safe='')}"
            for name, values in query.items()
            for value in (values if isinstance(values, list) else [values])
        ]
        joint = "&" if "?" in path else "?"
        tail = joint + "&".join(pairs) if pairs else ""
        if ":" in host:
            host = f"[{host}]"
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}{tail}"

    def asked(self, path: str) -> list[Request]:
        """The requests for `path`, whatever their query."""
        return [request for request in list(self.requests) if request.path == path]

    def until(self, condition: Callable[[], bool], patience: float = 15.0) -> None:
        """Wait for a condition that a request may fulfil."""
        with self._came:
            assert self._came.wait_for(condition, patience), "nobody asked"

    def gate(self, token: str) -> asyncio.Event:
        """What /gated?token= waits for; for pages."""
        return self._gates.setdefault(token, asyncio.Event())

    def open_gate(self, token: str) -> None:
        """Let /gated?token= go on, now and from now on."""
        self._background.call(lambda: self.gate(token).set())

    def __enter__(self) -> Site:
        self.port = self._background.start(self._serve)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._background.stop()

    async def _serve(self, ready: Future[int], stop: asyncio.Event) -> None:
        servers = await self._listen()
        ready.set_result(servers[0].sockets[0].getsockname()[1])
        await stop.wait()
        await _close(servers)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self) -> list[asyncio.Server]:
        servers: list[asyncio.Server] = []
        port = self.port
        for address in self.addresses:
            server = await asyncio.start_server(
                self._accept, address, port, ssl=_tls_context() if self.tls else None,
                backlog=4096, limit=1 << 20,
            )  # fmt: skip
            port = server.sockets[0].getsockname()[1]
            servers.append(server)
        return servers

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._converse(reader, writer, self.connections)
        finally:
            self._tasks.discard(task)
            writer.transport.abort() if self._background.is_stopping else writer.close()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> None:
        local = writer.get_extra_info("sockname")[0]
        keep = True
        while keep:
            head = await reader.readuntil(b"\r\n\r\n")
            request = _parsed(head, connection)
            request.local = local
            if request.path == "/robots.txt":
                request.served = self.robots_txt.get(request.host, "")
            if request.path == "/.well-known/tdmrep.json":
                request.served = self.tdmrep.get(request.host, "")
            with self._came:
                self.requests.append(request)
                self._came.notify_all()
            exchange = Exchange(self, request, reader, writer)
            keep = await (exchange.reset() if self.broken else answer(exchange))
            await writer.drain()

    def count(self, token: str) -> int:
        """How often `token` was seen, this time included."""
        self.counts[token] = self.counts.get(token, 0) + 1
        return self.counts[token]


async def _close(servers: list[asyncio.Server]) -> None:
    """Accept no more.  What has just been accepted needs some turns to become a task, and its
    server until then."""
    for server in servers:
        for listening in server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
    for _ in range(10):
        await asyncio.sleep(0)
    for server in servers:
        server.close()


def _parsed(head: bytes, connection: int) -> Request:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    return Request(method, target, headers, time.monotonic(), connection)


def _tls_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, HERE / "key.pem")
    context.set_alpn_protocols(["http/1.1"])
    return context
