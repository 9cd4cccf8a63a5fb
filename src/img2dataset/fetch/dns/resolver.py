"""Host names -> addresses, thousands at once, without a thread, inside the engine's loop.

c-ares sends the questions and reads the answers; this module adds what a long list of URLs needs:
a bounded cache, one look-up per name however many rows wait for it, patience with a resolver
that fails now and then, and a strict line between "there is no such host", an answer of the
name servers, and "the host was not resolved", a failure of theirs.

How many look-ups are under way at once is the caller's choice (`in_flight`); they share one
socket per name server.  Five hundred are plenty: at 50 ms each that is 10,000 names a second.
The channels of c-ares are in `channel`.
"""

from __future__ import annotations

import heapq
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from img2dataset.fetch.dns.channel import NO_FD, Channel, ChannelConfig, DnsReply
from img2dataset.fetch.dns.name_cache import (
    HOSTS_FILE,
    NO_SUCH_HOST,
    NOT_RESOLVED,
    Answer,
    Cache,
    read_hosts_file,
    resolve_locally,
    sort_addresses,
)
from img2dataset.fetch.politeness import POLITE, Politeness

__all__ = ["Answer", "Resolver"]


@dataclass(eq=False, slots=True)
class LookUp:
    """One name under way.  The two families are asked apart: c-ares, asked for both, says that
    there is no such host when one failed and the other has no addresses."""

    name: str
    ends: float
    missing: set[socket.AddressFamily]
    """Families of which there is neither an address nor the word that there is none."""
    seconds: float
    """For which its addresses may be kept."""
    asking: int = 0
    """Questions that c-ares has not answered, patient ones left out."""
    asking_patiently: int = 0
    pauses: int = 0
    pausing: bool = False
    """Whether it is to be asked again after a pause."""
    addresses: list[str] = field(default_factory=list)
    over: bool = False

    def take(self, reply: DnsReply[LookUp]) -> None:
        """Take the answer of a name server."""
        self.missing.discard(reply.family)
        self.addresses += reply.addresses
        if reply.seconds is not None:
            self.seconds = min(self.seconds, reply.seconds)

    @property
    def answer(self) -> Answer:
        """The answer as far as it is known."""
        if self.addresses:
            return Answer(sort_addresses(self.addresses))
        return NOT_RESOLVED if self.missing else NO_SUCH_HOST


class Resolver:
    """Resolves names: `ask` for one; what is not known at once comes by `answers`, after `ready` or
    `tick`."""

    def __init__(
        self,
        servers: Sequence[str],
        watch: Callable[[int, bool, bool], None],
        *,
        ipv6: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
        politeness: Politeness = POLITE,
    ) -> None:
        """`servers`: addresses with optional ports, asked by turns; none = as the system does.

        /etc/hosts, read once, comes first in either case.  `watch(fd, reading, writing)` sets what the loop has to
        wait for; both False = forget fd, which is about to be closed; it must not raise.
        `ipv6`: ask for IPv6 addresses too; None = if this machine has a way to them.
        """
        self._servers = tuple(servers)
        self._watch = watch
        self._clock = clock
        self._politeness = politeness
        with_ipv6 = has_ipv6() if ipv6 is None else ipv6
        self._families = (socket.AF_INET, socket.AF_INET6) if with_ipv6 else (socket.AF_INET,)
        self._replies: list[DnsReply[LookUp]] = []
        # by which server comes first; the last one searches, for names without a dot
        self._channels: list[Channel[LookUp] | None] = [None] * (max(1, len(servers)) + 1)
        # by server, and whether they search
        self._patient: dict[tuple[str, bool], Channel[LookUp]] = {}
        self._retired: list[Channel[LookUp]] = []
        self._asked = 0
        self._hosts = read_hosts_file(HOSTS_FILE)
        self._cache = Cache(politeness)
        self._under_way: dict[str, LookUp] = {}
        self._finished: dict[str, Answer] = {}
        self._ends: deque[LookUp] = deque()
        self._silent: deque[tuple[float, LookUp]] = deque()
        self._later: list[tuple[float, int, LookUp]] = []

    def ask(self, name: str) -> Answer | None:
        """Return what is known of `name`; None = the answer comes by `answers`."""
        now = self._clock()
        known = self._cache.get(name, now)
        if known is not None:
            return known
        if name in self._under_way or name in self._finished:
            return None
        known = resolve_locally(name) or self._hosts.get(name.lower().removesuffix("."))
        if known is not None:
            return known
        lookup = LookUp(
            name,
            now + self._politeness.max_lookup_s,
            {*self._families},
            self._politeness.max_name_memory_s,
        )
        self._under_way[name] = lookup
        self._ends.append(lookup)
        self._silent.append((now + self._politeness.patient_after_s, lookup))
        self._send(lookup)
        self._take_in()
        return self._finished.pop(name, None)

    def ready(self, fd: int, reading: bool, writing: bool) -> None:  # noqa: FBT001  (as `watch`)
        """Read or write `fd`, which the loop found ready."""
        for channel in self._open_channels():
            if fd in channel.fds:
                channel.process(fd if reading else NO_FD, fd if writing else NO_FD)
        self._take_in()

    def tick(self) -> None:
        """Handle timeouts and retries; to be called when `next_timeout` is over."""
        for channel in self._open_channels():
            channel.process(NO_FD, NO_FD)
        self._take_in()
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            lookup = heapq.heappop(self._later)[2]
            if lookup.over:
                continue
            if lookup.addresses:  # the other family is late
                self._finish(lookup)
            else:
                lookup.pausing = False
                self._send(lookup)
        while self._silent and (self._silent[0][1].over or self._silent[0][0] <= now):
            lookup = self._silent.popleft()[1]
            if not lookup.over:
                self._send_patiently(lookup)
        while self._ends and (self._ends[0].over or self._ends[0].ends <= now):
            lookup = self._ends.popleft()
            if not lookup.over:
                self._finish(lookup)
        self._take_in()

    def next_timeout(self) -> float | None:
        """Return the seconds until `tick` is due; None = nothing is under way."""
        if self._finished:
            return 0.0
        if not self._under_way:
            return None
        while self._ends[0].over:
            self._ends.popleft()
        due = self._ends[0].ends
        if self._later:
            due = min(due, self._later[0][0])
        while self._silent and self._silent[0][1].over:
            self._silent.popleft()
        if self._silent:
            due = min(due, self._silent[0][0])
        longest = max(0.0, due - self._clock())
        return min(channel.timeout(longest) for channel in self._open_channels())

    def answers(self) -> list[tuple[str, Answer]]:
        """Take the look-ups that ended since the last call."""
        finished, self._finished = self._finished, {}
        return list(finished.items())

    def forgive(self) -> None:
        """Forget the failures in which the name servers had no part: the network was out.

        What is under way has all of its time again: who asks now gets no answer from before.  The
        system's name servers are read again: in another network there are others.
        """
        self._cache.forgive()
        if not self._servers:
            self._retired += [channel for channel in self._channels if channel is not None]
            self._channels = [None] * len(self._channels)
        ends = self._clock() + self._politeness.max_lookup_s
        for lookup in self._under_way.values():
            lookup.ends = ends
            lookup.pauses = 0

    def forget(self, name: str) -> None:
        """Forget what is known of a name: who asks next hears what the name servers say now."""
        self._cache.forget(name)

    @property
    def in_flight(self) -> int:
        """Look-ups under way."""
        return len(self._under_way)

    def close(self) -> None:
        """Close all channels; what is under way is never answered."""
        for channel in self._open_channels():
            channel.close()
        self._channels = [None] * len(self._channels)
        self._patient.clear()
        self._retired.clear()
        self._replies.clear()
        self._under_way.clear()

    def _open_channels(self) -> list[Channel[LookUp]]:
        channels = (channel for channel in self._channels if channel is not None)
        return [*channels, *self._patient.values(), *self._retired]

    def _send(self, lookup: LookUp) -> None:
        channel = self._channel_for(lookup.name)
        for family in tuple(lookup.missing):
            lookup.asking += 1
            channel.ask(lookup, lookup.name, family)

    def _send_patiently(self, lookup: LookUp) -> None:
        """Ask each server once, and wait for its answer to the end."""
        servers = self._servers or self._channel_for(lookup.name).servers
        for server in servers[: self._politeness.max_patient_servers]:
            channel = self._patient_channel(server, search="." not in lookup.name)
            for family in tuple(lookup.missing):
                lookup.asking_patiently += 1
                channel.ask(lookup, lookup.name, family)

    def _patient_channel(self, server: str, *, search: bool) -> Channel[LookUp]:
        channel = self._patient.get((server, search))
        if channel is not None and channel.answered >= self._politeness.max_patient_answers:
            self._retired.append(channel)
            channel = None
        if channel is None:
            wait_s = self._politeness.max_lookup_s
            config = ChannelConfig((server,), wait_s, tries=1, search=search, is_patient=True)
            channel = self._patient[server, search] = Channel(self._replies, self._watch, config)
        return channel

    def _channel_for(self, name: str) -> Channel[LookUp]:
        """Return a channel, a fresh one instead of one that was used long enough; servers take turns to be first,
        and c-ares goes on to the others when the first fails."""
        search = "." not in name
        self._asked += 1
        first = len(self._channels) - 1 if search else self._asked % (len(self._channels) - 1)
        channel = self._channels[first]
        if channel is not None and channel.asked >= self._politeness.max_channel_questions:
            self._retired.append(channel)
            channel = None
        if channel is None:
            servers = (*self._servers[first:], *self._servers[:first])
            politeness = self._politeness
            config = ChannelConfig(
                servers, politeness.lookup_wait_s, politeness.lookup_tries, search
            )
            channel = Channel(self._replies, self._watch, config)
            self._channels[first] = channel
        return channel

    def _take_in(self) -> None:
        """Take in the replies of c-ares; not in its callbacks, so that an exception is seen."""
        if not self._replies:
            return
        replies = self._replies[:]
        self._replies.clear()
        for each in replies:
            lookup = each.what
            if each.channel.config.is_patient:
                lookup.asking_patiently -= 1
            else:
                lookup.asking -= 1
            if each.is_answer and each.family in lookup.missing:
                lookup.take(each)
            if not lookup.over:
                self._judge(lookup)
            elif lookup.addresses:  # too late for this row, not for the next
                self._cache.put(lookup.name, lookup.answer, lookup.seconds, self._clock())
        for channel in [channel for channel in self._retired if not channel.asking]:
            self._retired.remove(channel)
            channel.close()

    def _judge(self, lookup: LookUp) -> None:
        """Finish a look-up, wait for it, or ask again."""
        now = self._clock()
        if not lookup.missing or (lookup.addresses and not lookup.asking):
            self._finish(lookup)
        elif lookup.addresses:
            self._return_to(lookup, now + self._politeness.family_grace_s)
        elif not lookup.asking and not lookup.pausing:
            lookup.pauses += 1
            again = now + self._politeness.lookup_retry.delay(lookup.pauses)
            if again < lookup.ends:
                lookup.pausing = True
                self._return_to(lookup, again)
            elif not lookup.asking_patiently:
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
    """Return whether this machine has a route to public IPv6 addresses; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect(("2000::1", 53))
    except OSError:
        return False
    return True
