"""The end of a run -> one line on stderr, if the run went wrong: what `quiet` shows."""

from __future__ import annotations

import sys

from img2dataset.report import Progress, Report
from img2dataset.reports.advice import make_last_line
from img2dataset.reports.reporter import Reporter
from img2dataset.reports.screen import Unbreakable


class ErrorReporter(Reporter):
    """Says nothing but the last line of a run whose exit code is not 0."""

    def __init__(self, stream: Unbreakable | None = None) -> None:
        self._stream = stream or Unbreakable(sys.stderr)

    def finished(self, report: Report, progress: Progress) -> None:  # noqa: ARG002
        if report.exit_code != 0 and not report.interrupted:  # the caller is told by an exception
            self._stream.write(f"img2dataset: {make_last_line(report)}\n")
            self._stream.flush()
