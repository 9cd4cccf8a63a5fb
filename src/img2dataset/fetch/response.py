"""Header lines and chunks of one answer -> what it says so far, and whether to read on.

libcurl calls `header` and `chunk` for everything that arrives, so they do as little as they
can.  They return None to go on and STOP to abort; `verdict` then says why.
"""

from __future__ import annotations

from collections.abc import Callable

from img2dataset.errors import Reason

STOP = -1
"""What a libcurl callback returns to end the transfer: anything but the length it was given."""

LARGEST_HEADER = 256 * 1024
"""Bytes of header lines, over all hops."""

DRAINED = 16 * 1024
"""Bytes of an unwanted body (an error page) that are read and thrown away.

Its connection can then be used again, which is cheaper than a new one; of a longer body the
rest is not waited for, and the connection is closed.
"""

Refuses = Callable[[list[bytes]], bool]
"""Takes the values of X-Robots-Tag headers; says whether we may not use what follows."""


class Received:
    """Bytes of bodies held for transfers that are under way."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0


class Response:
    """One answer, as it comes in.  Reused: `reset` before each request."""

    __slots__ = (
        "_content_length", "_header_bytes", "_in_header", "_limit", "_mark", "_received",
        "_refuses", "_robots", "chunks", "reading", "retry_after", "size", "status", "verdict",
    )  # fmt: skip

    def __init__(self, limit: int, refuses: Refuses | None, received: Received) -> None:
        self._limit = limit
        self._refuses = refuses
        self._received = received
        self.reset()

    def reset(self) -> None:
        self.chunks: list[bytes] = []
        self.size = 0
        """Bytes of the body, so far."""
        self.status = 0
        """Of the last hop; 0 = no answer."""
        self.verdict: Reason | None = None
        """Why we stopped reading."""
        self.reading = False
        """Whether an image's body is expected or under way."""
        self.retry_after: bytes | None = None
        self._header_bytes = 0
        self._in_header = False
        self._content_length = 0
        self._robots: list[bytes] = []
        self._mark: int | None = None

    def header(self, line: bytes) -> int | None:
        """Take one header line, its line end included; the empty line ends a hop's header."""
        self._header_bytes += len(line)
        if self._header_bytes > LARGEST_HEADER:
            return self._stop(Reason.HEADER_TOO_LARGE)
        match line[:1]:
            case b"H" if not self._in_header and line.startswith(b"HTTP/"):
                self._begin_hop(line)
            case b"\r" | b"\n" if self._in_header:
                return self._end_hop()
            case b"x" | b"X" if self._refuses is not None:
                name, _, value = line.partition(b":")
                if name.rstrip().lower() == b"x-robots-tag":
                    self._robots.append(value)
            case b"c" | b"C" if line[:15].lower() == b"content-length:":
                text = line[15:].strip()
                self._content_length = int(text) if text.isdigit() and len(text) < 20 else 0
            case b"r" | b"R" if line[:12].lower() == b"retry-after:":
                self.retry_after = line[12:]
            case _:
                pass
        return None

    def chunk(self, data: bytes) -> int | None:
        """Take a piece of the body, already decoded."""
        length = len(data)
        self.size += length
        if self.reading:
            if self.size > self._limit:
                return self._stop(Reason.BODY_TOO_LARGE)
            self._received.total += length
            self.chunks.append(data)
            return None
        return STOP if self.size > DRAINED else None

    def crawls(self, least: float) -> bool:
        """Whether the body has brought less than `least` bytes since the last time of asking.

        If so, that is the verdict.  A body that had not begun by then is given more time.
        """
        before, self._mark = self._mark, self.size if self.reading else None
        if before is None or self.size - before >= least:
            return False
        self.verdict = Reason.TOO_SLOW
        return True

    def release(self) -> list[bytes]:
        """The pieces of the body; they are no longer ours."""
        chunks, self.chunks = self.chunks, []
        self._received.total -= sum(map(len, chunks))
        return chunks

    def _begin_hop(self, line: bytes) -> None:
        code = line.split(None, 2)[1:2]
        self.status = int(code[0]) if code and code[0].isdigit() and len(code[0]) == 3 else 0
        self._in_header = True
        self._content_length = 0
        self.retry_after = None
        self._robots = []

    def _end_hop(self) -> int | None:
        """Decide, before the body, whether it is wanted."""
        self._in_header = False
        if self.status >= 400:
            return STOP if self._content_length > DRAINED else None
        if self._robots and self._refuses is not None and self._refuses(self._robots):
            return self._stop(Reason.OPTED_OUT)
        if 200 <= self.status < 300:
            if self.status == 206:  # we asked for the whole
                return self._stop(Reason.BODY_INCOMPLETE)
            if self._content_length > self._limit:
                return self._stop(Reason.BODY_TOO_LARGE)
            self.reading = True
        return None

    def _stop(self, verdict: Reason) -> int:
        self.verdict = verdict
        return STOP
