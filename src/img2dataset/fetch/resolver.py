"""Host names -> addresses, thousands at once, without a thread and inside somebody else's loop.

c-ares sends the questions and reads the answers; this page adds what a long list of URLs needs:
a bounded cache, one look-up per name however many rows wait for it, patience with a resolver
that fails now and then, and a strict line between "there is no such host", which the name
servers said, and "the host was not resolved", which is about them and not about the host.

How many look-ups are under way at once is the caller's choice (`in_flight`); they share one
socket per name server.  Five hundred are plenty: at 50 ms each that is 10,000 names a second.
No other module may import pycares.
"""

from __future__ import annotations

import heapq
import random
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import pycares

from img2dataset.fetch.known_names import (
    HOSTS_FILE,
    LONGEST_MEMORY,
    NO_SUCH_HOST,
    NOT_RESOLVED,
    Answer,
    Cache,
    hosts_in,
    in_order,
    known_without_asking,
)

__all__ = ["Answer", "Resolver"]

LONGEST_LOOKUP = 5.0
"""Seconds after which a name counts as not resolved, retries included."""
TRIES = 3
"""Times c-ares asks each name server.  It waits for `FIRST_WAIT` while it does not know a server;
then five times the server's mean, at least 250 ms; and twice as long each time."""
FIRST_WAIT = 1.0
FIRST_PAUSE = 0.5
"""Seconds before our own first retry, after c-ares has given up; then twice as long each time."""
GRACE = 0.1
"""Seconds the addresses of one family wait for those of the other (RFC 8305 has 50 ms)."""

QUESTIONS_PER_LINE = 10_000
"""Then c-ares starts anew: it has a cache too, without bounds, 1.4 kB a name, and pycares cannot
turn it off.  So the system's configuration is read again at times, and the port changes."""
RECEIVE_BUFFER = 1 << 20
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


@dataclass(eq=False, slots=True)
class LookUp:
    """One name under way.  The two families are asked apart: c-ares, asked for both, says that
    there is no such host when one failed and the other has no addresses."""

    name: str
    ends: float
    pause: float
    """Before it is asked again."""
    asking: int = 0
    """Questions that c-ares has not answered."""
    failed: bool = False
    """For a family at least there was neither an address nor the word that there is none."""
    addresses: list[str] = field(default_factory=list)
    seconds: float = LONGEST_MEMORY
    over: bool = False

    @property
    def answer(self) -> Answer:
        """As things are."""
        if self.addresses:
            return Answer(in_order(self.addresses))
        return NOT_RESOLVED if self.failed or self.asking else NO_SUCH_HOST


class Line:
    """A c-ares channel: questions go in, what is heard of them is appended to a list.

    Nothing else happens in its callbacks, because cffi swallows what they raise.
    """

    def __init__(
        self,
        heard: list[Heard],
        watch: Callable[[int, bool, bool], None],
        servers: Sequence[str],
        *,
        search: bool,
    ) -> None:
        """`search`: try the system's search domains, as for names without a dot."""
        self.asked = 0
        self.asking = 0
        self.fds: set[int] = set()
        self._heard = heard
        self._watch = watch
        self._closed = False
        # not `lookups` nor `resolvconf_path`: pycares 5.2 gives c-ares texts it has freed
        self._channel = pycares.Channel(
            # no EDNS: its cookies and options lose names with forwarders of mixed upstreams and
            # with servers that drop what they do not know; long answers come over TCP
            flags=0 if search else pycares.ARES_FLAG_NOSEARCH,
            timeout=FIRST_WAIT,
            tries=TRIES,
            servers=servers or None,
            socket_receive_buffer_size=RECEIVE_BUFFER,
            sock_state_cb=self._tell,
        )

    def ask(self, lookup: LookUp, family: socket.AddressFamily) -> None:
        """The answer may be heard before this returns: c-ares' own cache, or a name it refuses."""
        self.asked += 1
        self.asking += 1
        lookup.asking += 1
        self._channel.getaddrinfo(
            lookup.name,
            None,
            family=family,
            flags=AI_NOSORT,
            callback=partial(self._hear, lookup),
        )

    def process(self, readable: int, writable: int) -> None:
        self._channel.process_fd(readable, writable)

    def timeout(self, longest: float) -> float:
        return float(self._channel.timeout(longest))  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Forget what is under way.  pycares ends the channel later, in a thread of its own, which
        therefore must find nothing left to tell."""
        self._channel.cancel()
        self._closed = True
        self._channel.close()

    def _hear(
        self, lookup: LookUp, result: pycares.AddrInfoResult | None, error: int | None
    ) -> None:
        self._heard.append((self, lookup, result, error))

    def _tell(self, fd: int, reading: bool, writing: bool) -> None:  # noqa: FBT001  (c-ares calls)
        if self._closed:
            return
        if reading or writing:
            self.fds.add(fd)
        else:
            self.fds.discard(fd)
        self._watch(fd, bool(reading), bool(writing))


Heard = tuple[Line, LookUp, pycares.AddrInfoResult | None, int | None]


class Resolver:
    """Ask by `ask`; what does not come at once comes by `answers`, after `ready` or `tick`."""

    def __init__(
        self,
        servers: Sequence[str],
        watch: Callable[[int, bool, bool], None],
        *,
        ipv6: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`servers`: addresses with optional ports, asked by turns; none = as the system does.

        /etc/hosts, read once, comes first in either case.  `watch(fd, reading, writing)` tells the loop what to
        wait for; both False = forget fd, which is about to be closed; it must not raise.
        `ipv6`: ask for IPv6 addresses too; None = if this machine has a way to them.
        """
        self._servers = tuple(servers)
        self._watch = watch
        self._clock = clock
        with_ipv6 = has_ipv6() if ipv6 is None else ipv6
        self._families = (socket.AF_INET, socket.AF_INET6) if with_ipv6 else (socket.AF_INET,)
        self._heard: list[Heard] = []
        # by which server comes first; the last one searches, for names without a dot
        self._lines: list[Line | None] = [None] * (max(1, len(servers)) + 1)
        self._retired: list[Line] = []
        self._asked = 0
        self._hosts = hosts_in(HOSTS_FILE)
        self._cache = Cache()
        self._under_way: dict[str, LookUp] = {}
        self._finished: dict[str, Answer] = {}
        self._ends: deque[LookUp] = deque()
        self._later: list[tuple[float, int, LookUp]] = []

    def ask(self, name: str) -> Answer | None:
        """What is known of `name`; None = the answer comes by `answers`."""
        now = self._clock()
        known = self._cache.get(name, now)
        if known is not None:
            return known
        if name in self._under_way or name in self._finished:
            return None
        known = known_without_asking(name) or self._hosts.get(name.lower().removesuffix("."))
        if known is not None:
            return known
        lookup = LookUp(name, now + LONGEST_LOOKUP, FIRST_PAUSE)
        self._under_way[name] = lookup
        self._ends.append(lookup)
        self._send(lookup)
        self._take_in()
        return self._finished.pop(name, None)

    def ready(self, fd: int, reading: bool, writing: bool) -> None:  # noqa: FBT001  (as `watch`)
        """The loop saw that `fd` can be read or written."""
        for line in self._open_lines():
            if fd in line.fds:
                line.process(fd if reading else NO_FD, fd if writing else NO_FD)
        self._take_in()

    def tick(self) -> None:
        """To be called when `patience` is over: timeouts and retries."""
        for line in self._open_lines():
            line.process(NO_FD, NO_FD)
        self._take_in()
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            lookup = heapq.heappop(self._later)[2]
            if lookup.over:
                continue
            if lookup.asking:  # the other family is late
                self._finish(lookup)
            else:
                lookup.failed = False
                self._send(lookup)
        while self._ends and (self._ends[0].over or self._ends[0].ends <= now):
            lookup = self._ends.popleft()
            if not lookup.over:
                self._finish(lookup)
        self._take_in()

    def patience(self) -> float | None:
        """Seconds until `tick` is due; None = nothing is under way."""
        if self._finished:
            return 0.0
        if not self._under_way:
            return None
        while self._ends[0].over:
            self._ends.popleft()
        due = self._ends[0].ends
        if self._later:
            due = min(due, self._later[0][0])
        longest = max(0.0, due - self._clock())
        return min(line.timeout(longest) for line in self._open_lines())

    def answers(self) -> list[tuple[str, Answer]]:
        """The look-ups that ended since the last call."""
        finished, self._finished = self._finished, {}
        return list(finished.items())

    @property
    def in_flight(self) -> int:
        """Look-ups under way."""
        return len(self._under_way)

    def close(self) -> None:
        """What is under way is never answered."""
        for line in self._open_lines():
            line.close()
        self._lines = [None] * len(self._lines)
        self._retired.clear()
        self._heard.clear()
        self._under_way.clear()

    def _open_lines(self) -> list[Line]:
        return [*(line for line in self._lines if line is not None), *self._retired]

    def _send(self, lookup: LookUp) -> None:
        line = self._line_for(lookup.name)
        for family in self._families:
            line.ask(lookup, family)

    def _line_for(self, name: str) -> Line:
        """A fresh line instead of one that was used long enough; servers take turns to be first,
        and c-ares goes on to the others when the first fails."""
        search = "." not in name
        self._asked += 1
        first = len(self._lines) - 1 if search else self._asked % (len(self._lines) - 1)
        line = self._lines[first]
        if line is not None and line.asked >= QUESTIONS_PER_LINE:
            self._retired.append(line)
            line = None
        if line is None:
            line = Line(
                self._heard,
                self._watch,
                (*self._servers[first:], *self._servers[:first]),
                search=search,
            )
            self._lines[first] = line
        return line

    def _take_in(self) -> None:
        """What c-ares said; here and not in its callbacks, so that an error of ours is seen."""
        if not self._heard:
            return
        heard = self._heard[:]
        self._heard.clear()
        for line, lookup, result, error in heard:
            line.asking -= 1
            lookup.asking -= 1
            if result is not None:
                self._note(lookup, result)
            elif error not in NO_SUCH:
                lookup.failed = True
            if not lookup.over:
                self._judge(lookup)
            elif lookup.addresses:  # too late for those who asked, not for the next
                self._cache.put(lookup.name, lookup.answer, lookup.seconds, self._clock())
        for line in [line for line in self._retired if not line.asking]:
            self._retired.remove(line)
            line.close()

    def _note(self, lookup: LookUp, result: pycares.AddrInfoResult) -> None:
        for node in result.nodes:
            address = node.addr[0]
            lookup.addresses.append(address.decode() if isinstance(address, bytes) else address)
            lookup.seconds = min(lookup.seconds, node.ttl)
        for alias in result.cnames:
            lookup.seconds = min(lookup.seconds, alias.ttl)

    def _judge(self, lookup: LookUp) -> None:
        """Done, or to be waited for, or to be asked again?"""
        now = self._clock()
        if lookup.asking:
            if lookup.addresses:
                self._return_to(lookup, now + GRACE)
        elif lookup.addresses or not lookup.failed:
            self._finish(lookup)
        else:
            again = now + lookup.pause * random.uniform(0.75, 1.25)  # noqa: S311  (no secret)
            lookup.pause *= 2
            if again < lookup.ends:
                self._return_to(lookup, again)
            else:
                self._finish(lookup)

    def _return_to(self, lookup: LookUp, when: float) -> None:
        heapq.heappush(self._later, (when, id(lookup), lookup))

    def _finish(self, lookup: LookUp) -> None:
        answer = lookup.answer
        lookup.over = True
        del self._under_way[lookup.name]
        self._finished[lookup.name] = answer
        self._cache.put(lookup.name, answer, lookup.seconds, self._clock())


def has_ipv6() -> bool:
    """Whether this machine knows a way to public IPv6 addresses; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect(("2000::1", 53))
    except OSError:
        return False
    return True
