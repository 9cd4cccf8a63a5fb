"""Lines, tables and a View -> a terminal: a display that moves, with the lines above it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from textwrap import wrap
from typing import IO, cast

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table as RichTable
from rich.text import Text

from img2dataset.reports.screen import Unbreakable
from img2dataset.reports.summary import Table
from img2dataset.reports.view import View

GAP = "  "
"""Between two parts of a line."""
LIMIT_LINES = 3
"""What to change stands at the end of the sentence about what limits the run."""


class LiveScreen:
    """A bar, the counts and the reasons, redrawn in place."""

    moves = True
    stops_by = "Ctrl-C"

    def __init__(self, stream: Unbreakable) -> None:
        # rich honours NO_COLOR
        self._console = Console(file=cast("IO[str]", stream), force_terminal=True, highlight=False)
        self._live = Live(
            console=self._console,
            auto_refresh=False,  # the run calls a few times a second: no thread is needed
            transient=True,
            # what a user's script prints goes above the display, unless it goes to a file
            redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
        )

    def open(self) -> None:
        self._live.start()

    def notice(self, text: str) -> None:
        self._line(text)

    def figures(self, text: str) -> None:
        self._line(text)

    def show(self, view: View) -> None:
        self._live.update(draw(view, self._console.width), refresh=True)

    def close(self) -> None:
        self._live.stop()

    def summarize(self, tables: Sequence[Table], lines: Sequence[str]) -> None:
        for table in tables:
            self._console.print()
            self._console.print(draw_table(table))
        for line in ("", *lines):
            self._line(line)

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)


def draw(view: View, width: int) -> Group:
    """Draw a bar, and below it lines of at most `width` columns."""
    bar = RichTable.grid(expand=True, padding=(0, 1))
    bar.add_column(ratio=1)
    bar.add_column(justify="right", no_wrap=True)
    total = None if view.total is None else max(view.total, view.done)
    bar.add_row(ProgressBar(total=total, completed=view.done), view.percent)
    remarks = view.remarks or ("no failures yet",)
    limit = wrap(view.limit, width, max_lines=LIMIT_LINES, placeholder="…")
    return Group(
        bar,
        *(draw_line(line) for line in join_parts(view.parts, width)),
        *(draw_line(remark, style="dim") for remark in (*remarks, *limit)),
    )


def draw_line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def join_parts(parts: Sequence[str], width: int) -> list[str]:
    """Join parts to as few lines as `width` columns allow, and never break one."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}{GAP}{part}" if lines else ""
        if lines and cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines


def draw_table(table: Table) -> RichTable:
    drawn = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column, name in enumerate(table.columns):
        right = table.right_aligned(column)
        drawn.add_column(name, justify="right" if right else "left", no_wrap=right)
    for row in table.rows:
        drawn.add_row(*(Text(text) for text in row))
    return drawn
