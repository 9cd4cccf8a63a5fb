"""Outcomes -> a Markdown table: ours and the old tool side by side."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.cases import Case, Outcome

MB = 1e6


@dataclass(frozen=True, slots=True)
class Metric:
    """A line of the table."""

    title: str
    value: Callable[[Outcome], float]
    decimals: int
    more_is_better: bool = False


WALL = Metric("seconds, whole command", lambda o: o.usage.wall, 2)
MEMORY = (
    Metric("peak memory of all processes, MB", lambda o: o.usage.peak_memory / MB, 0),
    Metric("peak memory of the largest process, MB", lambda o: o.usage.peak_process / MB, 0),
)
THROUGHPUT = (
    Metric("images/s, whole command", lambda o: o.images_per_second, 0, more_is_better=True),
    Metric(
        "images/s, first shard begun to last done",
        lambda o: o.images_per_second_working,
        0,
        more_is_better=True,
    ),
    Metric("CPU ms per image", lambda o: 1000 * o.cpu_per_image, 2),
)
SMALL = 100
"""URLs up to which a case is about start-up: rates say nothing then."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A case, and what both tools did in every round."""

    case: Case
    ours: Sequence[Outcome]
    old: Sequence[Outcome]


def metrics(outcomes: Sequence[Outcome]) -> tuple[Metric, ...]:
    if outcomes[0].urls <= SMALL:
        return (WALL, Metric("CPU seconds", lambda o: o.usage.cpu, 2), *MEMORY)
    return (*THROUGHPUT, *MEMORY)


def table(measured: Sequence[Measured]) -> str:
    lines = ["| case | | ours | old | better by |", "|--|--|--:|--:|--:|"]
    for one in measured:
        title = f"{one.case.title}; {one.ours[0].urls} URLs"
        for metric in metrics(one.ours):
            lines.append(line(title, metric, one))
            title = ""
    return "\n".join(lines)


def line(title: str, metric: Metric, measured: Measured) -> str:
    ours, old = (median(metric, outcomes) for outcomes in (measured.ours, measured.old))
    cells = [
        "invalid" if number is None else f"{number:.{metric.decimals}f}" for number in (ours, old)
    ]
    return f"| {title} | {metric.title} | {' | '.join(cells)} | {better_by(metric, ours, old)} |"


def median(metric: Metric, outcomes: Sequence[Outcome]) -> float | None:
    """Return the median; None if a run failed, because a tool that fails is fast."""
    if any(outcome.problem for outcome in outcomes):
        return None
    return statistics.median(metric.value(outcome) for outcome in outcomes)


def better_by(metric: Metric, ours: float | None, old: float | None) -> str:
    if not ours or not old:
        return "-"
    return f"{ours / old if metric.more_is_better else old / ours:.2f} x"


def remarks(measured: Sequence[Measured]) -> list[str]:
    """Return what a reader must know before trusting the numbers."""
    found = []
    for one in measured:
        for tool, outcomes in (("ours", one.ours), ("old", one.old)):
            found += [
                f"{one.case.name}, {tool}, round {n}: {remark}"
                for n, outcome in enumerate(outcomes, start=1)
                for remark in doubts(outcome)
            ]
    return found


def doubts(outcome: Outcome) -> list[str]:
    usage = outcome.usage
    found = []
    if outcome.problem is not None:
        found.append(f"INVALID: {outcome.problem}")
    if usage.elsewhere > 0.1:
        found.append(f"other programs took {usage.elsewhere:.0%} of the machine meanwhile")
    if usage.cpu_seen > 1.02 * usage.cpu + 0.1:
        found.append(
            f"a process was not waited for: CPU {usage.cpu:.1f} s, but {usage.cpu_seen:.1f} s seen"
        )
    if usage.left_behind:
        found.append(f"{usage.left_behind} processes were still there after the end")
    return found
