"""Rows -> attempts, one for each URL -> what became of it, delivered to all of its rows once."""

from __future__ import annotations

from dataclasses import replace

from img2dataset.accounting.account import Stage
from img2dataset.accounting.clock import StageClock
from img2dataset.accounting.hosts import HostCount
from img2dataset.errors import Reason, RowError
from img2dataset.fetch.attempt import Attempt, AttemptState
from img2dataset.fetch.delivery import Deliver
from img2dataset.fetch.urls import UrlRules
from img2dataset.records import Body, Failure, Row


class Attempts:
    """The attempts that are under way, by URL and by state."""

    def __init__(
        self,
        timeout: float,
        deliver: Deliver,
        rules: UrlRules | None = None,
        clock: StageClock | None = None,
    ) -> None:
        """`timeout` = seconds that each attempt has; `rules` = which URLs are fetched."""
        self.clock = clock or StageClock()
        self._make_fetchable = (rules or UrlRules()).make_fetchable
        self._timeout = timeout
        self._deliver = deliver
        self._by_url: dict[str, Attempt] = {}  # by the URL of the list, until it is delivered
        self._counts = dict.fromkeys(AttemptState, 0)
        self.room_wait_s = 0.0
        """Seconds for which no transfer could start, since the stages after the engine were full."""
        self.duplicates = 0
        """Rows whose URL is under way for another row."""

    @property
    def counts(self) -> dict[AttemptState, int]:
        """How many attempts are in each state; states of none are left out."""
        return {state: count for state, count in self._counts.items() if count}

    def of_row(self, row: Row) -> Attempt | None:
        """Return an attempt at `row`; None if one is under way, or there can be none."""
        if row.problem is not None:
            reason = Reason.MALFORMED_LINE
            self._deliver(row, Failure(reason, reason.label, row.problem))
            return None
        try:
            url = self._make_fetchable(row.url)
        except RowError as error:
            self._deliver(row, Failure.of(error))
            return None
        attempt = self._by_url.get(url)
        if attempt is not None:
            attempt.rows.append(row)
            self.duplicates += 1
            return None
        attempt = self._by_url[url] = self.without_rows(url)
        attempt.rows.append(row)
        return attempt

    def without_rows(self, url: str) -> Attempt:
        """Return an attempt that no row wants: at a robots.txt, or to see if anything answers."""
        self._counts[AttemptState.ENTERING] += 1
        return Attempt.at(url, self._timeout)

    def begin_again(self, attempt: Attempt) -> None:
        """Return an attempt to the URL of the list, with all of its time."""
        attempt.begin_again(self._timeout)

    def move(self, attempt: Attempt, state: AttemptState) -> None:
        """Change the state of an attempt."""
        self._counts[attempt.state] -= 1
        attempt.state = state
        if state is not AttemptState.DONE:
            self._counts[state] += 1

    def end_wait(self, attempt: Attempt, now: float) -> None:
        """Note for how long an attempt has waited for a slot of its host; it is charged at its end."""
        if attempt.admitted:
            attempt.waited_s += now - self.room_wait_s - attempt.admitted
            attempt.admitted = 0.0

    def deliver(self, attempt: Attempt, outcome: Body | Failure) -> None:
        """End an attempt: the one place where a row that was asked for leaves."""
        if attempt.lookup_s:  # nothing was transferred since
            self.clock.add(attempt.shard, Stage.DNS, attempt.lookup_s)
        self.move(attempt, AttemptState.DONE)
        if not attempt.rows:
            return
        del self._by_url[attempt.listed]
        size = len(outcome.data) if isinstance(outcome, Body) else 0
        rows = len(attempt.rows)
        failures = 0 if size else rows
        count = HostCount(rows, failures, attempt.spent_s, size, attempt.waited_s)
        self.clock.add_host(attempt.shard, attempt.listed_host, count)
        self.duplicates -= len(attempt.rows) - 1
        if attempt.redirect is not None and isinstance(outcome, Failure) and not outcome.fetched:
            outcome = replace(outcome, fetched=attempt.redirect)
        if attempt.signals:
            outcome = replace(outcome, signals=tuple(attempt.signals))
        for row in attempt.rows:
            self._deliver(row, outcome)
