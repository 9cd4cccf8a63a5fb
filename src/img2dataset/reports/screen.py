"""Lines, tables and a View -> a text stream; this module shows them as lines only."""

from __future__ import annotations

from typing import Protocol, TextIO

from img2dataset.reports.summary import Table
from img2dataset.reports.view import View

PLAIN_INTERVAL_S = 30.0
"""Plain output reports progress after this time without another line."""


class Screen(Protocol):
    """Where a run is shown."""

    @property
    def moves(self) -> bool:
        """Whether the latest view stays visible."""
        ...

    def open(self) -> None:
        """Begin to show; nothing is shown before."""

    def line(self, text: str) -> None:
        """Print a line that stays."""

    def show(self, view: View) -> None:
        """Show how far the run is, in place of the last view."""

    def table(self, table: Table) -> None: ...

    def close(self) -> None:
        """Remove the view; may be called twice."""


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


class PlainScreen:
    """Lines only: for files, pipes, notebooks and terminals that cannot move the cursor."""

    moves = False

    def __init__(self, stream: Unbreakable) -> None:
        self._stream = stream
        self._elapsed = 0.0
        self._said_at = 0.0

    def open(self) -> None:
        pass

    def line(self, text: str) -> None:
        self._said_at = self._elapsed
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def show(self, view: View) -> None:
        self._elapsed = view.elapsed
        if view.elapsed - self._said_at >= PLAIN_INTERVAL_S:
            failed = (f"failed: {view.reasons}",) if view.reasons else ()
            self.line(" - ".join(("progress", *view.parts, *failed)))

    def table(self, table: Table) -> None:
        self.line(f"\n{table.plain()}")

    def close(self) -> None:
        pass
