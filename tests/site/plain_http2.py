"""An HTTP/2 server that says whatever it is told to, frame by frame; over HTTP/1.1 it is a good one.

It does not even read what it is asked for: each stream gets the same answer.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO

from tests.site.loopback import listening
from tests.site.server import CERTIFICATE

DATA, HEADERS, RESET, SETTINGS, PUSH, GOAWAY = 0, 1, 3, 4, 5, 7
ENDS_STREAM, ENDS_HEADERS, ACK = 1, 4, 1
PREFACE_BYTES = 24

Answer = Callable[[int], bytes]
"""The number of a stream -> what is sent for it."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    head = struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream)
    return head + payload


def headers(*pairs: tuple[bytes, bytes], status: bytes = b"200") -> bytes:
    """A block of them, in the plainest form there is."""
    return b"".join(
        b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value
        for name, value in ((b":status", status), *pairs)
    )


def code(number: int) -> bytes:
    return struct.pack(">I", number)


@dataclass
class PlainHttp2:
    """What was asked of it."""

    port: int = 0
    http_1: list[str] = field(default_factory=list)
    """Request lines that came over HTTP/1.1."""
    streams: int = 0

    def url(self, path: str) -> str:
        return f"https://127.0.0.1:{self.port}{path}"


@contextmanager
def plain_http2(answer: Answer, good: bytes) -> Iterator[PlainHttp2]:
    """`good` = the answer to every request by HTTP/1.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, CERTIFICATE.with_name("key.pem"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    server = PlainHttp2()

    def handle(raw: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(raw, server_side=True) as connection:
            file = connection.makefile("rb")
            if connection.selected_alpn_protocol() == "h2":
                speak_http_2(connection, file, server, answer)
            else:
                speak_http_1(connection, file, server, good)

    with listening(handle) as server.port:
        yield server


def speak_http_1(
    connection: ssl.SSLSocket, file: IO[bytes], server: PlainHttp2, good: bytes
) -> None:
    while line := file.readline():
        server.http_1.append(line.decode().strip())
        while file.readline().strip():
            pass
        connection.sendall(good)


def speak_http_2(
    connection: ssl.SSLSocket, file: IO[bytes], server: PlainHttp2, answer: Answer
) -> None:
    file.read(PREFACE_BYTES)
    connection.sendall(frame(SETTINGS, 0, 0))
    while len(head := file.read(9)) == 9:
        file.read(int.from_bytes(head[:3], "big"))
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFF_FFFF
        if kind == SETTINGS and not flags & ACK:
            connection.sendall(frame(SETTINGS, ACK, 0))
        if kind == HEADERS:
            server.streams += 1
            connection.sendall(answer(stream))
