"""Progress -> View: the texts that are shown while a run goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from img2dataset.report import Progress
from img2dataset.reports.rates import share
from img2dataset.tally import RestingHost
from img2dataset.text import plural

TOP_REASONS = 3


@dataclass(frozen=True, slots=True)
class View:
    """What is shown of a run that goes on."""

    elapsed: float
    done: int
    """Rows that are done, in this run and before."""
    total: int | None
    """Rows of the whole list, if known or estimated."""
    parts: tuple[str, ...]
    """Rows, shards, rate, success share, time left."""
    reasons: str
    """The most frequent reasons of failures; empty if nothing failed."""

    @property
    def percent(self) -> str:
        return f"{share(self.done, self.total):.0%}" if self.total else ""


def view_of(progress: Progress, rows_per_sec: float) -> View:
    tally = progress.tally
    done = tally.count + progress.rows_skipped
    shards = progress.shards_done + progress.shards_skipped
    parts = [
        f"{of_total(done, progress.rows_total, progress)} rows",
        f"{of_total(shards, progress.shards_total, progress)} shards",
        f"{rows_per_sec:.0f} img/s",
    ]
    if tally.count:
        parts.append(f"{share(tally.successes, tally.count):.1%} success")
    seconds = seconds_left(progress, rows_per_sec)
    if seconds is not None:
        parts.append(f"{'~' if progress.estimated else ''}{duration(seconds)} left")
    if progress.resting:
        parts.append(rests_of(progress.resting))
    return View(progress.elapsed, done, progress.rows_total, tuple(parts), top(tally.reasons))


def seconds_left(progress: Progress, rows_per_sec: float) -> float | None:
    """At the rate of now, but no less than the longest rest; None = cannot be told."""
    if progress.rows_total is None:
        return None
    left = max(0, progress.rows_total - progress.tally.count - progress.rows_skipped)
    rest = progress.resting[0].seconds if progress.resting else 0.0
    waiting = sum(host.rows for host in progress.resting)
    if waiting >= left > 0:  # nothing else is left: the rate says nothing of what comes after
        return rest
    return max(left / rows_per_sec, rest) if rows_per_sec > 0 else None


def rests_of(resting: Sequence[RestingHost]) -> str:
    """Who rests for how long, and how many rows wait for it."""
    first, others = resting[0], len(resting) - 1
    also = f" and {plural(others, 'other host')}" if others else ""
    rows = plural(sum(host.rows for host in resting), "row")
    return f"{rows} waiting for {first.name} (rests {first.seconds:.0f} s){also}"


def of_total(done: int, total: int | None, progress: Progress) -> str:
    if total is None:
        return f"{done:,}"
    # an estimate may be less than what is done already
    return f"{done:,}/{'~' if progress.estimated else ''}{max(total, done):,}"


def top(reasons: Mapping[str, int]) -> str:
    """The most frequent reasons with their counts."""
    ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count:,}" for name, count in ranked[:TOP_REASONS] if count)


def duration(seconds: float) -> str:
    """h:mm:ss."""
    return str(timedelta(seconds=round(seconds)))
