"""Progress -> what a display shows during a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from img2dataset.report import Progress
from img2dataset.reports.rates import compute_share
from img2dataset.tally import RestingHost
from img2dataset.text import plural

TOP_REASONS = 3


@dataclass(frozen=True, slots=True)
class View:
    """What is shown during a run."""

    elapsed: float
    done: int
    """Rows that are done, in this run and before."""
    total: int | None
    """Rows of the whole list, if known or estimated."""
    parts: tuple[str, ...]
    """Rows, shards, rate, success share, time left: each a few words."""
    remarks: tuple[str, ...]
    """The most frequent reasons of failures, hosts at rest: each a line, the most important first."""
    limit: str = ""
    """What limits the run, in a sentence; empty while it is too early to say."""
    limit_kind: str = ""
    """The same in a word, which stays the same while only numbers of the sentence change."""

    @property
    def percent(self) -> str:
        return f"{compute_share(self.done, self.total):.0%}" if self.total else ""


def make_view(progress: Progress, rows_per_sec: float, job_left: float | None = None) -> View:
    """Make what is shown.

    Args:
        progress: how far the run is.
        rows_per_sec: its current rate.
        job_left: seconds until a scheduler ends the job; None if it does not.
    """
    tally = progress.tally
    done = tally.count + progress.rows_skipped
    shards = progress.shards_done + progress.shards_skipped
    parts = [
        f"{format_of_total(done, progress.rows_total, progress)} rows",
        f"{format_of_total(shards, progress.shards_total, progress)} shards",
        f"{rows_per_sec:.0f} img/s",
    ]
    if tally.count:
        parts.append(f"{compute_share(tally.successes, tally.count):.1%} success")
    seconds = estimate_seconds_left(progress, rows_per_sec)
    if seconds is not None:
        parts.append(f"{'~' if progress.estimated else ''}{format_duration(seconds)} left")
    if job_left is not None:
        parts.append(describe_job_end(job_left, seconds))
    remarks = [f"failed: {list_top_reasons(tally.reasons)}"] if tally.reasons else []
    if progress.resting:
        remarks.append(describe_rests(progress.resting))
    found = progress.bottleneck
    limit = found if found is not None and found.is_found else None
    return View(
        progress.elapsed,
        done,
        progress.rows_total,
        tuple(parts),
        tuple(remarks),
        "" if limit is None else make_printable(limit.text),
        "" if limit is None else limit.kind.value,
    )


def describe_job_end(job_left: float, run_left: float | None) -> str:
    """Describe when the job ends, and whether that is before the run does."""
    early = " (before the run)" if run_left is not None and run_left > job_left else ""
    return f"job ends in {format_duration(job_left)}{early}"


def estimate_seconds_left(progress: Progress, rows_per_sec: float) -> float | None:
    """Estimate the time left from the current rate and the longest rest; None = unknown."""
    if progress.rows_total is None:
        return None
    left = max(0, progress.rows_total - progress.tally.count - progress.rows_skipped)
    rest = progress.resting[0].seconds if progress.resting else 0.0
    waiting = sum(host.rows for host in progress.resting)
    if waiting >= left > 0:  # nothing else is left: the rate says nothing of what comes after
        return rest
    return max(left / rows_per_sec, rest) if rows_per_sec > 0 else None


def describe_rests(resting: Sequence[RestingHost]) -> str:
    """Describe which host rests for how long, and how many rows wait."""
    first, others = resting[0], len(resting) - 1
    also = f" and {plural(others, 'other host')}" if others else ""
    rows = plural(sum(host.rows for host in resting), "row")
    return f"{rows} waiting for {first.name} (rests {first.seconds:.0f} s){also}"


def format_of_total(done: int, total: int | None, progress: Progress) -> str:
    if total is None:
        return f"{done:,}"
    # an estimate may be less than what is done already
    return f"{done:,}/{'~' if progress.estimated else ''}{max(total, done):,}"


def make_printable(text: str) -> str:
    """Replace control characters: a text of the list must not control a terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def list_top_reasons(reasons: Mapping[str, int]) -> str:
    """List the most frequent reasons with their counts."""
    ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count:,}" for name, count in ranked[:TOP_REASONS] if count)


def format_duration(seconds: float) -> str:
    """Format seconds as h:mm:ss."""
    return str(timedelta(seconds=round(seconds)))
