"""What a person sees of a run: on a terminal, in a log, and when nobody looks any more."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace
from typing import Any, TextIO

import pytest

from img2dataset.options import Options
from img2dataset.reports import Reporter, find_reporters, make_shower
from img2dataset.tally import RestingHost
from tests.unit.reports.runs import limit, progress, report, shard, tally

OPTIONS = {"output_format": "webdataset", "url_list": "u.txt"}


DATE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


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


def make_reporter(stream: TextIO, term: str = "xterm", **given: Any) -> Reporter:
    return make_shower(Options("u.txt", **given), stream, {"TERM": term})


def whole_run(stream: io.StringIO, **given: Any) -> str:
    reporter = make_reporter(stream, **given)
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

    assert re.fullmatch(
        rf"{DATE} img2dataset \S+: webdataset into out; Ctrl-C stops, and the same command goes on "
        "from there",
        lines[0],
    )
    assert re.fullmatch(rf"{DATE} a worker died: its shards are done again", lines[1])
    assert lines[2].startswith("worker  - success: 0.800 - failed to download: 0.200")
    assert lines[3].startswith("total   - success: 0.800 - failed to download: 0.200")
    assert "timeout     2  20.0%  timed out" in lines
    assert lines[-1].startswith("done: 8 images of 10 rows (80.0%) in out")
    assert "\x1b" not in "".join(lines)


def find_progress(text: str) -> list[str]:
    return [line for line in text.splitlines() if "progress - " in line]


def test_a_log_hears_of_progress_at_growing_intervals_and_of_the_last_state_at_the_end() -> None:
    stream = io.StringIO()
    reporter = make_reporter(stream)
    for second in range(1800):
        reporter.progress(progress(tally(10 * second, timeout=1), elapsed=float(second)))
    said = find_progress(stream.getvalue())
    rows = [int(line.split(" - ")[1].split()[0].replace(",", "")) // 10 for line in said]

    assert rows[:6] == [2, 4, 6, 9, 14, 21]
    assert rows[-1] - rows[-2] == 300
    assert len(rows) < 30
    assert re.fullmatch(
        rf"{DATE} progress - 21 rows - 0 shards - 10 img/s - 95.2% success - failed: timeout 1",
        said[0],
    )

    rows_in_all = tally(40_000, timeout=1)
    reporter.finished(report(rows_in_all), progress(rows_in_all, elapsed=1800.0))
    reporter.close()

    assert " - 40,001 rows - " in find_progress(stream.getvalue())[-1]


def test_a_log_hears_what_limits_the_run_when_that_changes() -> None:
    stream = io.StringIO()
    reporter = make_reporter(stream)
    for second in range(0, 3000, 5):
        found = limit("images", f"CPU: busy {second} %")
        if second >= 1500:
            found = limit("nothing", "nothing stands out")
        reporter.progress(progress(elapsed=float(second), bottleneck=found))
    reporter.progress(progress(elapsed=3000.0, bottleneck=limit("servers", "the servers: \x1b[2J")))
    reporter.close()

    assert "nothing stands out" not in stream.getvalue()

    said = [line[20:] for line in stream.getvalue().splitlines() if "limited by" in line]
    assert said == ["limited by CPU: busy 5 %", "limited by the servers: \ufffd[2J"]


def test_the_last_state_is_printed_after_errors_too() -> None:
    stream = io.StringIO()
    reporter = make_reporter(stream)
    reporter.progress(progress(tally(7), elapsed=0.5))
    reporter.close()
    reporter.close()

    assert [line.split(" - ")[1] for line in find_progress(stream.getvalue())] == ["7 rows"]


def test_the_last_state_is_not_printed_twice() -> None:
    stream = io.StringIO()
    reporter = make_reporter(stream)
    reporter.progress(progress(tally(7), elapsed=3.0))
    reporter.progress(progress(tally(7), elapsed=3.5))
    reporter.close()

    assert [line.split(" - ")[1] for line in find_progress(stream.getvalue())] == ["7 rows"]


def test_without_progress_there_are_notices_and_the_summary() -> None:
    lines = whole_run(io.StringIO(), progress="none").splitlines()

    assert re.fullmatch(rf"{DATE} a worker died: its shards are done again", lines[1])
    assert not any("progress - " in line or "worker  -" in line for line in lines)
    assert "timeout     2  20.0%  timed out" in lines
    assert lines[-1].startswith("done: 8 images of 10 rows (80.0%) in out")


@pytest.mark.parametrize(
    ("given", "terminal", "moves"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"progress": "lines"}, True, False),
        ({"progress": "none"}, True, False),
        ({"progress": "bar"}, False, True),
    ],
)
def test_progress_says_how_a_run_is_shown(given: Any, moves: Any, *, terminal: bool) -> None:
    shown = whole_run(Terminal() if terminal else io.StringIO(), **given)

    assert ("\x1b[?25l" in shown) is moves


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


def draw_view(stream: Terminal, width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    reporter = make_reporter(stream)
    reporter.started(OPTIONS, "out")
    before = len(stream.getvalue())
    resting = (RestingHost("http://images.example.org", 1200, 30.0),)
    reporter.progress(
        progress(
            tally(800, timeout=200), elapsed=10.0, rows_total=12_000, shards_total=12,
            resting=resting, bottleneck=limit("servers", "the servers: they are slow; a higher thread_count would help"),
        )
    )  # fmt: skip
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue()[before:])
    reporter.close()
    return shown.replace("\r", "").splitlines()


def test_a_narrow_window_has_more_lines_and_loses_no_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide = draw_view(Terminal(), 120, monkeypatch)
    narrow = draw_view(Terminal(), 40, monkeypatch)

    assert wide[1] == "1,000/12,000 rows  0/12 shards  100 img/s  80.0% success  0:01:50 left"
    assert narrow[1:4] == [
        "1,000/12,000 rows  0/12 shards",
        "100 img/s  80.0% success  0:01:50 left",
        "failed: timeout 200",
    ]
    assert narrow[4] == "1,200 rows waiting for http://images.ex…"
    assert narrow[5:] == ["the servers: they are slow; a higher", "thread_count would help"]
    assert max(map(len, narrow)) <= 40


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
    reporter = make_reporter(stream, verbose=True)
    reporter.started(OPTIONS, "out")
    reporter.shard_done(shard(tally(8)), progress(tally(8)))
    reporter.close()

    assert stream.getvalue().count("total   - success: 1.000") == 1


def test_an_error_gives_the_terminal_back() -> None:
    stream = Terminal()
    stdout, stderr = sys.stdout, sys.stderr
    reporter = make_reporter(stream)
    reporter.started(OPTIONS, "out")
    reporter.progress(progress())
    reporter.close()

    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")
    assert (sys.stdout, sys.stderr) == (stdout, stderr)


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_that_cannot_move_its_cursor_gets_lines(term: str) -> None:
    stream = Terminal()
    make_reporter(stream, term).started(OPTIONS, "out")

    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("good", [0, 1, 3])
def test_a_broken_stderr_does_not_end_the_run(good: int, *, terminal: bool) -> None:
    whole_run(Broken(good, terminal=terminal))


def test_a_closed_stderr_does_not_end_the_run() -> None:
    stream = io.StringIO()
    stream.close()
    reporter = make_reporter(stream)
    reporter.started(OPTIONS, "out")
    reporter.finished(report(tally(1)), progress())
    reporter.close()


def test_a_program_without_a_console_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)

    (reporter,) = find_reporters(Options("u.txt"))
    reporter.started(OPTIONS, "out")


def test_names_that_the_terminal_cannot_write_are_escaped() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    make_reporter(stream).notice("größe")

    assert raw.getvalue().endswith(b" gr\\xf6\\xdfe\n")


def test_a_run_is_shown_on_the_terminal_unless_told_otherwise(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (reporter,) = find_reporters(Options("u.txt"))
    reporter.notice("hello")
    out, err = capsys.readouterr()

    assert out == ""
    assert err.endswith(" hello\n")


def test_the_log_says_what_came_back_of_a_shard() -> None:
    stream = io.StringIO()
    reporter = make_reporter(stream)

    reporter.shard_done(replace(shard(tally(3, timeout=1)), kept=6), progress(tally(3, timeout=1)))

    assert stream.getvalue().splitlines()[0] == "shard 00000: 3 of 4 rows came back"
