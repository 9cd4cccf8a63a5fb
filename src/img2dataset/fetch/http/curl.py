"""Requests -> answers: transfers in flight, in libcurl, driven by socket events.

With `handles` the only module that knows libcurl.  Nothing here blocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import takewhile
from typing import Any, Generic, TypeVar

import pycurl

from img2dataset.errors import Reason
from img2dataset.fetch.budget import Budget
from img2dataset.fetch.config import FetchConfig
from img2dataset.fetch.http.handles import apply, new_handle, restore, use_http_1
from img2dataset.fetch.http.remedies import (
    REQUEST_TIMEOUT,
    Ending,
    Http1Hosts,
    Remedy,
    choose_remedy,
)
from img2dataset.fetch.http.request import (
    Finished,
    Moved,
    Request,
    asks_proxy,
    forget,
    request_target,
)
from img2dataset.fetch.http.response import RefusalCheck, Response
from img2dataset.fetch.http.transfer import Deadlines, Transfer, split_seconds
from img2dataset.fetch.loop import READ, WRITE, Loop
from img2dataset.fetch.outcome import (
    OK,
    STOPPED,
    TIMED_OUT,
    TLS_CUT,
    find_proxy_failure,
    make_outcome,
    refine_code,
)
from img2dataset.fetch.politeness import POLITE, Politeness
from img2dataset.fetch.route.router import find_origin
from img2dataset.records import Body, Failure, ResponseInfo

SILENT_S = 1.0
"""Seconds without a byte of an answer after which a socket is looked at again, see `_poll_silent_sockets`."""

MASKS = {pycurl.POLL_IN: READ, pycurl.POLL_OUT: WRITE, pycurl.POLL_INOUT: READ | WRITE}
ACTIONS = tuple(
    # the bits of trouble, which epoll has besides these two, are found out by reading
    (pycurl.CSELECT_IN if mask & ~WRITE else 0) | (pycurl.CSELECT_OUT if mask & WRITE else 0)
    for mask in range(64)
)
"""Events of the loop -> events of libcurl."""

NO_SOCKET = -1
"""libcurl's value for none."""
RECEIVE_FAILED = 56
"""libcurl's code, among others if TLS ended without a close_notify."""
LOOK_UP_DENIED = 42
"""libcurl's code if `may_look_up` refuses."""
GO_ON: int = pycurl.PREREQFUNC_OK
ABORT: int = pycurl.PREREQFUNC_ABORT

K = TypeVar("K")


class Transfers(Generic[K]):
    """Requests in flight."""

    def __init__(  # noqa: PLR0913  (what it stands between)
        self,
        config: FetchConfig,
        loop: Loop,
        *,
        budget: Budget,
        kept_open: int,
        refusal_of: RefusalCheck | None = None,
        may_connect: Callable[[str, str], bool] | None = None,
        politeness: Politeness = POLITE,
    ) -> None:
        """`kept_open` = connections that may wait for the next request to their host;
        `may_connect(url, address)` is asked before anything is sent, unless there is a proxy."""
        self._config = config
        self._loop = loop
        self._budget = budget
        self._refusal_of = refusal_of
        self._may_connect = may_connect
        self._politeness = politeness
        self._running: dict[Transfer[K], None] = {}
        self._connecting: dict[Transfer[K], None] = {}  # in the order they began
        self._stalled = 0
        self._stalled_at = 0.0
        self._free: list[Transfer[K]] = []
        self._turns = 0
        self._deadlines: Deadlines[K] = Deadlines()
        self._timer: float | None = None
        self._window = min(politeness.max_window_s, config.timeout / 3)
        self._window_ends = 0.0
        self._poll_silent_at = 0.0
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, kept_open)
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._broken: Exception | None = None
        self._http_1_hosts = Http1Hosts()

    def __len__(self) -> int:
        return len(self._running)

    @property
    def stalled(self) -> int:
        """How many have been waiting for their connection for long; a little out of date."""
        now = time.monotonic()
        after_s = self._politeness.stalled_after_s
        if now >= self._stalled_at + after_s / 10:
            self._stalled_at = now
            late = takewhile(lambda transfer: transfer.began <= now - after_s, self._connecting)
            self._stalled = sum(1 for _ in late)
        return self._stalled

    def start(self, key: K, request: Request) -> None:
        transfer = self._free.pop() if self._free else self._new_transfer()
        handle = transfer.handle
        transfer.response.reset(is_text=request.is_text, reserved=request.reserved)
        transfer.key = key
        transfer.url = request.url
        handle.setopt(pycurl.URL, request.url)
        # byte for byte: libcurl would write %2f as %2F, and some servers sign what they gave out
        handle.setopt(
            pycurl.REQUEST_TARGET, request_target(request.url, absolute=asks_proxy(request))
        )
        transfer.is_named = bool(request.resolved)
        if request.resolved:
            # libcurl goes through all names it knows for each request: it is made to forget the
            # last one at once (which does not touch a transfer that has used it already).  So the name is
            # given each time: another transfer may have made libcurl forget it, or time, and it would
            # ask the system
            gone = forget(transfer.resolved) if transfer.resolved != request.resolved else ()
            handle.setopt(pycurl.RESOLVE, [*gone, f"+{request.resolved}"])
            transfer.resolved = request.resolved
        if request.proxy != transfer.proxy:
            transfer.proxy = request.proxy
            handle.setopt(pycurl.PROXY, request.proxy)
        self._turns += 1
        transfer.turn = self._turns
        transfer.began = time.monotonic()
        transfer.deadline = transfer.ends = transfer.began + request.seconds
        if find_origin(request.url) in self._http_1_hosts:
            transfer.remedies.add(Remedy.HTTP_1)
            use_http_1(handle)
        self._running[transfer] = None
        self._deadlines.add(transfer.deadline, transfer)
        self._deadlines.forget_outdated(self._running)
        self._connecting[transfer] = None
        self._multi.add_handle(handle)

    def ended(self) -> list[Finished[K]]:
        """Take what is over since the last call; often nothing."""
        now = time.monotonic()
        if self._timer is not None and self._timer <= now:
            self._timer = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        if self._broken is not None:
            raise self._broken
        if self._poll_silent_at <= now and self._running:
            self._poll_silent_sockets(now)
        ended = self._over()
        ended += self._drop_late(now)
        if self._window_ends <= now and self._running:
            ended += self._drop_slow(now)
        if self._budget.waiting:
            ended += self._resume_paused()
        return ended

    def next_timeout(self, now: float) -> float | None:
        """Seconds until `ended` has something to do even if no socket gets ready."""
        due = min(self._window_ends, self._poll_silent_at) if self._running else None
        if self._connecting:  # one of them may be late soon
            soon = now + self._politeness.stalled_after_s / 4
            due = min(self._window_ends, self._poll_silent_at, soon)
        if self._timer is not None:
            due = self._timer if due is None else min(due, self._timer)
        first = self._deadlines.first
        if first is not None:
            due = first if due is None else min(due, first)
        return None if due is None else max(0.0, due - now)

    def close(self) -> None:
        """Abandon what is in flight."""
        for transfer in self._running:
            self._multi.remove_handle(transfer.handle)
        for transfer in (*self._running, *self._free):
            transfer.handle.close()
        self._running.clear()
        self._free.clear()
        self._multi.close()

    def _over(self) -> list[Finished[K]]:
        ended = []
        left = 1
        while left:
            left, good, bad = self._multi.info_read()
            for handle in good:
                ended += self._end_or_resend(handle.transfer, OK)
            for handle, code, message in bad:
                ended += self._end_or_resend(handle.transfer, code, message)
        return ended

    def _end_or_resend(
        self, transfer: Transfer[K], code: int, message: str = ""
    ) -> list[Finished[K]]:
        if code == RECEIVE_FAILED and TLS_CUT in message and transfer.response.ends_with_connection:
            code = OK  # as browsers: whether the image is whole is for the decoder to say
        remedy = self._remedy_for(transfer, code, message)
        if remedy is None or remedy in transfer.remedies:
            return [self._end(transfer, refine_code(code, message))]
        self._resend(transfer, remedy)
        return []

    def _remedy_for(self, transfer: Transfer[K], code: int, message: str) -> Remedy | None:
        response = transfer.response
        if code == LOOK_UP_DENIED and response.verdict is None:
            # a new connection gets the address, and needs none later; unless libcurl itself asks
            # once more, which on a new one it only does where a server refuses HTTP/2 streams
            again = Remedy.NEW_CONNECTION in transfer.remedies and transfer.url.startswith("https:")
            return Remedy.HTTP_1 if again else Remedy.NEW_CONNECTION
        if code == OK and response.status != REQUEST_TIMEOUT:
            return None
        ending = Ending(
            code=code,
            message=message,
            status=response.status,
            untouched=response.untouched,
            # libcurl itself takes no new one before it has tried five kept ones
            kept=transfer.handle.getinfo(pycurl.NUM_CONNECTS) == 0,
            has_length=response.has_length,
            secure=transfer.url.startswith("https:"),
        )
        return choose_remedy(ending)

    def _resend(self, transfer: Transfer[K], remedy: Remedy) -> None:
        """Over a connection of its own, in what is left of its time."""
        transfer.remedies.add(remedy)
        transfer.response.begin_again()
        transfer.deadline = transfer.ends
        self._deadlines.add(transfer.deadline, transfer)
        handle = transfer.handle
        self._multi.remove_handle(handle)
        apply(handle, remedy)
        if transfer.resolved:  # another transfer may have made libcurl forget it
            handle.setopt(pycurl.RESOLVE, [f"+{transfer.resolved}"])
        self._connecting[transfer] = None
        self._multi.add_handle(handle)

    def _end(self, transfer: Transfer[K], code: int) -> Finished[K]:
        response, handle = transfer.response, transfer.handle
        if code == STOPPED and not response.stopped:
            raise RuntimeError("a callback of libcurl failed, see its traceback above")
        asked = code != TIMED_OUT or handle.getinfo(pycurl.REQUEST_SIZE) > 0
        moved = response.moved
        result = make_outcome(code, response, asked=asked)
        status = response.status
        if transfer.proxy and isinstance(result, Failure):
            by_proxy = find_proxy_failure(handle.getinfo(pycurl.HTTP_CONNECTCODE), response)
            if by_proxy is not None:  # of the host nothing came
                result, status = by_proxy, 0
        looked_up, came = (
            handle.getinfo(pycurl.NAMELOOKUP_TIME),
            handle.getinfo(pycurl.STARTTRANSFER_TIME),
        )
        first_byte = max(0.0, came - looked_up) if status else 0.0
        seconds = max(0.0, time.monotonic() - transfer.began - response.waited)
        parts = split_seconds(
            seconds,
            handle.getinfo(pycurl.CONNECT_TIME),
            handle.getinfo(pycurl.APPCONNECT_TIME),
            came,
            is_secure=transfer.url.startswith("https:"),
        )
        self._multi.remove_handle(handle)
        del self._running[transfer]
        self._connecting.pop(transfer, None)
        if transfer.remedies:
            if Remedy.HTTP_1 in transfer.remedies and response.status:
                self._http_1_hosts.add(find_origin(transfer.url))
            transfer.remedies.clear()
            restore(handle)
        transfer.turn = 0
        self._free.append(transfer)
        return Finished(
            transfer.key,
            self._with_facts(Moved(response.location or b"") if moved else result, transfer),
            status,
            seconds,
            response.retry_after,
            first_byte,
            response.signals,
            *parts,
        )

    def _with_facts(
        self, result: Body | Failure | Moved, transfer: Transfer[K]
    ) -> Body | Failure | Moved:
        """Return `result` with its ResponseInfo, if the metadata want it."""
        if not self._config.save_fetch_metadata:
            return result
        response = transfer.response
        fetched = ResponseInfo(
            final_url=transfer.url,
            http_status=response.status or None,
            content_type=response.content_type or None,
            etag=response.etag,
            last_modified=response.last_modified,
            fetched_at=time.time(),
            body_bytes=response.size or None,
            request_seconds=max(0.0, time.monotonic() - transfer.began - response.waited),
        )
        return replace(result, fetched=fetched)

    def _shorten_deadline(self, transfer: Transfer[K]) -> None:
        """Give an answer whose verdict is known a moment to end, so that its connection is kept."""
        transfer.deadline = min(transfer.deadline, time.monotonic() + self._politeness.max_drain_s)
        self._deadlines.add(transfer.deadline, transfer)

    def _drop_late(self, now: float) -> list[Finished[K]]:
        """End transfers whose time is up."""
        ended = []
        for transfer in self._deadlines.take_due(now):
            if transfer.response.paused:  # it is not at fault; what it waits for is not far
                self._deadlines.add(now + 1.0, transfer)
            elif transfer.deadline + transfer.response.waited > now:
                self._deadlines.add(transfer.deadline + transfer.response.waited, transfer)
            else:
                ended += self._end_or_resend(transfer, TIMED_OUT)
        return ended

    def _drop_slow(self, now: float) -> list[Finished[K]]:
        """End transfers whose body crawls: under `min_bytes_per_s` over a whole window.

        A window is a third of the timeout, or `max_window_s`, and counts only if the body had
        begun before it: an answer that is slow to begin has all of the timeout.
        """
        self._window_ends = now + self._window
        least = self._politeness.min_bytes_per_s * self._window
        slow = [transfer for transfer in self._running if transfer.response.is_too_slow(least)]
        return [self._end(transfer, TIMED_OUT) for transfer in slow]

    def _poll_silent_sockets(self, now: float) -> None:
        """Let libcurl read from sockets over which no answer has come: where it gives up an
        HTTP/2 connection while it sends, it reports that only when something comes over it."""
        self._poll_silent_at = now + SILENT_S
        silent = {
            transfer.handle.getinfo(pycurl.ACTIVESOCKET)
            for transfer in self._running
            if transfer.began <= now - SILENT_S
            and transfer.response.untouched
            and transfer.url.startswith("https:")
            and transfer not in self._connecting
        }
        for file in silent - {NO_SOCKET}:
            self._multi.socket_action(file, pycurl.CSELECT_IN)

    def _resume_paused(self) -> list[Finished[K]]:
        """Let bodies go on for which there is space now; those that are not wanted end here."""
        ended = []
        waiting = self._budget.waiting
        for _ in range(len(waiting)):
            if not waiting or not self._budget.has_space:
                break
            response = waiting[0]
            response.resume()
            try:
                response.owner.handle.pause(pycurl.PAUSE_CONT)
            except pycurl.error as error:  # what it had kept for us is handed over in there
                ended.append(self._end(response.owner, error.args[0]))
            if response.paused:  # it wants more than there is, and so may the others
                break
        return ended

    # called by libcurl

    def _watch(self, event: int, file: int, _multi: Any, _data: Any) -> None:
        try:
            self._loop.watch(file, MASKS.get(event, 0), self._ready)
        except OSError as error:  # libcurl would swallow it
            self._broken = error

    def _ready(self, file: int, mask: int) -> None:
        self._multi.socket_action(file, ACTIONS[mask])

    def _set_timer(self, milliseconds: int) -> None:
        self._timer = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    # handles

    def _new_transfer(self) -> Transfer[K]:
        response = Response(
            self._config.max_image_bytes,
            self._refusal_of,
            self._budget,
            drop_pages=self._config.drop_pages,
        )
        transfer: Transfer[K] = Transfer(response)
        response.owner = transfer
        response.when_unwanted = lambda: self._shorten_deadline(transfer)
        transfer.handle = new_handle(self._config, response)
        transfer.handle.transfer = transfer

        def connected(address: str, _local: str, _port: int, _local_port: int) -> int:
            self._connecting.pop(transfer, None)
            if (
                transfer.proxy
                or self._may_connect is None
                or self._may_connect(transfer.url, address)
            ):
                return GO_ON
            response.verdict = Reason.ADDRESS_NOT_ALLOWED
            return ABORT

        def may_look_up() -> int:
            """Names are for `resolver`: libcurl, which asks the system where it has forgotten
            one, is left only what is an address."""
            return ABORT if transfer.is_named else GO_ON

        transfer.handle.setopt(pycurl.PREREQFUNCTION, connected)
        transfer.handle.setopt(pycurl.RESOLVER_START_FUNCTION, may_look_up)
        return transfer
