"""Requests to a store -> the store, or what happens to requests on bad days."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.site.loopback import LoopThread


@dataclass(frozen=True)
class Asked:
    """A request of which the head is here."""

    method: str
    target: str

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)


@dataclass(frozen=True)
class Pass:
    """Nothing happens."""

    delay: float = 0.0


@dataclass(frozen=True)
class Drop:
    """The connection ends: before the store hears of it, or when it has done what it was told."""

    done: bool = False


@dataclass(frozen=True)
class Refuse:
    """The store says no."""

    status: int
    code: str

    def answer(self) -> bytes:
        body = (
            f"<?xml version='1.0'?><Error><Code>{self.code}</Code>"
            f"<Message>{self.code}, says the proxy</Message></Error>"
        ).encode()
        head = f"HTTP/1.1 {self.status} No\r\nContent-Type: application/xml\r\n"
        return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


Fate = Pass | Drop | Refuse
Rule = Callable[[Asked], Fate]


def nothing(_: Asked) -> Fate:
    return Pass()


@dataclass
class Proxy:
    """Between a client and the store at `upstream`; `rule` says what becomes of each request."""

    upstream: int
    rule: Rule = nothing
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    _background: LoopThread = field(default_factory=LoopThread)

    def __enter__(self) -> Self:
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
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=1 << 20)
        ready.set_result(server.sockets[0].getsockname()[1])
        await stop.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._converse(reader, writer)
        writer.transport.abort() if writer.transport.is_closing() else writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request: the connection ends with it."""
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ", 2)
        asked = Asked(method, target)
        self.asked.append(asked)
        headers = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        fate = self.rule(asked)
        if isinstance(fate, Drop) and not fate.done:
            writer.transport.abort()
            return
        if headers.pop("expect", "") == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await body_of(headers, reader)
        if isinstance(fate, Refuse):
            writer.write(fate.answer())
            await writer.drain()
            return
        if isinstance(fate, Pass) and fate.delay:
            await asyncio.sleep(fate.delay)
        headers["connection"] = "close"
        ahead = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        answer = await self._forward(f"{first}\r\n{ahead}\r\n".encode("latin-1") + body)
        if isinstance(fate, Drop):
            writer.transport.abort()
            return
        writer.write(answer)
        await writer.drain()

    async def _forward(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        writer.write(request)
        await writer.drain()
        answer = await reader.read()
        writer.close()
        return answer


async def body_of(headers: dict[str, str], reader: asyncio.StreamReader) -> bytes:
    """The body as it is on the wire."""
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return b""
    parts = []
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        parts += [line, await reader.readexactly(size) if size else b""]
        if size == 0:
            while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
                parts.append(line)
            return b"".join([*parts, b"\r\n"])
        parts.append(await reader.readexactly(2))
