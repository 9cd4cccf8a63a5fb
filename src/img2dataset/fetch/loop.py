"""Sockets and a bell -> calls of their handlers: the one place where the fetch thread sleeps."""

from __future__ import annotations

import select
import selectors
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

READ = 1
WRITE = 4
"""Bits of what to wait for, and of what has come; trouble with a socket is reported as READ."""

Handler = Callable[[int, int], None]
"""Takes a descriptor that is ready, and READ | WRITE."""


class Poll(Protocol):
    """Waits for many sockets."""

    forgets_closed: bool
    """Whether a socket that is closed need not be given up before."""

    def watch(self, file: int, mask: int) -> None:
        """Wait for `mask` at `file` from now on; 0 = forget it."""

    def wait(self, seconds: float | None) -> list[tuple[int, int]]: ...

    def close(self) -> None: ...


class AnyPoll:
    """A Poll on whatever this system has."""

    forgets_closed = False

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def watch(self, file: int, mask: int) -> None:
        with suppress(KeyError):
            self._selector.unregister(file)
        reading = selectors.EVENT_READ if mask & READ else 0
        writing = selectors.EVENT_WRITE if mask & WRITE else 0
        if mask:
            self._selector.register(file, reading | writing)

    def wait(self, seconds: float | None) -> list[tuple[int, int]]:
        return [
            (
                key.fd,
                (READ if mask & selectors.EVENT_READ else 0)
                | (WRITE if mask & selectors.EVENT_WRITE else 0),
            )
            for key, mask in self._selector.select(seconds)
        ]

    def close(self) -> None:
        self._selector.close()


if sys.platform == "linux":

    class Epoll:
        """The same without the layers of `selectors`, which cost as much as the rest of a
        request's way through Python."""

        forgets_closed = True

        def __init__(self) -> None:
            self._epoll = select.epoll()

        def watch(self, file: int, mask: int) -> None:
            # what is watched is not recorded: the kernel forgets a socket when it is closed, without
            # a notice to us, and its number comes again
            if not mask:
                with suppress(OSError):
                    self._epoll.unregister(file)
                return
            try:
                self._epoll.modify(file, mask)
            except FileNotFoundError:
                self._epoll.register(file, mask)

        def wait(self, seconds: float | None) -> list[tuple[int, int]]:
            return self._epoll.poll(seconds)

        def close(self) -> None:
            self._epoll.close()


def new_poll() -> Poll:
    return Epoll() if sys.platform == "linux" else AnyPoll()


class Loop:
    """Sleeps until a socket is ready, the bell rings or time is up, and calls the handlers."""

    def __init__(self) -> None:
        self._poll = new_poll()
        self._handlers: dict[int, Handler] = {}
        self._rung = False
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self.watch(self._ear.fileno(), READ, self._hear)

    def watch(self, file: int, mask: int, handler: Handler) -> None:
        """Call `handler` when `mask` comes at `file`; 0 = no longer."""
        if mask:
            self._handlers[file] = handler
            self._poll.watch(file, mask)
        else:
            self._handlers.pop(file, None)
            # the next request to its host will watch the same socket again: epoll is changed
            # only if an event comes before
            if not self._poll.forgets_closed:
                self._poll.watch(file, 0)

    def wait(self, seconds: float | None) -> None:
        """Sleep, at most `seconds` (None = no limit), and call the handlers of ready sockets."""
        handlers = self._handlers
        for file, mask in self._poll.wait(seconds):
            handler = handlers.get(file)
            if handler is not None:
                handler(file, mask)
            else:
                self._poll.watch(file, 0)

    def ring(self) -> None:
        """End the `wait` that is on, or the next.  From any thread; cheap when repeated."""
        if not self._rung:
            self._rung = True
            with suppress(OSError):  # full: it rings already; closed: the loop has ended
                self._bell.send(b"!")

    def close(self) -> None:
        self._poll.close()
        self._bell.close()
        self._ear.close()

    def _hear(self, _file: int, _mask: int) -> None:
        with suppress(BlockingIOError):
            self._ear.recv(4096)
        # only now: a thread that finds it set has already changed what the loop will look at
        self._rung = False
