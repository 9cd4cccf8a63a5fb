"""The samples of one engine -> other processes of this machine, each sample to one of them.

A client connects on loopback, says the token, and sends a byte whenever it wants samples.  It gets
a message: a length, and a pickle of `Samples`, `NoMore` or `BrokenOff`.  The last two come to all
clients as soon as they are known, whether they asked or not.
"""

from __future__ import annotations

import pickle
import secrets
import selectors
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from img2dataset.process.forks import OwnFiles
from img2dataset.streaming.buffer import Ended, Taken, measure

HOST = "127.0.0.1"
TOKEN_BYTES = 32
ACCEPTED = b"+"
REQUEST = b"?"
LENGTH = struct.Struct("!Q")
MAX_SAMPLES = 32
MESSAGE_BYTES = 1_000_000
"""Samples in a message end with the one that reaches either: clients should get equally many."""
SEND_TIMEOUT_S = 10.0
"""Time for a client to read what it asked for."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine serves its samples."""

    port: int
    token: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Samples:
    """The next samples."""

    samples: list[Taken]


@dataclass(frozen=True, slots=True)
class NoMore:
    """The list is at its end."""


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """The stream has failed."""

    error: BaseException


class SampleServer:
    """Serves samples, in a thread of its own, until it is closed."""

    def __init__(self, take: Callable[..., Taken | None]) -> None:
        """`take` is `Buffer.take`."""
        self._take = take
        self._listener = socket.create_server((HOST, 0))
        self._bell, self._ringer = socket.socketpair()
        self._ringer.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._own = OwnFiles()
        self._own.add(self._listener, self._bell, self._ringer)
        self._clients: set[socket.socket] = set()
        self._asking: list[socket.socket] = []
        self._end: NoMore | BrokenOff | None = None
        self._closing = self._ended = False
        token = secrets.token_bytes(TOKEN_BYTES)
        self.address = Address(self._listener.getsockname()[1], token)
        self._thread = threading.Thread(target=self._run, name="img2dataset-serve", daemon=True)
        self._thread.start()

    def ring(self) -> None:
        """There may be samples.  Thread-safe; never waits."""
        with suppress(OSError):  # it has rung already, or is closed
            self._ringer.send(b"!")

    def close(self, timeout: float | None, *, ended: bool) -> None:
        """Close all connections; wait so many seconds until that is done, None = not at all.

        If the list has `ended`, the clients are told: another one may have had the last sample.
        """
        self._ended = self._ended or ended
        self._closing = True
        self.ring()
        if timeout is not None and threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._bell, selectors.EVENT_READ)
        try:
            while not self._closing:
                for key, _ in self._selector.select():
                    self._handle(key.fileobj)
                self._answer()
            if self._ended and self._end is None:
                self._finish(NoMore(), [])
        finally:
            for client in list(self._clients):
                self._drop(client)
            self._own.remove(self._listener, self._bell, self._ringer)
            self._selector.close()
            for each in (self._listener, self._bell, self._ringer):
                each.close()

    def _handle(self, ready: Any) -> None:
        if ready is self._bell:
            self._bell.recv(4096)
        elif ready is self._listener:
            self._accept()
        else:
            self._hear(ready)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        client.settimeout(SEND_TIMEOUT_S)
        self._own.add(client)
        self._clients.add(client)
        try:
            said = client.recv(TOKEN_BYTES, socket.MSG_WAITALL)
            if not secrets.compare_digest(said, self.address.token):
                self._drop(client)
                return
            client.sendall(ACCEPTED)
        except OSError:
            self._drop(client)
            return
        self._selector.register(client, selectors.EVENT_READ)
        if self._end is not None:
            self._send(client, self._end)

    def _hear(self, client: socket.socket) -> None:
        try:
            said = client.recv(1)
        except OSError:
            said = b""
        if not said:
            self._drop(client)
        elif self._end is None:
            self._asking.append(client)

    def _answer(self) -> None:
        """Give samples to those who ask, as far as there are any."""
        while self._asking and self._end is None:
            samples = self._take_some()
            if samples:
                self._send(self._asking.pop(0), Samples(samples))
            elif self._end is None:
                return
        if self._end is not None:
            self._asking.clear()

    def _take_some(self) -> list[Taken]:
        samples: list[Taken] = []
        size = 0
        try:
            while len(samples) < MAX_SAMPLES and size < MESSAGE_BYTES:
                taken = self._take(wait=False)
                if taken is None:
                    break
                samples.append(taken)
                size += measure(taken[0])
        except Ended:
            self._finish(NoMore(), samples)
            return []
        except BaseException as error:  # noqa: BLE001  (raised in the clients)
            self._finish(BrokenOff(error), samples)
            return []
        return samples

    def _finish(self, end: NoMore | BrokenOff, last: list[Taken]) -> None:
        """Give out the last samples, and tell all clients the end."""
        if last:
            self._send(self._asking.pop(0), Samples(last))
        self._end = end
        for client in list(self._clients):
            self._send(client, end)

    def _send(self, client: socket.socket, message: Samples | NoMore | BrokenOff) -> None:
        data = pickle.dumps(message, protocol=5)
        try:
            client.sendall(LENGTH.pack(len(data)))
            client.sendall(data)
        except OSError:
            self._drop(client)

    def _drop(self, client: socket.socket) -> None:
        if client not in self._clients:
            return
        self._clients.remove(client)
        self._own.remove(client)
        with suppress(KeyError, ValueError):
            self._selector.unregister(client)
        if client in self._asking:
            self._asking.remove(client)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        client.close()
