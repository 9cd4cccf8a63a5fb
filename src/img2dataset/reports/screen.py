"""Lines, tables and a View -> a text stream; this module shows them as lines only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol, TextIO

from img2dataset.reports.summary import Table
from img2dataset.reports.view import View

SHORTEST_INTERVAL_S = 2.0
LONGEST_INTERVAL_S = 300.0
INTERVAL_SHARE = 0.5
"""Interval between two lines of progress, as a share of the time that has passed."""


class Screen(Protocol):
    """Where a run is shown."""

    @property
    def moves(self) -> bool:
        """Whether the latest view stays visible."""
        ...

    @property
    def stops_by(self) -> str:
        """What interrupts a run that is shown here."""
        ...

    def open(self) -> None:
        """Begin to show; nothing is shown before."""

    def notice(self, text: str) -> None:
        """Print a line about something that happened now."""

    def figures(self, text: str) -> None:
        """Print a line with the figures of a shard, or of all."""

    def show(self, view: View) -> None:
        """Show how far the run is, in place of the last view."""

    def close(self) -> None:
        """End the showing of progress; may be called twice."""

    def summarize(self, tables: Sequence[Table], lines: Sequence[str]) -> None:
        """Show what a run did, once it is closed."""


class Unbreakable:
    """A text stream that drops its output once it is closed or broken: a run does not end for that.

    `None` is the stream of a program without a console.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        if self._stream is not None:
            try:
                self._stream.write(self._writable(text))
            except (OSError, ValueError):  # broken; closed
                self._stream = None
        return len(text)

    def _writable(self, text: str) -> str:
        return text.encode(self.encoding, "backslashreplace").decode(self.encoding)

    def flush(self) -> None:
        if self._stream is not None:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._stream = None

    def isatty(self) -> bool:
        try:
            return self._stream is not None and self._stream.isatty()
        except (OSError, ValueError):
            return False


def read_clock() -> datetime:
    """Return the local time, with its offset from UTC."""
    return datetime.now(UTC).astimezone()


def compute_interval(elapsed: float) -> float:
    """Compute after how many seconds a log hears of progress again: the longer it runs, the later."""
    return min(max(INTERVAL_SHARE * elapsed, SHORTEST_INTERVAL_S), LONGEST_INTERVAL_S)


def count_done(view: View) -> tuple[str, ...]:
    """Return the rows and shards that are done, as they are shown; the rest changes with time."""
    return view.parts[:2]


class Pace:
    """Says when the next line of progress is due."""

    def __init__(self, interval: Callable[[float], float] = compute_interval) -> None:
        """`interval`: seconds that have passed -> seconds until the next line."""
        self._interval = interval
        self._due_at = interval(0.0)

    def is_due(self, elapsed: float) -> bool:
        """Whether a line is due; if so, the next one is due an interval later."""
        if elapsed < self._due_at:
            return False
        self._due_at = elapsed + self._interval(elapsed)
        return True


class PlainScreen:
    """Lines only: for files, pipes and terminals that cannot move the cursor.

    What happens during the run has its time in front; figures and the summary do not, because
    scripts extract numbers from them.
    """

    moves = False
    stops_by = "Ctrl-C"

    def __init__(self, stream: Unbreakable, clock: Callable[[], datetime] = read_clock) -> None:
        self._stream = stream
        self._clock = clock
        self._pace = Pace()
        self._unsaid: View | None = None
        self._said: tuple[str, ...] = ()
        self._said_limit = ""

    def open(self) -> None:
        pass

    def notice(self, text: str) -> None:
        self._line(f"{self._clock():%Y-%m-%d %H:%M:%S} {text}")

    def figures(self, text: str) -> None:
        self._line(text)

    def show(self, view: View) -> None:
        self._unsaid = view
        if self._pace.is_due(view.elapsed):
            self._say_view()

    def close(self) -> None:
        """Print the last view, however short ago the one before was, unless it has the same counts."""
        view = self._unsaid
        if view is not None and count_done(view) == self._said:
            self._unsaid = None
            self._say_limit(view)
        self._say_view()

    def summarize(self, tables: Sequence[Table], lines: Sequence[str]) -> None:
        for table in tables:
            self._line(f"\n{table.plain()}")
        for line in ("", *lines):
            self._line(line)

    def _say_view(self) -> None:
        view, self._unsaid = self._unsaid, None
        if view is not None:
            self._said = count_done(view)
            self.notice(" - ".join(("progress", *view.parts, *view.remarks)))
            self._say_limit(view)

    def _say_limit(self, view: View) -> None:
        """Say what limits the run when it changes: with each progress it would drown the figures."""
        if view.limit_kind != self._said_limit:
            self._said_limit = view.limit_kind
            if view.limit:
                self.notice(f"limited by {view.limit}")

    def _line(self, text: str) -> None:
        self._stream.write(f"{text}\n")
        self._stream.flush()


class SummaryScreen(PlainScreen):
    """Notices, and the summary at the end: what progress=none shows."""

    def figures(self, text: str) -> None:
        pass

    def show(self, view: View) -> None:
        pass
