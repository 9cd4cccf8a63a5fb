"""What a cell of a notebook is sent; tests/e2e/test_progress.py has a real kernel."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from img2dataset.report import Progress
from img2dataset.reports.notebook import MAX_NOTICES, NotebookScreen
from img2dataset.reports.terminal import TerminalReporter
from tests.unit.reports.runs import limit, progress, report, shard, tally

HOSTILE = "<script>alert(1)</script>"


class Cell:
    """Keeps the outputs that it was given, each in place of the one before."""

    def __init__(self) -> None:
        self.states: list[dict[str, str]] = []

    def display(self, bundle: dict[str, str], *, raw: bool, display_id: bool) -> Cell:
        assert raw
        assert display_id
        self.update(bundle, raw=raw)
        return self

    def update(self, bundle: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.states.append(bundle)


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    made = Cell()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=made.display))
    return made


def make_reporter() -> TerminalReporter:
    reporter = TerminalReporter(NotebookScreen(), environ={})
    reporter.started({"output_format": "files"}, "out")
    return reporter


def at(tenth: int, **changes: Any) -> Progress:
    return progress(tally(tenth), elapsed=tenth / 10, rows_total=200, **changes)


def test_a_cell_is_updated_once_a_second(cell: Cell) -> None:
    reporter = make_reporter()
    for tenth in range(100):
        reporter.progress(at(tenth, bottleneck=limit("servers", "the servers: <b>slow</b>")))

    assert len(cell.states) == 1 + 10
    reporter.close()
    reporter.close()
    assert len(cell.states) == 12, "and once more with the last state"
    assert '<progress value="99" max="200"' in cell.states[-1]["text/html"]
    assert ">the servers: &lt;b&gt;slow&lt;/b&gt;<" in cell.states[-1]["text/html"]
    assert "99/200 rows - 0 shards" in cell.states[-1]["text/plain"]


def test_a_cell_does_not_grow(cell: Cell) -> None:
    reporter = make_reporter()
    for number in range(100):
        reporter.notice(f"notice {number}.")
        reporter.shard_done(shard(tally(1), number), at(10 * number))

    assert cell.states[-1]["text/plain"].count("notice") == MAX_NOTICES
    assert "notice 99." in cell.states[-1]["text/plain"]
    assert "worker  -" not in cell.states[-1]["text/plain"]


def test_texts_are_shown_as_text(cell: Cell) -> None:
    rows = tally(8, labels={HOSTILE: 2}, timeout=2)
    rows.failed.add("timeout", f"http://a/{HOSTILE}")
    reporter = make_reporter()
    reporter.notice(HOSTILE)
    reporter.finished(report(rows, output_folder=HOSTILE), progress(rows))

    assert "&lt;script&gt;" in cell.states[-1]["text/html"]
    assert "<script>" not in cell.states[-1]["text/html"]
    assert "done: 8 images of 10 rows" in cell.states[-1]["text/html"]


def test_the_summary_says_nothing_twice(cell: Cell) -> None:
    limited = limit("servers", "the servers: slow")
    rows = tally(8, timeout=2)
    reporter = make_reporter()
    reporter.finished(report(rows, bottleneck=limited), progress(rows, bottleneck=limited))

    assert cell.states[-1]["text/plain"].count("the servers: slow") == 1
    assert "failed: timeout" not in cell.states[-1]["text/plain"]
