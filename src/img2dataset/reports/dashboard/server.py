"""The latest snapshot of a run -> a page, served to this machine alone."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from threading import BoundedSemaphore, Thread
from typing import Any
from urllib.parse import urlsplit

from img2dataset.reports.dashboard.script import POLICY

ADDRESS = "127.0.0.1"
OWN_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
"""Names under which a browser of this machine, or at the end of a tunnel to it, asks for the page."""
METHODS = ("GET", "HEAD")
REQUEST_TIMEOUT_S = 10.0
MAX_REQUESTS = 32
"""Requests that are answered at the same time; more are turned away."""
POLL_INTERVAL_S = 0.1
"""Closing takes at most this long."""
HTML = "text/html; charset=utf-8"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    body: bytes
    kind: str = HTML
    """Its media type."""
    keep_s: int = 0
    """How long a browser may keep it."""


Find = Callable[[str], "Answer | None"]
"""Path of a request -> the answer; None if there is none."""


class PageServer:
    """Answers GET and HEAD in threads of its own, until it is closed."""

    def __init__(self, port: int, find: Find) -> None:
        """Listen on this machine's own address.

        Raises:
            OSError: the port is taken.
        """

        class Handler(RequestHandler):
            answer = staticmethod(find)

        self._server = _Server((ADDRESS, port), Handler)
        self._thread = Thread(
            target=self._server.serve_forever,
            args=(POLL_INTERVAL_S,),
            name="img2dataset-dashboard",
            daemon=True,
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self._server.server_address[1]}/"

    def close(self) -> None:
        """Stop; may be called twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingMixIn, TCPServer):
    """A server whose clients do not wait for each other, and which has a bounded number of threads."""

    daemon_threads = True
    block_on_close = False
    # elsewhere it lets a second process listen at a port that is taken
    allow_reuse_address = os.name == "posix"

    def __init__(self, *given: Any) -> None:
        self._places = BoundedSemaphore(MAX_REQUESTS)
        super().__init__(*given)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: Any
    ) -> None:
        """A client that goes away is no error of the run; everything else shows its traceback."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class RequestHandler(BaseHTTPRequestHandler):
    """Answers one request."""

    timeout = REQUEST_TIMEOUT_S
    server_version = "img2dataset"
    sys_version = ""
    answer: Find

    def handle_one_request(self) -> None:
        """Read a request, and answer it or say why not."""
        self.raw_requestline = self.rfile.readline(65_537)
        if len(self.raw_requestline) > 65_536:
            self.requestline = self.request_version = self.command = ""
            self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)
        elif self.raw_requestline and self.parse_request():
            self._answer()

    def _answer(self) -> None:
        refused = find_refusal(self.command, self.headers)
        if refused is not None:
            self._send(refused, Answer(f"{refused.phrase}\n".encode(), "text/plain"))
            return
        found = self.answer(urlsplit(self.path).path)
        if found is None:
            self._send(HTTPStatus.NOT_FOUND, Answer(b"Not Found\n", "text/plain"))
        else:
            self._send(HTTPStatus.OK, found)

    def _send(self, status: HTTPStatus, answer: Answer) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        kept = f"private, max-age={answer.keep_s}, immutable" if answer.keep_s else "no-store"
        self.send_header("Cache-Control", kept)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", ", ".join(METHODS))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write no log."""


def find_refusal(method: str, headers: Message) -> HTTPStatus | None:
    """Say why a request is refused; None if it is not.

    A page of another site can let its own name resolve to this machine (DNS rebinding): the Host
    header has that name then.
    """
    if method not in METHODS:
        return HTTPStatus.METHOD_NOT_ALLOWED
    return None if name_in_host(headers.get("Host", "")) in OWN_NAMES else HTTPStatus.FORBIDDEN


def name_in_host(host: str) -> str | None:
    """Return the name in a Host header, without its port; None if it has no proper form."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises if it is no number
    except ValueError:
        return None
    if parts.netloc != host or parts.username is not None or parts.path or parts.query:
        return None
    return parts.hostname
