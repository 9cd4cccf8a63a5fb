"""Rows -> bodies: hundreds in flight in one thread of libcurl multi.

The only module that knows libcurl.  A row becomes an Attempt (`_next`), which is given a handle
(`_start`), and ends once (`_finish`): delivered, or put aside until it may be tried again.
Those are the three places where manners belong: which attempt may start now, with what
options, and what is learnt from how it ended.
"""

from __future__ import annotations

import logging
import os
import random
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

import pycurl

from img2dataset.errors import Reason, RowError
from img2dataset.fetch.config import FetchConfig
from img2dataset.fetch.optout import refused
from img2dataset.fetch.outcome import CALLBACK_ABORTED, OK, TIMED_OUT, outcome
from img2dataset.fetch.response import Received, Response
from img2dataset.fetch.retry import delay_before, seconds_to_wait
from img2dataset.fetch.trust import certificates
from img2dataset.fetch.urls import sendable
from img2dataset.records import Body, Failure, Row

logger = logging.getLogger(__name__)

LONGEST_CONNECT = 10.0
"""Seconds to resolve, connect and shake hands."""
LOWEST_SPEED = 1024
"""Bytes a second that a body must bring, see `_drop_slow`."""
MOST_REDIRECTS = 10
CHUNK = 256 * 1024
SPARE_FILES = 256
"""Open files that are not ours: shards, input, the resolver's sockets."""

Deliver = Callable[[Row, "Body | Failure"], None]
Room = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row that is to be asked for; `number` 0 is the first time."""

    row: Row
    url: str
    number: int = 0


class Engine:
    """Fetches the rows it is given and delivers each exactly once, in any order."""

    def __init__(self, config: FetchConfig, deliver: Deliver, room: Room) -> None:
        """`deliver` is called in the engine's thread and must be quick; `room` says whether
        another transfer may be started."""
        self._config = config
        self._deliver = deliver
        self._room = room
        self._queue: deque[Row] = deque()
        self._retries: list[tuple[float, int, Attempt]] = []
        self._retries_seen = 0
        self._running: dict[Any, Attempt] = {}
        self._received = Received()
        self._stopping = False
        self._no_room = False
        self._poked = False
        self._timer: float | None = None
        self._slow_window = min(10.0, config.timeout / 3)
        self._slow_check = 0.0
        self._ceiling = _files_allowed(config.thread_count)
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._files: set[int] = set()
        self._multi = self._new_multi()
        self._handles: list[Any] = []
        self._thread = threading.Thread(target=self._run, name="img2dataset-fetch", daemon=True)

    def __repr__(self) -> str:
        return (
            f"<Engine: {self.waiting} waiting, {self.in_flight} in flight, "
            f"{len(self._retries)} to be retried, {self.received_bytes} bytes received>"
        )

    @property
    def waiting(self) -> int:
        """Rows submitted and not yet begun."""
        return len(self._queue)

    @property
    def in_flight(self) -> int:
        return len(self._running)

    @property
    def received_bytes(self) -> int:
        """Bytes of bodies held for transfers that are under way."""
        return self._received.total

    def start(self) -> None:
        self._thread.start()

    def submit(self, rows: Iterable[Row]) -> None:
        """Add rows to fetch.  From any thread; never blocks."""
        self._queue.extend(list(rows))
        self._poke()

    def wake(self) -> None:
        """Say that `room` has appeared.  From any thread; costs next to nothing."""
        if self._no_room:
            self._poke()

    def stop(self) -> None:
        """Abandon everything and wait for the thread to end; what is not delivered never is."""
        self._stopping = True
        self._poke(always=True)
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _poke(self, *, always: bool = False) -> None:
        if self._poked and not always:
            return
        self._poked = True
        with suppress(OSError):  # full: it rings already; closed: nobody listens any more
            self._bell.send(b"!")

    # -- the thread

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._start_what_may()
                self._wait_for_events()
                self._collect_finished()
                self._drop_slow()
        finally:
            self._close()

    def _start_what_may(self) -> None:
        self._no_room = False
        now = time.monotonic()
        while len(self._running) < self._ceiling and self._something_due(now):
            if not self._room():
                # set before asking again: room that appears between the two is not missed
                self._no_room = True
                if not self._room():
                    return
                self._no_room = False
            attempt = self._next(now)
            if attempt is not None:
                self._start(attempt)

    def _something_due(self, now: float) -> bool:
        return bool(self._queue) or bool(self._retries and self._retries[0][0] <= now)

    def _next(self, now: float) -> Attempt | None:
        """What to ask for next; None if it was a row that cannot be asked for."""
        if self._retries and self._retries[0][0] <= now:
            return heappop(self._retries)[2]
        row = self._queue.popleft()
        try:
            if row.problem is not None:
                raise RowError(Reason.MALFORMED_LINE, detail=row.problem)
            return Attempt(row, sendable(row.url))
        except RowError as error:
            self._deliver(row, Failure.of(error))
            return None

    def _start(self, attempt: Attempt) -> None:
        handle = self._handles.pop() if self._handles else self._new_handle()
        handle.response.reset()
        handle.setopt(pycurl.URL, attempt.url)
        self._running[handle] = attempt
        self._multi.add_handle(handle)

    def _wait_for_events(self) -> None:
        events = self._selector.select(self._patience())
        for key, mask in events:
            if key.fd == self._ear.fileno():
                self._hear()
            else:
                action = 0
                if mask & selectors.EVENT_READ:
                    action |= pycurl.CSELECT_IN
                if mask & selectors.EVENT_WRITE:
                    action |= pycurl.CSELECT_OUT
                self._multi.socket_action(key.fd, action)
        if self._timer is not None and self._timer <= time.monotonic():
            self._timer = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def _patience(self) -> float | None:
        """Seconds until something is due without any event; None = for ever."""
        due = [] if self._timer is None else [self._timer]
        if self._running:
            due.append(self._slow_check)
        if self._retries and not self._no_room and len(self._running) < self._ceiling:
            due.append(self._retries[0][0])
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _hear(self) -> None:
        self._poked = False  # before reading: a poke after this is heard next time
        with suppress(BlockingIOError):
            self._ear.recv(4096)

    def _collect_finished(self) -> None:
        while True:
            left, good, bad = self._multi.info_read()
            for handle in good:
                self._finish(handle, OK)
            for handle, code, _ in bad:
                self._finish(handle, code)
            if not left:
                return

    def _finish(self, handle: Any, code: int) -> None:
        """Deliver what came of a transfer, or put it aside to be tried again."""
        attempt = self._running.pop(handle)
        response: Response = handle.response
        connected = code != TIMED_OUT or handle.getinfo(pycurl.PRETRANSFER_TIME) > 0
        if code == CALLBACK_ABORTED and response.verdict is None and response.status < 400:
            raise RuntimeError(f"a callback of libcurl failed: {handle.errstr()}")
        result = outcome(code, response, connected=connected)
        self._multi.remove_handle(handle)
        self._handles.append(handle)
        if isinstance(result, Failure) and result.reason.transient:
            delay = self._delay(attempt, response)
            if delay is not None:
                again = Attempt(attempt.row, attempt.url, attempt.number + 1)
                self._retries_seen += 1
                heappush(self._retries, (time.monotonic() + delay, self._retries_seen, again))
                return
        self._deliver(attempt.row, result)

    def _delay(self, attempt: Attempt, response: Response) -> float | None:
        """Seconds until the next attempt; None = there is none."""
        if attempt.number >= self._config.retries:
            return None
        wish = None
        if response.retry_after is not None and response.status in {429, 503}:
            wish = seconds_to_wait(response.retry_after.decode("latin-1"), time.time())
        return delay_before(attempt.number + 1, wish, random.random())  # noqa: S311  (jitter)

    def _drop_slow(self) -> None:
        """End transfers whose body crawls: less than LOWEST_SPEED over a whole window.

        A window is a third of the timeout (10 s at most) and counts only if the body had
        begun before it: an answer that is slow to begin has all of the timeout.
        """
        now = time.monotonic()
        if now < self._slow_check:
            return
        self._slow_check = now + self._slow_window
        lowest = LOWEST_SPEED * self._slow_window
        slow = [handle for handle in self._running if handle.response.crawls(lowest)]
        for handle in slow:
            self._finish(handle, TIMED_OUT)

    # -- libcurl

    def _new_multi(self) -> Any:
        multi = pycurl.CurlMulti()
        multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        multi.setopt(pycurl.M_MAXCONNECTS, self._ceiling)
        multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        return multi

    def _watch(self, event: int, file: int, _multi: Any, _data: Any) -> None:
        if event == pycurl.POLL_REMOVE:
            if file in self._files:
                self._files.discard(file)
                self._selector.unregister(file)
            return
        mask = 0
        if event & pycurl.POLL_IN:
            mask |= selectors.EVENT_READ
        if event & pycurl.POLL_OUT:
            mask |= selectors.EVENT_WRITE
        if file in self._files:
            self._selector.modify(file, mask)
        else:
            self._files.add(file)
            self._selector.register(file, mask)

    def _set_timer(self, milliseconds: int) -> None:
        self._timer = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    def _new_handle(self) -> Any:
        """A handle with everything set that does not change between requests."""
        config = self._config
        handle = pycurl.Curl()
        handle.response = response = Response(
            config.max_image_bytes, self._refuses if config.disallowed_directives else None,
            self._received,
        )  # fmt: skip
        handle.setopt(pycurl.WRITEFUNCTION, response.chunk)
        handle.setopt(pycurl.HEADERFUNCTION, response.header)
        handle.setopt(pycurl.BUFFERSIZE, CHUNK)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.PATH_AS_IS, 1)
        handle.setopt(pycurl.TIMEOUT_MS, max(1, round(config.timeout * 1000)))
        connect = min(config.timeout, LONGEST_CONNECT)
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, round(connect * 1000)))
        handle.setopt(pycurl.FOLLOWLOCATION, 1)
        handle.setopt(pycurl.MAXREDIRS, MOST_REDIRECTS)
        web = pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS
        handle.setopt(pycurl.PROTOCOLS, web)
        handle.setopt(pycurl.REDIR_PROTOCOLS, web)
        handle.setopt(pycurl.USERAGENT, config.user_agent)
        handle.setopt(pycurl.ACCEPT_ENCODING, "identity")
        handle.setopt(pycurl.HTTPHEADER, ["Accept: image/*,*/*;q=0.8"])
        handle.setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
        handle.setopt(pycurl.PIPEWAIT, 1)
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

    def _refuses(self, values: list[bytes]) -> bool:
        lines = [value.decode("latin-1") for value in values]
        disallowed = frozenset(self._config.disallowed_directives)
        return refused(lines, disallowed, self._config.user_agent_token)

    def _close(self) -> None:
        for handle in self._running:
            self._multi.remove_handle(handle)
        for handle in (*self._running, *self._handles):
            handle.close()
        self._running.clear()
        self._handles.clear()
        self._multi.close()
        self._selector.close()
        self._bell.close()
        self._ear.close()


def _files_allowed(transfers: int) -> int:
    """Raise the limit of open files as `transfers` need; return how many it allows."""
    try:
        import resource  # noqa: PLC0415  (not on Windows)
    except ImportError:
        return transfers
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * transfers + SPARE_FILES  # in use and kept open
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return transfers
    allowed = max(1, (soft - SPARE_FILES) // 2)
    logger.warning(
        "%d downloads at once need %d open files, the system allows %d: %d at once",
        transfers, needed, soft, allowed,
    )  # fmt: skip
    return allowed
