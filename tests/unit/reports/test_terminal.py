"""What a person sees of a run: on a terminal, in a log, and when nobody looks any more."""

from __future__ import annotations

import io
import sys
from dataclasses import replace

import pytest

from img2dataset.options import Options
from img2dataset.reports import find_reporters
from img2dataset.reports.screen import PlainScreen
from img2dataset.reports.terminal import TerminalReporter, find_screen
from tests.unit.reports.runs import progress, report, shard, tally

OPTIONS = {"output_format": "webdataset", "url_list": "u.txt"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    """Breaks after `good` writes, as a pipe whose reader has gone."""

    def __init__(self, good: int, *, terminal: bool) -> None:
        super().__init__()
        self.good = good
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self.good -= 1
        if self.good < 0:
            raise BrokenPipeError
        return super().write(text)


@pytest.fixture(autouse=True)
def _make_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")


def whole_run(stream: io.StringIO) -> str:
    reporter = TerminalReporter(stream)
    rows = tally(8, timeout=2)
    reporter.started(OPTIONS, "out")
    reporter.progress(progress(tally(1), elapsed=1.0, rows_total=20, shards_total=2))
    reporter.notice("a worker died: its shards are done again")
    reporter.shard_done(
        shard(rows), progress(rows, elapsed=2.0, rows_total=20, shards_total=2, shards_done=1)
    )
    reporter.finished(report(rows), progress(rows, elapsed=2.0))
    reporter.close()
    reporter.close()
    return stream.getvalue()


def test_a_log_has_plain_lines_only() -> None:
    lines = whole_run(io.StringIO()).splitlines()

    assert lines[0].endswith(
        ": webdataset into out; Ctrl-C stops, and the same command goes on from there"
    )
    assert lines[1] == "a worker died: its shards are done again"
    assert lines[2].startswith("worker  - success: 0.800 - failed to download: 0.200")
    assert lines[3].startswith("total   - success: 0.800 - failed to download: 0.200")
    assert "timeout     2  20.0%  timed out" in lines
    assert lines[-1].startswith("done: 8 images of 10 rows (80.0%) in out")
    assert "\x1b" not in "".join(lines)


def test_a_log_hears_of_progress_when_no_shard_ends_for_half_a_minute() -> None:
    stream = io.StringIO()
    reporter = TerminalReporter(stream)
    for second in range(65):
        reporter.progress(progress(tally(10 * second, timeout=1), elapsed=float(second)))

    said = stream.getvalue().splitlines()

    assert (
        said[0] == "progress - 301 rows - 0 shards - 10 img/s - 99.7% success - failed: timeout 1"
    )
    assert len(said) == 2


def test_a_log_hears_nothing_else_when_shards_end() -> None:
    stream = io.StringIO()
    reporter = TerminalReporter(stream)
    for second in range(0, 100, 20):
        reporter.shard_done(shard(tally(1)), progress(tally(1), elapsed=float(second)))

    assert "progress" not in stream.getvalue()


def test_a_terminal_shows_lines_above_a_display_that_goes_away() -> None:
    make_printable = whole_run(Terminal())

    for text in (
        "a worker died: its shards are done again",
        "worker  - success: 0.800",
        "1/20 rows  0/2 shards  1 img/s  100.0% success  0:00:19 left",
        "10/20 rows  1/2 shards",
        "failed: timeout 2",
        "timed out",
        "done: 8 images of 10 rows (80.0%) in out",
    ):
        assert text in make_printable
    assert make_printable.index("\x1b[?25l") < make_printable.index(
        "\x1b[?25h"
    )  # the cursor comes back
    assert (
        "\x1b[2K" in make_printable[make_printable.index("\x1b[?25h") :]
    )  # and the display is wiped
    assert make_printable.splitlines()[-1].startswith("done: 8 images of 10 rows (80.0%) in out")


def test_a_terminal_has_one_line_for_a_shard() -> None:
    assert "total   - success" not in whole_run(Terminal())


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    coloured = whole_run(Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    plain = whole_run(Terminal())

    assert "\x1b[38;5;" in coloured
    assert "\x1b[3" not in plain


def test_a_verbose_terminal_has_the_totals_too() -> None:
    stream = Terminal()
    reporter = TerminalReporter(stream, verbose=True)
    reporter.started(OPTIONS, "out")
    reporter.shard_done(shard(tally(8)), progress(tally(8)))
    reporter.close()

    assert stream.getvalue().count("total   - success: 1.000") == 1


def test_an_error_gives_the_terminal_back() -> None:
    stream = Terminal()
    stdout, stderr = sys.stdout, sys.stderr
    reporter = TerminalReporter(stream)
    reporter.started(OPTIONS, "out")
    reporter.progress(progress())
    reporter.close()

    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")
    assert (sys.stdout, sys.stderr) == (stdout, stderr)


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_that_cannot_move_its_cursor_gets_lines(term: str) -> None:
    assert isinstance(find_screen(Terminal(), {"TERM": term}), PlainScreen)


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("good", [0, 1, 3])
def test_a_broken_stderr_does_not_end_the_run(good: int, *, terminal: bool) -> None:
    whole_run(Broken(good, terminal=terminal))


def test_a_closed_stderr_does_not_end_the_run() -> None:
    stream = io.StringIO()
    stream.close()
    reporter = TerminalReporter(stream)
    reporter.started(OPTIONS, "out")
    reporter.finished(report(tally(1)), progress())

    assert reporter.concluded


def test_a_program_without_a_console_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)

    TerminalReporter().started(OPTIONS, "out")


def test_names_that_the_terminal_cannot_write_are_escaped() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    TerminalReporter(stream).notice("größe")

    assert raw.getvalue() == b"gr\\xf6\\xdfe\n"


def test_a_run_is_shown_on_the_terminal_unless_told_otherwise(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (reporter,) = find_reporters(Options("u.txt"))
    reporter.notice("hello")

    assert capsys.readouterr() == ("", "hello\n")


def test_the_log_says_what_came_back_of_a_shard() -> None:
    stream = io.StringIO()
    reporter = TerminalReporter(stream)

    reporter.shard_done(replace(shard(tally(3, timeout=1)), kept=6), progress(tally(3, timeout=1)))

    assert stream.getvalue().splitlines()[0] == "shard 00000: 3 of 4 rows came back"
