"""URLs -> bodies or failures: transfers in flight, in libcurl, driven by socket events.

The only module that knows libcurl.  Nothing here blocks but `wait`, and that only while nothing
happens; only `poke` may be called from another thread.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pycurl

from img2dataset.fetch.config import FetchConfig
from img2dataset.fetch.optout import refused
from img2dataset.fetch.outcome import OK, STOPPED, TIMED_OUT, outcome
from img2dataset.fetch.response import Received, Response
from img2dataset.fetch.trust import certificates
from img2dataset.records import Body, Failure

LONGEST_CONNECT = 10.0
"""Seconds to resolve, connect and shake hands."""
MOST_REDIRECTS = 10
CHUNK = 256 * 1024
"""Bytes that libcurl hands over at most in one piece."""

LOWEST_SPEED = 1024
"""Bytes a second that a body must bring on average over a window, see `_drop_slow`."""
LONGEST_WINDOW = 10.0
"""Seconds."""

WEB = pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Ended(Generic[K]):
    """A transfer that is over: the key it was started with, and what became of it."""

    key: K
    result: Body | Failure
    retry_after: str | None
    """When the server wishes to be asked again, in its own words."""
    first_byte: float = 0.0
    """Seconds from having an address to the first byte of the answer; 0 = none came."""


class Transfers(Generic[K]):
    """Requests in flight."""

    def __init__(self, config: FetchConfig, *, kept_open: int) -> None:
        """`kept_open` = connections that may wait for the next request to their host."""
        self._config = config
        self._refusing = frozenset(config.disallowed_directives)
        self._received = Received()
        self._running: dict[Any, K] = {}
        self._free: list[Any] = []
        self._broken: Exception | None = None
        self._timer: float | None = None
        self._window = min(LONGEST_WINDOW, config.timeout / 3)
        self._window_ends = 0.0
        self._poked = False
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._watched: set[int] = set()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, kept_open)
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        honour_http_proxy(os.environ)

    def __len__(self) -> int:
        return len(self._running)

    @property
    def received_bytes(self) -> int:
        return self._received.total

    def start(self, key: K, url: str) -> None:
        """Ask for `url`, which must be as `urls.sendable` makes it."""
        handle = self._free.pop() if self._free else self._new_handle()
        handle.response.reset()
        handle.setopt(pycurl.URL, url)
        self._running[handle] = key
        self._multi.add_handle(handle)

    def wait(self, seconds: float | None) -> list[Ended[K]]:
        """Sleep until a transfer gets on, `poke` is called or `seconds` are over (None = never).

        Returns the transfers that are over; often there is none yet.
        """
        for key, mask in self._selector.select(self._patience(seconds)):
            if key.fileobj is self._ear:
                self._hear()
            else:
                self._multi.socket_action(key.fd, _as_curl_says(mask))
        if self._timer is not None and self._timer <= time.monotonic():
            self._timer = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        if self._broken is not None:
            raise self._broken
        ended = self._over()
        if self._running and self._window_ends <= time.monotonic():
            ended += self._drop_slow()
        return ended

    def poke(self) -> None:
        """End the `wait` that is on, or the next.  From any thread; cheap when repeated."""
        if not self._poked:
            self._poked = True
            with suppress(OSError):  # full: it rings already; closed: nobody listens any more
                self._bell.send(b"!")

    def close(self) -> None:
        """Abandon what is in flight.  Waits for look-ups of names: they cannot be stopped."""
        for handle in self._running:
            self._multi.remove_handle(handle)
        for handle in (*self._running, *self._free):
            handle.close()
        self._running.clear()
        self._free.clear()
        self._multi.close()
        self._selector.close()
        self._bell.close()
        self._ear.close()

    def _patience(self, seconds: float | None) -> float | None:
        now = time.monotonic()
        due = [] if seconds is None else [seconds]
        if self._timer is not None:
            due.append(self._timer - now)
        if self._running:
            due.append(self._window_ends - now)
        return max(0.0, min(due)) if due else None

    def _hear(self) -> None:
        with suppress(BlockingIOError):
            self._ear.recv(4096)
        # only now: whoever finds it set has already changed what we are about to look at
        self._poked = False

    def _over(self) -> list[Ended[K]]:
        ended = []
        left = 1
        while left:
            left, good, bad = self._multi.info_read()
            ended += [self._end(handle, OK) for handle in good]
            ended += [self._end(handle, code) for handle, code, _ in bad]
        return ended

    def _end(self, handle: Any, code: int) -> Ended[K]:
        response: Response = handle.response
        if code == STOPPED and not response.stopped:
            raise RuntimeError("a callback of libcurl failed, see its traceback above")
        resolved = asked = True
        if code == TIMED_OUT:
            resolved = handle.getinfo(pycurl.NAMELOOKUP_TIME) > 0
            asked = handle.getinfo(pycurl.REQUEST_SIZE) > 0
        result = outcome(code, response, resolved=resolved, asked=asked)
        began = handle.getinfo(pycurl.STARTTRANSFER_TIME)
        named = handle.getinfo(pycurl.NAMELOOKUP_TIME)
        self._multi.remove_handle(handle)
        self._free.append(handle)
        first_byte = max(0.0, began - named)
        return Ended(self._running.pop(handle), result, response.retry_after, first_byte)

    def _drop_slow(self) -> list[Ended[K]]:
        """End transfers whose body crawls: under LOWEST_SPEED over a whole window.

        A window is a third of the timeout, or LONGEST_WINDOW, and counts only if the body had
        begun before it: an answer that is slow to begin has all of the timeout.
        """
        self._window_ends = time.monotonic() + self._window
        least = LOWEST_SPEED * self._window
        slow = [handle for handle in self._running if handle.response.crawls(least)]
        return [self._end(handle, TIMED_OUT) for handle in slow]

    # called by libcurl

    def _watch(self, event: int, file: int, _multi: Any, _data: Any) -> None:
        try:
            if event != pycurl.POLL_REMOVE:
                change = self._selector.modify if file in self._watched else self._selector.register
                change(file, _as_selectors_say(event))
                self._watched.add(file)
            elif file in self._watched:
                self._watched.discard(file)
                self._selector.unregister(file)
        except (OSError, ValueError, KeyError) as error:  # libcurl would swallow it
            self._broken = error

    def _set_timer(self, milliseconds: int) -> None:
        self._timer = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    # options

    def _new_handle(self) -> Any:
        """A handle with everything set that does not change between requests."""
        config = self._config
        handle = pycurl.Curl()
        refuses = self._refuses if self._refusing else None
        handle.response = Response(config.max_image_bytes, refuses, self._received)
        handle.setopt(pycurl.WRITEFUNCTION, handle.response.chunk)
        handle.setopt(pycurl.HEADERFUNCTION, handle.response.header)
        handle.setopt(pycurl.BUFFERSIZE, CHUNK)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.TIMEOUT_MS, _milliseconds(config.timeout))
        connect = min(config.timeout, LONGEST_CONNECT)
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, _milliseconds(connect))
        handle.setopt(pycurl.PROTOCOLS, WEB)
        handle.setopt(pycurl.PATH_AS_IS, 1)
        handle.setopt(pycurl.FOLLOWLOCATION, 1)
        handle.setopt(pycurl.MAXREDIRS, MOST_REDIRECTS)
        handle.setopt(pycurl.REDIR_PROTOCOLS, WEB)
        handle.setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
        handle.setopt(pycurl.USERAGENT, config.user_agent)
        handle.setopt(pycurl.HTTPHEADER, ["Accept: image/*,*/*;q=0.8", "Accept-Encoding: identity"])
        self._set_trust(handle)
        return handle

    def _set_trust(self, handle: Any) -> None:
        if not self._config.verify_tls:
            handle.setopt(pycurl.SSL_VERIFYPEER, 0)
            handle.setopt(pycurl.SSL_VERIFYHOST, 0)
            return
        file, folder = certificates(os.environ)
        if file is not None:
            handle.setopt(pycurl.CAINFO, file)
        if folder is not None:
            handle.setopt(pycurl.CAPATH, folder)

    def _refuses(self, lines: list[str]) -> bool:
        return refused(lines, self._refusing, self._config.user_agent_token)


def honour_http_proxy(environment: MutableMapping[str, str]) -> None:
    """Let HTTP_PROXY count as http_proxy does.

    libcurl reads only the second, since in a CGI program the first is set by whoever sends a
    header "Proxy:"; like Python's urllib we leave it out only there.
    """
    if "REQUEST_METHOD" not in environment and environment.get("HTTP_PROXY"):
        environment.setdefault("http_proxy", environment["HTTP_PROXY"])


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _as_curl_says(mask: int) -> int:
    action: int = pycurl.CSELECT_IN if mask & selectors.EVENT_READ else 0
    return action | (pycurl.CSELECT_OUT if mask & selectors.EVENT_WRITE else 0)


def _as_selectors_say(event: int) -> int:
    mask = selectors.EVENT_READ if event & pycurl.POLL_IN else 0
    return mask | (selectors.EVENT_WRITE if event & pycurl.POLL_OUT else 0)
