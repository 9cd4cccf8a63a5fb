"""Ends of requests to a host -> how many it may have at once, and when.

Every good answer allows a quarter of one more.  After the first sign of trouble (it refuses,
resets, times out, answers 429 or 503, or its answers take far longer to begin than its quickest
did) they are halved, and grow by one a round, as TCP does.  A host that refuses (429, 503) or asks
for a rest is left alone for as long as it asks; the level at which it refused is remembered, and
tried again only after a good while.  A host that does nothing but fail gets longer and longer rests,
and is given up for a while after a few of them; so is one that takes too long without a good answer,
see `host_cost`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from img2dataset.errors import Reason, RowError, format_http_label
from img2dataset.fetch.hosts.cost import HostCost, is_good
from img2dataset.fetch.politeness import Politeness
from img2dataset.fetch.retry import rest_after
from img2dataset.records import Body, Failure

DEAD = frozenset(
    {
        Reason.CONNECT_FAILED,
        Reason.CONNECT_TIMEOUT,
        Reason.PROXY_FAILED,
        Reason.TIMEOUT,
        Reason.CONNECTION_LOST,
    }
)
"""No sign of life, if no first byte came either."""
TOO_MUCH = frozenset({format_http_label(429), format_http_label(503)})

A = TypeVar("A")


@dataclass(eq=False, slots=True)
class Host(Generic[A]):
    """What is known of one host.  Times are of the monotonic clock."""

    name: str
    politeness: Politeness
    limit: float
    """Requests at once."""
    delay: float
    """Seconds between the starts of two requests."""
    active: int = 0
    running: int = 0
    """Of these, those that have started."""
    asked: int = 0
    """Requests that ever wanted a slot."""
    cost: HostCost = field(default_factory=HostCost)
    started: float = float("-inf")
    """When it was asked last."""
    next_start: float = 0.0
    """No request may start before."""
    rests_until: float = 0.0
    """The end of the rest that it asked for last, whatever it answered since."""
    reserved: bool = False
    """Whether `next_start` is a reserved time, not a rest."""
    free_at: float = 0.0
    """When the next request may start for all we know, if there is a delay between two."""
    troubled: bool = False
    halved_at: float = float("-inf")
    quickest: float = float("inf")
    """Seconds to the first byte, at best."""
    bad_level: float = float("inf")
    """How many at once were too many."""
    bad_until: float = 0.0
    bad_levels: int = 0
    """Times that such a level was found."""
    refusals: int = 0
    """Refusals (429, 503) in a row."""
    failures: int = 0
    """In a row without a sign of life."""
    trials: int = 0
    """Single tries since then."""
    given_up_until: float = 0.0
    given_up_times: int = 0
    why: Reason = Reason.HOST_GIVEN_UP
    parked: deque[A] = field(default_factory=deque)
    """Attempts that wait for it."""
    queued_until: float = float("inf")
    """When it is looked at again, if it waits for its time."""
    polls: int = 0
    """Looks in a row for a slot that another process may have given back."""
    slots: list[int] = field(default_factory=list)
    """Slots held, of those that all processes share."""

    @property
    def waits_until(self) -> float:
        return max(self.next_start, self.free_at, self.given_up_until)

    @property
    def failure(self) -> Failure:
        """The failure of its rows while it is given up."""
        return Failure.of(RowError(self.why))

    def is_forgettable(self, now: float) -> bool:
        """Return whether it can be forgotten: a healthy host is soon learnt again."""
        idle = self.active == 0 and not self.parked
        known = self.troubled or self.failures or self.cost.fruitless
        return idle and not known and self.waits_until <= now

    def wants_rest(self, now: float) -> bool:
        """Return whether the host itself asks for a rest."""
        if self.given_up_until > now and self.why is Reason.HOST_ASKS_FOR_REST:
            return True
        asked = self.rests_until > now or self.refusals or self.reserved or self.delay
        return self.next_start > now and bool(asked)

    def charge(self, now: float) -> None:
        """Count the time since the last call, if it was asked, or rows waited for its rest."""
        until = 0.0
        if self.running:
            until = now
        elif self.parked:
            until = min(now, self.next_start, self.rests_until)
        self.cost.charge(until, now)

    def credit(self, now: float, unit_s: float) -> None:
        """Credit a good answer, of its own or one that it redirected to."""
        self.cost.earn(unit_s, self.politeness)
        self.given_up_times = 0
        if self.why is Reason.HOST_GIVEN_UP:
            self.given_up_until = min(self.given_up_until, now)

    def weigh(self, now: float, allowed_s: float) -> None:
        """Give it up if it has taken too long without a good answer, or is about to."""
        if self.given_up_until > now:
            return
        rest = 0.0 if self.running else min(self.next_start, self.rests_until) - now
        enough = (
            self.cost.fruitless >= self.politeness.min_fruitless and self.cost.spent_s >= allowed_s
        )
        if enough or (rest > 0 and self.cost.spent_s + rest > allowed_s):
            self.limit = 1.0
            self.cost.spent_s = min(self.cost.spent_s, allowed_s)
            self._give_up(now)

    def learn(  # noqa: PLR0913  (what there is to know of an end)
        self,
        result: Body | Failure | None,
        first_byte: float,
        now: float,
        *,
        wish: float | None,
        level: int,
        max_active: int,
        unit_s: float = 0.0,
    ) -> None:
        """Learn from a request that is over, and no longer `active`; see `Hosts.ended`.

        `level` = how many were active with it; `max_active` = how many there may ever be;
        `unit_s` = seconds that a good answer earns.
        """
        if is_good(result):
            self.credit(now, unit_s)
        elif result is not None:
            self.cost.fruitless += 1
        self._count_failures(result if first_byte == 0 else None, now)
        if isinstance(result, Failure) and result.label in TOO_MUCH:
            self._obey(result.label, level, wish, now)
        else:
            self.refusals = 0
        if self._in_trouble(result, first_byte):
            self._halve(now)
        elif level >= self.limit / 2:  # what is not used is not known to be good
            self._grow(max_active, now)
        if first_byte > 0:
            self.quickest = min(self.quickest, first_byte)

    def forgive(self, now: float) -> None:
        """Forget the failures in which it had no part: the network was out."""
        if self.failures >= self.politeness.max_consecutive_failures and not self.reserved:
            self.next_start = now
        if self.why is Reason.HOST_GIVEN_UP:
            self.given_up_until = 0.0
        self.failures = self.trials = self.given_up_times = 0
        self.cost.forgive()

    def _count_failures(self, result: Body | Failure | None, now: float) -> None:
        if not isinstance(result, Failure) or result.reason not in DEAD:
            if self.trials and not self.reserved:  # a probe: it need not rest any longer
                self.next_start = min(self.next_start, now)
            self.failures = self.trials = 0
            return
        self.failures += 1
        if self.failures < self.politeness.max_consecutive_failures:
            return
        self.limit = 1.0
        if self.active > 0:  # what started before the last rest says nothing new
            return
        if self.trials < self.politeness.max_trials:
            self.trials += 1
            self._put_off(now + self.politeness.rest.delay(self.trials))
            return
        self._give_up(now)

    def _give_up(self, now: float) -> None:
        self.given_up_times += 1
        seconds = self.politeness.give_up.delay(self.given_up_times)
        self.given_up_until = max(now + seconds, self.next_start)
        self.why = Reason.HOST_GIVEN_UP

    def _obey(self, label: str, level: int, wish: float | None, now: float) -> None:
        """Obey a refusal; `level` = how many requests were active."""
        if self.next_start <= now or self.reserved or not self.refusals:
            self.refusals += 1  # else what it refuses was on its way already
        if now >= self.halved_at + self.politeness.halving_interval_s:
            self.bad_level = min(self.limit, float(level))
            self.bad_levels += 1
            self.bad_until = now + self.politeness.bad_level.delay(self.bad_levels)
        rest = rest_after(
            self.refusals, wish, self.politeness, sure=label == format_http_label(429)
        )
        if rest > self.politeness.max_retry_after_s:
            self.given_up_until = now + rest
            self.why = Reason.HOST_ASKS_FOR_REST
        else:
            self.rests_until = max(self.rests_until, now + rest)
            self._put_off(now + rest)

    def _put_off(self, until: float) -> None:
        """Let no request start before `until`."""
        if until > self.next_start:
            self.next_start = until
            self.reserved = False

    def _in_trouble(self, result: Body | Failure | None, first_byte: float) -> bool:
        if isinstance(result, Failure) and (result.reason in DEAD or result.label in TOO_MUCH):
            return True
        slow_s = self.politeness.slow_factor * self.quickest
        return first_byte > max(self.politeness.slow_first_byte_s, slow_s)

    def _halve(self, now: float) -> None:
        if now >= self.halved_at + self.politeness.halving_interval_s:
            self.halved_at = now
            self.troubled = True
            self.limit = max(1.0, self.limit / 2)

    def _grow(self, max_active: int, now: float) -> None:
        step = 1 / self.limit if self.troubled else self.politeness.growth
        limit = min(float(max_active), self.limit + step)
        if self.bad_until > now:
            limit = min(limit, max(1.0, self.bad_level - 1))
        self.limit = max(self.limit, limit)
