"""What a quiet run prints: one line if it went wrong."""

from __future__ import annotations

import io

import pytest

from img2dataset.options import Options
from img2dataset.report import Report
from img2dataset.reports import find_reporters
from img2dataset.reports.errors_only import ErrorReporter
from img2dataset.reports.screen import Unbreakable
from tests.unit.reports.runs import progress, report, tally


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (report(tally(3, timeout=1)), ""),
        (report(tally(3), interrupted=True), ""),  # the exception says it
        (
            report(tally(3), shards_not_done=("00001",)),
            (
                "img2dataset: not done: 1 shard failed (00001); run the same command again to do what "
                "is left\n"
            ),
        ),
    ],
)
def test_only_a_run_that_went_wrong_is_reported(run: Report, said: str) -> None:
    stream = io.StringIO()
    reporter = ErrorReporter(Unbreakable(stream))
    reporter.started({}, "out")
    reporter.notice("a worker died")
    reporter.progress(progress())
    reporter.finished(run, progress())
    reporter.close()

    assert stream.getvalue() == said


def test_quiet_is_for_the_terminal_alone() -> None:
    quiet = Options("list.txt", quiet=True)
    mine = ErrorReporter()

    assert [type(each) for each in find_reporters(quiet)] == [ErrorReporter]
    assert find_reporters(quiet, [mine]) == [mine]
    assert find_reporters(Options("list.txt"), ()) == []
