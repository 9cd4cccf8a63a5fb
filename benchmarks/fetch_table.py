"""Figures of every tool -> a Markdown table, with the aims and whether they are reached."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.fetch_bench import Role
from benchmarks.fetch_cases import AtLeast, AtMost, Case, Channel, Figures, Times

OURS = (Role.ALIKE, Role.ALONE)


@dataclass(frozen=True, slots=True)
class Measured:
    """A case, and what each tool's rounds said."""

    case: Case
    rounds: Mapping[Role, Sequence[Figures]]

    def median(self, line: Channel, role: Role) -> float | None:
        """Return the median; None if the tool lacks the figure."""
        rounds = self.rounds.get(role, ())
        found = [figures[line.key] for figures in rounds if line.key in figures]
        return statistics.median(found) if found else None


def table(measured: Sequence[Measured]) -> str:
    columns = [role for role in Role if any(role in one.rounds for one in measured)]
    names = " | ".join(role.value for role in columns)
    lines = [f"| case | | {names} | aim |", f"|--|--|{'--:|' * len(columns)}--|"]
    for one in measured:
        title = one.case.title
        for line in one.case.lines:
            cells = " | ".join(cell(line, one, role) for role in columns)
            lines.append(f"| {title} | {line.title} | {cells} | {aim(line, one)} |")
            title = ""
    return "\n".join(lines)


def cell(line: Channel, measured: Measured, role: Role) -> str:
    value = measured.median(line, role)
    if value is None:
        return ""
    text = f"{value:.{line.decimals}f}"
    old = measured.median(line, Role.OLD)
    if not line.compared or role is Role.OLD or old is None:
        return text
    return f"{text} ({times_better(line, value, old):.1f} x)"


def times_better(line: Channel, value: float, old: float) -> float:
    better, worse = (value, old) if line.more_is_better else (old, value)
    return better / worse if worse else math.inf


def aim(line: Channel, measured: Measured) -> str:
    """Return the aim, and whether each column that it holds for reaches it."""
    if line.aim is None:
        return ""
    old = measured.median(line, Role.OLD)
    verdicts = [
        verdict(line, value, old)
        for value in (measured.median(line, role) for role in OURS)
        if value is not None
    ]
    return f"{aim_text(line.aim)}: {', '.join(verdicts)}"


def aim_text(aim: Times | AtLeast | AtMost) -> str:
    match aim:
        case Times(factor):
            return f"{factor:g} x"
        case AtLeast(value):
            return f"at least {value:g}"
        case AtMost(value):
            return f"at most {value:g}"


def verdict(line: Channel, value: float, old: float | None) -> str:
    match line.aim:
        case Times(factor):
            if old is None:
                return "?"
            reached = times_better(line, value, old) >= factor
        case AtLeast(least):
            reached = value >= least
        case AtMost(most):
            reached = value <= most
        case None:
            return ""
    return "yes" if reached else "**no**"
