"""Shares that change -> a chart of areas, one upon the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from img2dataset.pages import svg
from img2dataset.pages.svg import LABELS_HEIGHT, LINE_HEIGHT, SHARES, Chart, text


@dataclass(frozen=True, slots=True)
class Area:
    """What has a share of each place along the width."""

    name: str
    colour: str
    """As of a `Segment`."""
    values: tuple[float, ...]
    """One for each place."""


def draw_areas(chart: Chart, labels: Sequence[str], areas: Sequence[Area], name: str) -> str:
    """Draw areas: at each place they fill the height, in the order given, from below.

    Args:
        chart: what it is about.
        labels: those of the places along the width.
        areas: each with as many values as there are labels.
        name: what the labels are, for the table.
    """
    totals = [sum(area.values[place] for area in areas) for place in range(len(labels))]
    base = [0.0] * len(labels)
    shapes = []
    for area in areas:
        top = [
            low + (value / total if total else 0.0)
            for low, value, total in zip(base, area.values, totals, strict=True)
        ]
        if labels and any(area.values):
            shapes.append(
                f'<polygon class="c-{area.colour}" points="{trace(base, top)}">'
                f"<title>{text(area.name)}</title></polygon>"
            )
        base = top
    shown = [area for area in areas if any(area.values)]
    rows = [
        [label, *(share_of(area.values[place], totals[place]) for area in shown)]
        for place, label in enumerate(labels)
    ]
    table = svg.make_table(chart.title, [name, *(area.name for area in shown)], rows)
    plane = svg.draw_plane("".join(shapes), labels, SHARES)
    legend = svg.make_legend({area.name: area.colour for area in shown})
    return svg.make_figure(chart, plane, LINE_HEIGHT + LABELS_HEIGHT, table, legend)


def trace(low: Sequence[float], high: Sequence[float]) -> str:
    """Trace the outline between two lines of shares, in a plane of 1000 by 1000."""
    if len(low) == 1:  # an area needs two ends
        low, high = [low[0]] * 2, [high[0]] * 2
    step = 1000 / (len(low) - 1)
    there = [f"{number * step:.1f},{1000 * (1 - y):.1f}" for number, y in enumerate(high)]
    back = [f"{number * step:.1f},{1000 * (1 - y):.1f}" for number, y in enumerate(low)]
    return " ".join([*there, *reversed(back)])


def share_of(value: float, total: float) -> str:
    return f"{value / total:.1%}" if total else "-"
