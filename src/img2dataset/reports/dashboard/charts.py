"""The course of a run -> charts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime

from img2dataset.pages import svg
from img2dataset.pages.areas import Area, draw_areas
from img2dataset.pages.reasons import name_colour
from img2dataset.pages.svg import Axis, Chart, Point
from img2dataset.reports.dashboard.history import Period, merge_pairs
from img2dataset.reports.words import FailureClass

MB = 1_000_000
MAX_PLACES = 120
"""Along the width of a chart; periods are merged until there are no more."""
LONG_S = 64_800.0
"""A run of this length needs dates."""


def draw_speed(periods: Sequence[Period]) -> str:
    """Draw rows per second over time."""
    shown = limit(periods)
    chart = Chart("speed", "Rows per second", "Rows that were finished, failures included.")
    return draw_rates(chart, shown, lambda period: period.rows, "rows per second")


def draw_volume(periods: Sequence[Period]) -> str:
    """Draw megabytes per second over time."""
    chart = Chart("volume", "Megabytes per second", "Bodies of rows that were finished.")
    return draw_rates(chart, limit(periods), lambda period: period.body_bytes / MB, "MB/s")


def draw_rates(
    chart: Chart, shown: Sequence[Period], measure: Callable[[Period], float], name: str
) -> str:
    """Draw what happened each second."""
    values = [measure(each) / each.seconds if each.seconds > 0 else 0.0 for each in shown]
    points = [Point(*each) for each in zip(name_times(shown), values, strict=True)]
    axis = Axis(round_up(max(values, default=0.0)), write_number, lambda value: f"{value:,.1f}")
    return svg.draw_line(chart, points, ("time", name), axis)


def draw_outcomes(periods: Sequence[Period]) -> str:
    """Draw the shares of successes and of each class of failures over time."""
    shown = limit([each for each in periods if each.rows])
    areas = [Area("success", "ok", tuple(each.successes for each in shown))]
    areas += [
        Area(
            kind.value,
            name_colour(kind.value),
            tuple(each.failures.get(kind.value, 0) for each in shown),
        )
        for kind in FailureClass
    ]
    chart = Chart(
        "outcomes", "Success and failures",
        "What became of the rows that were finished at each time. A sudden fall that ends again is "
        "a problem of the network or the resolver, and worth a retry.",
    )  # fmt: skip
    return draw_areas(chart, name_times(shown), areas, "time")


def limit(periods: Sequence[Period]) -> list[Period]:
    """Merge periods until they fit."""
    shown = list(periods)
    if len(shown) > 1 and shown[-1].seconds < shown[0].seconds / 2:
        shown.pop()  # too short to say how fast it is
    while len(shown) > MAX_PLACES:
        shown = merge_pairs(shown)
    return shown


def name_times(periods: Sequence[Period]) -> list[str]:
    """Name the end of each period, by the clock of this machine."""
    span = sum(each.seconds for each in periods)
    form = "%m-%d %H:%M" if span > LONG_S else "%H:%M:%S" if span < 3600 else "%H:%M"
    return [datetime.fromtimestamp(each.ended_at).astimezone().strftime(form) for each in periods]


def round_up(value: float) -> float:
    """Return 1, 2 or 5 times a power of ten that is not below `value`."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def write_number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == 0 else f"{value:,.1f}"
