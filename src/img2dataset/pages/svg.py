"""Numbers -> charts in SVG, for pages that scale: no script, no measures of a screen.

Places along the width are percentages, heights are pixels, so that text keeps its size on a
narrow screen.  Colours are classes (`c-NAME`) of the page's style.  Each chart has a title and a
description for screen readers, values as titles of their shapes, and a table with all numbers.
Every text is escaped here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

MAX_POINTS = 300
"""Points of a line; more are merged, the lowest and highest of each group stay."""
MAX_LABEL = 30
"""Characters of a label that is drawn; its title has all of them."""
BAR_HEIGHT, BAR_STEP = 14, 42
COLUMNS_HEIGHT, LINE_HEIGHT, LABELS_HEIGHT = 150, 160, 22
"""Pixels."""
GRID = (0.0, 0.5, 1.0)
"""Shares of the height at which a line chart has a line."""
LINE_WIDTH = "92%"
"""The rest has the labels of the grid."""
HIDDEN_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of characters that a page must not take from a list: they change its order."""


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart is about."""

    id: str
    """Unique on the page: letters, digits and dashes."""
    title: str
    description: str
    """What it shows, in a sentence or two."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar."""

    value: float
    name: str
    colour: str
    """Name of a colour: class `c-NAME` of the page's style."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar, with its label at the left and a note at the right."""

    label: str
    segments: tuple[Segment, ...]
    note: str = ""

    @property
    def total(self) -> float:
        """Length of the bar."""
        return sum(segment.value for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a histogram."""

    label: str
    tick: str
    """Short form of the label, below the column."""
    value: int


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a line."""

    label: str
    """Where it is along the width."""
    value: float


@dataclass(frozen=True, slots=True)
class Axis:
    """What the height of a line chart means."""

    highest: float
    """The value at its top."""
    write: Callable[[float], str]
    """Writes a value for the grid."""
    write_exactly: Callable[[float], str]
    """Writes a value for the table."""


SHARES = Axis(1.0, lambda share: f"{share:.0%}", lambda share: f"{share:.1%}")
"""0 to 1, shown in per cent."""


def text(words: object) -> str:
    """Escape a text for HTML and SVG; characters that are not shown become U+FFFD."""
    plain = str(words)
    if not plain.isprintable():
        plain = "".join(
            "\ufffd" if unicodedata.category(c) in HIDDEN_CATEGORIES and c != "\n" else c
            for c in plain
        )
    return escape(plain, quote=True)


def shorten(label: str, limit: int = MAX_LABEL) -> str:
    """Cut a label to `limit` characters."""
    return label if len(label) <= limit else f"{label[: limit - 1]}…"


def place(share: float) -> str:
    """Write a share of the width."""
    return f"{100 * share:.2f}%"


def count(number: float) -> str:
    """Write a number as people read it."""
    return f"{number:,.0f}"


# -- charts --


def draw_bars(
    chart: Chart, bars: Sequence[Bar], columns: tuple[str, str], *, shares: bool = False
) -> str:
    """Draw horizontal bars, one below the other, each of some segments.

    `columns` names what bars and numbers are, for the table.  With `shares` each bar has the whole
    width; else the longest has.
    """
    longest = max((bar.total for bar in bars), default=0) or 1
    shapes = "".join(
        draw_bar(bar, number * BAR_STEP, (bar.total or 1) if shares else longest)
        for number, bar in enumerate(bars)
    )
    names = list(dict.fromkeys(part.name for bar in bars for part in bar.segments))
    rows = [
        [
            bar.label,
            *(count(sum(s.value for s in bar.segments if s.name == name)) for name in names),
        ]
        for bar in bars
    ]
    colours = {part.name: part.colour for bar in bars for part in bar.segments if part.value}
    heads = [columns[0], *(names if len(names) > 1 else [columns[1]])]
    return make_figure(
        chart, shapes, max(1, len(bars)) * BAR_STEP, make_table(chart.title, heads, rows),
        legend=make_legend(colours) if len(names) > 1 else "",
    )  # fmt: skip


def draw_bar(bar: Bar, top: int, longest: float) -> str:
    parts = [
        f'<text x="0" y="{top + 14}">{text(shorten(bar.label))}<title>{text(bar.label)}</title></text>',
        f'<text class="note" x="100%" y="{top + 14}" text-anchor="end">{text(bar.note)}</text>',
        f'<rect class="track" x="0" y="{top + 20}" width="100%" height="{BAR_HEIGHT}" rx="2"/>',
    ]
    left = 0.0
    for segment in bar.segments:
        if segment.value <= 0:
            continue
        width = segment.value / longest
        parts.append(
            f'<rect class="c-{segment.colour}" x="{place(left)}" y="{top + 20}" '
            f'width="{place(width)}" height="{BAR_HEIGHT}">'
            f"<title>{text(bar.label)}: {text(segment.name)} {count(segment.value)}</title></rect>"
        )
        left += width
    return "".join(parts)


def draw_columns(chart: Chart, columns: Sequence[Column], names: tuple[str, str]) -> str:
    """Draw a histogram; `names` are those of its values and its counts, for the table."""
    highest = max((column.value for column in columns), default=0) or 1
    total = sum(column.value for column in columns) or 1
    step = 1 / max(1, len(columns))
    parts = [draw_baseline(COLUMNS_HEIGHT)]
    for number, column in enumerate(columns):
        height = round(column.value / highest * (COLUMNS_HEIGHT - 20), 1)
        top = COLUMNS_HEIGHT - height
        middle = place((number + 0.5) * step)
        if column.value:
            parts.append(
                f'<rect class="c-main" x="{place((number + 0.08) * step)}" y="{top:.1f}" '
                f'width="{place(0.84 * step)}" height="{max(height, 1):.1f}" rx="2">'
                f"<title>{text(column.label)}: {count(column.value)} "
                f"({column.value / total:.1%})</title></rect>"
            )
            parts.append(
                f'<text class="small" x="{middle}" y="{top - 4:.1f}" text-anchor="middle">'
                f"{make_percentage(column.value / total)}</text>"
            )
        parts.append(
            f'<text class="small{" odd" if number % 2 else ""}" x="{middle}" y="{COLUMNS_HEIGHT + 15}" text-anchor="middle">'
            f"{text(column.tick)}</text>"
        )
    rows = [[c.label, count(c.value), f"{c.value / total:.1%}"] for c in columns]
    table = make_table(chart.title, [*names, "share"], rows)
    return make_figure(chart, "".join(parts), COLUMNS_HEIGHT + LABELS_HEIGHT, table)


def make_percentage(share: float) -> str:
    """Write a share so that it fits above a narrow column."""
    return f"{share:.0%}" if share >= 0.005 else "<1%".replace("<", "&lt;")


def draw_baseline(height: int) -> str:
    return f'<line class="axis" x1="0" y1="{height}" x2="100%" y2="{height}"/>'


def draw_line(
    chart: Chart, points: Sequence[Point], names: tuple[str, str], axis: Axis = SHARES
) -> str:
    """Draw a line; `names` are those of its points and its values, for the table."""
    kept = thin_out(points)
    path = " ".join(
        f"{1000 * number / max(1, len(kept) - 1):.1f},{1000 * (1 - point.value / axis.highest):.1f}"
        for number, point in enumerate(kept)
    )
    if len(kept) == 1:  # a line needs two ends
        path += f" 1000,{1000 * (1 - kept[0].value / axis.highest):.1f}"
    line = f'<polyline class="line" points="{path}"/>'
    rows = [[point.label, axis.write_exactly(point.value)] for point in kept]
    return make_figure(
        chart, draw_plane(line, [point.label for point in kept], axis),
        LINE_HEIGHT + LABELS_HEIGHT, make_table(chart.title, names, rows),
    )  # fmt: skip


def draw_plane(shapes: str, labels: Sequence[str], axis: Axis) -> str:
    """Draw the grid, and `shapes` in a plane of 1000 by 1000; `labels` are those along the width."""
    height = LINE_HEIGHT
    grid = "".join(
        f'<line class="grid" x1="0" y1="{at}" x2="100%" y2="{at}"/>'
        f'<text class="small" x="100%" y="{at - 3}" text-anchor="end">'
        f"{text(axis.write(share * axis.highest))}</text>"
        for share, at in ((each, round(20 + (1 - each) * (height - 20))) for each in GRID)
    )
    plane = (
        f'<svg x="0" y="20" width="{LINE_WIDTH}" height="{height - 20}" viewBox="0 0 1000 1000" '
        f'preserveAspectRatio="none" overflow="visible">{shapes}</svg>'
    )
    ends = ""
    if labels:
        ends = (
            f'<text class="small" x="0" y="{height + 15}">{text(labels[0])}</text>'
            f'<text class="small" x="{LINE_WIDTH}" y="{height + 15}" text-anchor="end">{text(labels[-1])}</text>'
        )
    return grid + plane + ends


def thin_out(points: Sequence[Point], limit: int = MAX_POINTS) -> list[Point]:
    """Keep at most `limit` points: of each group the lowest and the highest, in their order."""
    if len(points) <= limit:
        return list(points)
    groups = limit // 2
    kept: list[Point] = []
    for number in range(groups):
        first, end = number * len(points) // groups, (number + 1) * len(points) // groups
        group = range(first, end)
        low = min(group, key=lambda place: points[place].value)
        high = max(group, key=lambda place: points[place].value)
        kept += [points[place] for place in sorted({low, high})]
    return kept


# -- what is around a chart --


def make_figure(chart: Chart, shapes: str, height: int, table: str, legend: str = "") -> str:
    """Put a chart together: heading, picture, legend, and the table with its numbers."""
    name = text(chart.id)
    return (
        f'<figure class="chart"><figcaption><h3>{text(chart.title)}</h3>'
        f"<p>{text(chart.description)}</p></figcaption>{legend}"
        f'<svg role="img" aria-labelledby="{name}-t {name}-d" width="100%" height="{height}">'
        f'<title id="{name}-t">{text(chart.title)}</title>'
        f'<desc id="{name}-d">{text(chart.description)}</desc>{shapes}</svg>'
        f"<details><summary>The numbers as a table"
        f'<span class="for-readers">: {text(chart.title)}</span></summary>{table}</details></figure>'
    )


def make_legend(colours: dict[str, str]) -> str:
    items = "".join(
        f'<li><span class="swatch b-{colour}"></span>{text(name)}</li>'
        for name, colour in colours.items()
    )
    return f'<ul class="legend">{items}</ul>'


def make_table(name: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Make a table of texts, which scrolls if it is too wide; `name` is unique on the page."""
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return wrap_table(f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>", name)


def wrap_table(content: str, name: str) -> str:
    """Let a wide table scroll, by the keyboard too."""
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="Table: {text(name)}">'
        f"<table>{content}</table></div>"
    )
