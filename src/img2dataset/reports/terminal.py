"""What a run did so far -> a screen: log lines, how far it is, tables, and one last line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from time import time
from typing import Any

from img2dataset.report import Progress, Report
from img2dataset.reports.advice import make_last_line
from img2dataset.reports.display import Display, compute_job_left, find_job_end
from img2dataset.reports.rates import RecentRate, StoredTotals, compute_shard_rates
from img2dataset.reports.reporter import Reporter
from img2dataset.reports.screen import PlainScreen, Screen, SummaryScreen, Unbreakable
from img2dataset.reports.summary import list_facts, make_tables
from img2dataset.reports.view import make_view
from img2dataset.tally import ShardResult
from img2dataset.text import plural
from img2dataset.version import VERSION


class TerminalReporter(Reporter):
    """Shows a run to a person, on the screen that it is given."""

    def __init__(
        self,
        screen: Screen | None = None,
        *,
        verbose: bool = False,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time,
    ) -> None:
        """Make a reporter.

        Args:
            screen: where it is shown; None = lines on stderr.
            verbose: show the total after each shard on a screen that moves too.
            environ: variables that say when the job ends.
            clock: the time, in seconds since the epoch.
        """
        self._verbose = verbose
        self._screen = screen or PlainScreen(Unbreakable(sys.stderr))
        self._stored = StoredTotals()
        self._recent = RecentRate()
        self._job_end = find_job_end(environ)
        self._clock = clock
        self.concluded = False
        """Whether the last line was printed."""

    def started(self, options: Mapping[str, Any], output_folder: str) -> None:
        self._screen.open()
        self._screen.notice(
            f"img2dataset {VERSION}: {options['output_format']} into {output_folder}; "
            f"{self._screen.stops_by} stops, and the same command goes on from there"
        )

    def shard_done(self, result: ShardResult, progress: Progress) -> None:
        self._stored = self._stored.plus(result)
        if result.kept is not None:
            back, rows = result.tally.successes, result.tally.count
            self._screen.figures(f"shard {result.name}: {back} of {plural(rows, 'row')} came back")
        self._screen.figures(compute_shard_rates(result).line("worker"))
        if (
            self._verbose or not self._screen.moves
        ):  # the live display has the totals; scripts read these lines
            self._screen.figures(self._stored.rates.line("total"))
        self.progress(progress)

    def progress(self, progress: Progress) -> None:
        job_left = compute_job_left(self._job_end, self._clock())
        self._screen.show(make_view(progress, self._recent.after(progress), job_left))

    def notice(self, text: str) -> None:
        self._screen.notice(text)

    def finished(self, report: Report, progress: Progress) -> None:
        self.progress(progress)
        self._screen.close()
        self._screen.summarize(make_tables(report), [*list_facts(report), make_last_line(report)])
        self.concluded = True

    def close(self) -> None:
        self._screen.close()


def make_screen(display: Display, stream: Unbreakable) -> Screen:
    """Make the screen that shows a run as `display` says."""
    match display:
        case Display.BAR:
            # imported here: it takes a fifth of a second, which only a terminal needs
            from img2dataset.reports.live import LiveScreen  # noqa: PLC0415

            return LiveScreen(stream)
        case Display.CELL:
            from img2dataset.reports.notebook import NotebookScreen  # noqa: PLC0415  (as above)

            return NotebookScreen()
        case Display.SUMMARY:
            return SummaryScreen(stream)
        case _:
            return PlainScreen(stream)
