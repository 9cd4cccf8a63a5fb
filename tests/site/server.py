"""Connections -> requests -> pages: a small HTTP/1.1 server in a thread of its own."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import final
from urllib.parse import parse_qs, quote, unquote, urlsplit

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
    body_bytes: int = 0
    """Bytes of body handed to the connection so far, framing not counted."""

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)


@final
@dataclass(slots=True)
class Site:
    """The server; `tls` = https with a certificate nobody knows."""

    tls: bool = False
    requests: list[Request] = field(default_factory=list)
    """In the order they came."""
    connections: int = 0
    """Accepted so far."""
    counts: dict[str, int] = field(default_factory=dict)
    """Times each ?token= was asked for."""
    port: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _stop: asyncio.Event | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None

    def url(self, path: str, *, host: str = "127.0.0.1", **query: object) -> str:
        """The address of `path` here; `query` is added, a list = the name several times."""
        pairs = [
            f"{name}={quote(str(value), safe='')}"
            for name, values in query.items()
            for value in (values if isinstance(values, list) else [values])
        ]
        joint = "&" if "?" in path else "?"
        tail = joint + "&".join(pairs) if pairs else ""
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}{tail}"

    def asked(self, path: str) -> list[Request]:
        """The requests for `path`, whatever their query."""
        return [request for request in self.requests if request.path == path]

    def __enter__(self) -> Site:
        ready: Future[int] = Future()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(ready),), daemon=True)
        self._thread.start()
        self.port = ready.result(timeout=10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._loop and self._stop and self._thread:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout=10)

    async def _serve(self, ready: Future[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        try:
            server = await asyncio.start_server(
                self._accept, "127.0.0.1", 0, ssl=_tls_context() if self.tls else None,
                backlog=4096, limit=1 << 20,
            )  # fmt: skip
        except OSError as error:
            ready.set_exception(error)
            return
        ready.set_result(server.sockets[0].getsockname()[1])
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

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
            writer.transport.abort() if self._stop and self._stop.is_set() else writer.close()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> None:
        keep = True
        while keep:
            head = await reader.readuntil(b"\r\n\r\n")
            request = _parsed(head, connection)
            self.requests.append(request)
            keep = await answer(Exchange(self, request, reader, writer))
            await writer.drain()

    def count(self, token: str) -> int:
        """How often `token` was seen, this time included."""
        self.counts[token] = self.counts.get(token, 0) + 1
        return self.counts[token]


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
