"""What a run did so far -> the terminal: log lines, how far it is, tables, and one last line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from img2dataset.report import Progress, Report
from img2dataset.reports.advice import make_last_line
from img2dataset.reports.rates import RecentRate, StoredTotals, compute_shard_rates
from img2dataset.reports.screen import PlainScreen, Screen, Unbreakable
from img2dataset.reports.summary import list_facts, make_tables
from img2dataset.reports.view import make_view
from img2dataset.tally import ShardResult
from img2dataset.text import plural
from img2dataset.version import VERSION


class TerminalReporter:
    """Shows a run on stderr: with a live display on a terminal, as plain lines elsewhere."""

    def __init__(
        self, stream: TextIO | None = None, screen: Screen | None = None, *, verbose: bool = False
    ) -> None:
        """`verbose`: show the total after each shard on a terminal too."""
        self._verbose = verbose
        self._screen = screen or find_screen(stream or sys.stderr)
        self._stored = StoredTotals()
        self._recent = RecentRate()
        self.concluded = False
        """Whether the last line was printed."""

    def started(self, options: Mapping[str, Any], output_folder: str) -> None:
        self._screen.open()
        self._screen.line(
            f"img2dataset {VERSION}: {options['output_format']} into {output_folder}; "
            "Ctrl-C stops, and the same command goes on from there"
        )

    def shard_done(self, result: ShardResult, progress: Progress) -> None:
        self._stored = self._stored.plus(result)
        if result.kept is not None:
            back, rows = result.tally.successes, result.tally.count
            self._screen.line(f"shard {result.name}: {back} of {plural(rows, 'row')} came back")
        self._screen.line(compute_shard_rates(result).line("worker"))
        if (
            self._verbose or not self._screen.moves
        ):  # the live display has the totals; scripts read these lines
            self._screen.line(self._stored.rates.line("total"))
        self.progress(progress)

    def progress(self, progress: Progress) -> None:
        self._screen.show(make_view(progress, self._recent.after(progress)))

    def notice(self, text: str) -> None:
        self._screen.line(text)

    def finished(self, report: Report, progress: Progress) -> None:  # noqa: ARG002
        self._screen.close()
        for table in make_tables(report):
            self._screen.table(table)
        self._screen.line("")
        for fact in list_facts(report):
            self._screen.line(fact)
        self._screen.line(make_last_line(report))
        self.concluded = True

    def close(self) -> None:
        self._screen.close()


def find_screen(stream: TextIO | None, environ: Mapping[str, str] = os.environ) -> Screen:
    """Return the screen that `stream` supports."""
    unbreakable = Unbreakable(stream)
    can_move = environ.get("TERM", "").lower() not in ("dumb", "unknown")
    if not (unbreakable.isatty() and can_move):
        return PlainScreen(unbreakable)
    # imported here: it takes a fifth of a second, which only a terminal needs
    from img2dataset.reports.live import LiveScreen  # noqa: PLC0415

    return LiveScreen(unbreakable)
