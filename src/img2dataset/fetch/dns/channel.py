"""Questions -> the replies that c-ares gets: one channel, with its sockets in the engine's loop.

No other module may import pycares.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import pycares

RECEIVE_BUFFER_BYTES = 1 << 20
"""Bytes for answers that come while the loop is busy; the system may allow less."""

AI_NOSORT = 1 << 7
"""c-ares would open a socket for each address to sort them (pycares has no name for this)."""
NO_FD = pycares.ARES_SOCKET_BAD
NO_SUCH = frozenset(
    {
        pycares.errno.ARES_ENOTFOUND,
        pycares.errno.ARES_ENODATA,
        pycares.errno.ARES_EBADNAME,
        pycares.errno.ARES_ENONAME,
    }
)
"""What name servers say of a name, and c-ares of names that cannot be.  All else is failure."""

W = TypeVar("W")


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """How a channel asks its questions."""

    servers: tuple[str, ...]
    """In this order; none = as the system does."""
    wait_s: float
    """For the first answer of a server it does not know."""
    tries: int
    """Times that it asks each server."""
    search: bool = False
    """Whether it tries the system's search domains, as for names without a dot."""
    is_patient: bool = False
    """Whether its questions come on top of others."""


@dataclass(frozen=True, slots=True)
class DnsReply(Generic[W]):
    """The reply to one question."""

    channel: Channel[W]
    what: W
    """For which it was asked."""
    family: socket.AddressFamily
    addresses: tuple[str, ...]
    seconds: float | None
    """How long they may be kept."""
    is_answer: bool
    """Whether a name server answered, be it that there are none."""


class Channel(Generic[W]):
    """A c-ares channel: questions go in, replies are appended to a list.

    Nothing else happens in its callbacks, because cffi swallows what they raise.
    """

    def __init__(
        self,
        replies: list[DnsReply[W]],
        watch: Callable[[int, bool, bool], None],
        config: ChannelConfig,
    ) -> None:
        self.config = config
        self.asked = 0
        self.asking = 0
        self.answered = 0
        self.fds: set[int] = set()
        self._replies = replies
        self._watch = watch
        self._closed = False
        # not `lookups` nor `resolvconf_path`: pycares 5.2 gives c-ares texts it has freed
        self._channel = pycares.Channel(
            # no EDNS: its cookies and options lose names with forwarders of mixed upstreams and
            # with servers that drop what they do not know; long answers come over TCP
            flags=0 if config.search else pycares.ARES_FLAG_NOSEARCH,
            timeout=config.wait_s,
            tries=config.tries,
            servers=config.servers or None,
            socket_receive_buffer_size=RECEIVE_BUFFER_BYTES,
            sock_state_cb=self._report_state,
        )

    @property
    def servers(self) -> tuple[str, ...]:
        """The servers that it asks, the system's by default."""
        return tuple(self._channel.servers)

    def ask(self, what: W, name: str, family: socket.AddressFamily) -> None:
        """Ask a question.  The reply may come before this returns: from c-ares' own cache, or for a
        name that it refuses."""
        self.asked += 1
        self.asking += 1
        self._channel.getaddrinfo(
            name,
            None,
            family=family,
            flags=AI_NOSORT,
            callback=partial(self._take_reply, what, family),
        )

    def process(self, readable: int, writable: int) -> None:
        self._channel.process_fd(readable, writable)

    def timeout(self, longest: float) -> float:
        return float(self._channel.timeout(longest))  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Forget what is under way.  pycares ends the channel later, in a thread of its own, which
        therefore must find nothing left to report."""
        self._channel.cancel()
        self._closed = True
        self._channel.close()

    def _take_reply(
        self,
        what: W,
        family: socket.AddressFamily,
        result: pycares.AddrInfoResult | None,
        error: int | None,
    ) -> None:
        self.asking -= 1
        addresses: list[str] = []
        seconds: list[int] = []
        if result is not None:
            for node in result.nodes:
                address = node.addr[0]
                addresses.append(address.decode() if isinstance(address, bytes) else address)
                seconds.append(node.ttl)
            seconds += [alias.ttl for alias in result.cnames]
        is_answer = result is not None or error in NO_SUCH
        self.answered += is_answer
        self._replies.append(
            DnsReply(self, what, family, tuple(addresses), min(seconds, default=None), is_answer)
        )

    def _report_state(self, fd: int, reading: bool, writing: bool) -> None:  # noqa: FBT001  (c-ares calls)
        if self._closed:
            return
        if reading or writing:
            self.fds.add(fd)
        else:
            self.fds.discard(fd)
        self._watch(fd, bool(reading), bool(writing))
