"""Lines, tables and a View -> a terminal: a display that moves, with the lines above it."""

from __future__ import annotations

import sys
from typing import IO, cast

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table as RichTable
from rich.text import Text

from img2dataset.reports.screen import Unbreakable
from img2dataset.reports.summary import Table
from img2dataset.reports.view import View


class LiveScreen:
    """A bar, the counts and the reasons, redrawn in place."""

    moves = True

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

    def line(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def show(self, view: View) -> None:
        self._live.update(draw(view), refresh=True)

    def table(self, table: Table) -> None:
        drawn_table = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for column, name in enumerate(table.columns):
            right = table.right_aligned(column)
            drawn_table.add_column(name, justify="right" if right else "left", no_wrap=right)
        for row in table.rows:
            drawn_table.add_row(*(Text(text) for text in row))
        self._console.print()
        self._console.print(drawn_table)

    def close(self) -> None:
        self._live.stop()


def draw(view: View) -> Group:
    """Three lines, cut to the width of the terminal so that they stay three."""
    bar = RichTable.grid(expand=True, padding=(0, 1))
    bar.add_column(ratio=1)
    bar.add_column(justify="right", no_wrap=True)
    total = None if view.total is None else max(view.total, view.done)
    bar.add_row(ProgressBar(total=total, completed=view.done), view.percent)
    counts = Text("  ".join(view.parts), no_wrap=True, overflow="ellipsis")
    failed = f"failed: {view.reasons}" if view.reasons else "no failures yet"
    return Group(bar, counts, Text(failed, style="dim", no_wrap=True, overflow="ellipsis"))
