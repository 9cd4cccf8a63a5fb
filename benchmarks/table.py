"""Outcomes -> a Markdown table: ours and the other tools side by side."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from benchmarks.cases import Case, Outcome

MB = 1e6


@dataclass(frozen=True, slots=True)
class Metric:
    """A line of the table."""

    title: str
    value: Callable[[Outcome], float]
    decimals: int
    more_is_better: bool = False
    compared: bool = True


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
STORED = (
    Metric("images stored", lambda o: o.successes, 0, compared=False),
    Metric("kB of a stored image", lambda o: o.bytes_per_picture / 1000, 2),
)
SMALL = 100
"""URLs up to which a case is about start-up: rates say nothing then."""


class Tool(Enum):
    """The column that a tool fills."""

    OURS = "ours"
    OLD = "old"
    BEFORE = "before"
    SCRIPT = "60-line script"


@dataclass(frozen=True, slots=True)
class Measured:
    """A case, and what each tool did in every round; ours is always there."""

    case: Case
    runs: Mapping[Tool, Sequence[Outcome]]


def metrics(outcomes: Sequence[Outcome]) -> tuple[Metric, ...]:
    if outcomes[0].urls <= SMALL:
        return (WALL, Metric("CPU seconds", lambda o: o.usage.cpu, 2), *MEMORY)
    stored = STORED if outcomes[0].picture_bytes else ()
    return (*THROUGHPUT, *MEMORY, *stored)


def table(measured: Sequence[Measured]) -> str:
    """Return the table; in brackets: how many times better ours is."""
    tools = [tool for tool in Tool if any(tool in one.runs for one in measured)]
    titles = " | ".join(tool.value for tool in tools)
    lines = [f"| case | | {titles} |", f"|--|--|{'--:|' * len(tools)}"]
    for one in measured:
        ours = one.runs[Tool.OURS]
        title = f"{one.case.title}; {ours[0].urls} URLs"
        for metric in metrics(ours):
            cells = " | ".join(cell(metric, one, tool) for tool in tools)
            lines.append(f"| {title} | {metric.title} | {cells} |")
            title = ""
    return "\n".join(lines)


def cell(metric: Metric, measured: Measured, tool: Tool) -> str:
    outcomes = measured.runs.get(tool, ())
    if not outcomes:
        return ""
    number = median(metric, outcomes)
    if number is None:
        return "invalid"
    if not number:
        return "-"
    ours = median(metric, measured.runs[Tool.OURS])
    shown = f"{number:.{metric.decimals}f}"
    if tool is Tool.OURS or ours is None or not metric.compared:
        return shown
    return f"{shown} ({better_by(metric, ours, number):.2f} x)"


def median(metric: Metric, outcomes: Sequence[Outcome]) -> float | None:
    """Return the median; None if a run failed, because a tool that fails is fast."""
    if any(outcome.problem for outcome in outcomes):
        return None
    return statistics.median(metric.value(outcome) for outcome in outcomes)


def better_by(metric: Metric, ours: float, other: float) -> float:
    return ours / other if metric.more_is_better else other / ours


def remarks(measured: Sequence[Measured]) -> list[str]:
    """Return what a reader must know before trusting the numbers."""
    return [
        f"{one.case.name}, {tool.value}, round {n}: {remark}"
        for one in measured
        for tool, outcomes in one.runs.items()
        for n, outcome in enumerate(outcomes, start=1)
        for remark in doubts(outcome)
    ]


def doubts(outcome: Outcome) -> list[str]:
    usage = outcome.usage
    found = []
    if outcome.problem is not None:
        found.append(f"INVALID: {outcome.problem}")
    elif outcome.successes < outcome.urls:
        found.append(f"{outcome.urls - outcome.successes} images were not stored")
    if usage.elsewhere > 0.1:
        found.append(f"other programs took {usage.elsewhere:.0%} of the machine meanwhile")
    if usage.cpu_seen > 1.02 * usage.cpu + 0.1:
        found.append(
            f"a process was not waited for: CPU {usage.cpu:.1f} s, but {usage.cpu_seen:.1f} s seen"
        )
    if usage.left_behind:
        found.append(f"{usage.left_behind} processes were still there after the end")
    return found
