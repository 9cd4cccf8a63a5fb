"""Servers of a few lines, each on a free port of 127.0.0.1 and stopped when its block ends."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Serve = Callable[[socket.socket], None]
"""Converses over one connection."""

POLL_S = 0.02
"""Seconds between two looks of `serving` whether it is to stop."""


@contextmanager
def listening(serve: Serve) -> Iterator[int]:
    """Listen, and call `serve` for each connection in a thread of its own.

    A connection ends with its call; those that are left are closed with the block.

    Yields:
        The port.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener, ExitStack() as connections:

        def handle(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                serve(connection)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection = connections.enter_context(listener.accept()[0])
                    threading.Thread(target=handle, args=(connection,), daemon=True).start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with suppress(OSError):  # which ends `accept`
                listener.shutdown(socket.SHUT_RDWR)
            accepting.join(10)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Answer HTTP requests with `handler`, which need not care about the log.

    Yields:
        The address, without a slash at its end.
    """

    class Quiet(handler):  # type: ignore[misc, valid-type]
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(10)


class LoopThread:
    """Runs a server of asyncio in a thread of its own, from `start` to `stop`."""

    def __init__(self) -> None:
        self.is_stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def start(
        self, serve: Callable[[Future[int], asyncio.Event], Coroutine[None, None, None]]
    ) -> int:
        """Run `serve`, which tells its port once it listens, and returns after the event.

        Returns:
            The port.
        """
        ready: Future[int] = Future()

        async def run() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            try:
                await serve(ready, self._stop)
            except OSError as error:
                if ready.done():
                    raise
                ready.set_exception(error)

        self._thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        self._thread.start()
        return ready.result(timeout=10)

    def call(self, action: Callable[[], None]) -> None:
        """Do something in the thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(action)

    def stop(self) -> None:
        """End it; a no-op if it never started."""
        if self._loop is None or self._stop is None or self._thread is None:
            return
        self.is_stopping = True
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=10)


def free_port() -> int:
    """Find a port that nobody listens on, for a server that is a program of its own."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
