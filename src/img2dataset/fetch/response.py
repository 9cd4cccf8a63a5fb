"""Header lines and chunks of one answer -> what it says so far, and whether to read on.

libcurl calls `header` and `chunk` for everything that arrives, so they do as little as they
can.  They return None to go on and STOP to abort; `verdict` then says why.
"""

from __future__ import annotations

from collections.abc import Callable

from img2dataset.errors import Reason
from img2dataset.fetch.encoding import Decoder, EncodingError, decoder_for

STOP = -1
"""What a libcurl callback returns to end the transfer: anything but the length it was given."""

LARGEST_HEADER = 256 * 1024
"""Bytes of header lines, over all hops."""

DRAINED = 16 * 1024
"""Bytes of an unwanted body (an error page) that are read and thrown away.

Its connection can then be used again, which is cheaper than a new one; of a longer body the
rest is not waited for, and the connection is closed.
"""

OBEYED = frozenset({429, 503})
"""Statuses whose Retry-After counts."""

FIRST_LETTERS = frozenset(b"cCrRxX")
"""Of the header names that matter, see `_field`."""

LINE_ENDS = frozenset(b"\r\n")

Refuses = Callable[[list[str]], bool]
"""Takes the values of X-Robots-Tag headers; says whether we may not use what follows."""


class Received:
    """Bytes of bodies held for transfers that are under way."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0


class Response:
    """One answer, as it comes in.  Reused: `reset` before each request."""

    __slots__ = (
        "_chunks",
        "_content_length",
        "_decoder",
        "_encoding",
        "_header_bytes",
        "_in_header",
        "_limit",
        "_mark",
        "_reading",
        "_received",
        "_refuses",
        "_retry_after",
        "_robots",
        "_size",
        "status",
        "stopped",
        "verdict",
    )

    def __init__(self, limit: int, refuses: Refuses | None, received: Received) -> None:
        self._limit = limit
        self._refuses = refuses
        self._received = received
        self.reset()

    def reset(self) -> None:
        self.status = 0
        """Of the last hop; 0 = no answer."""
        self.verdict: Reason | None = None
        """Why there is no image in it, as far as we can tell."""
        self.stopped = False
        """Whether we told libcurl to stop."""
        self._chunks: list[bytes] = []
        self._size = 0
        self._reading = False  # whether an image's body is expected or under way
        self._mark: int | None = None
        self._header_bytes = 0
        self._in_header = False
        self._forget_hop()

    def _forget_hop(self) -> None:
        self._content_length = 0
        self._encoding = ""
        self._decoder: Decoder | None = None
        self._retry_after: str | None = None
        self._robots: list[str] = []

    @property
    def retry_after(self) -> str | None:
        """When the server wishes to be asked again, in its own words."""
        return self._retry_after if self.status in OBEYED else None

    @property
    def decoded_whole(self) -> bool:
        return self._decoder is None or self._decoder.finished

    def header(self, line: bytes) -> int | None:
        """Take one header line, its line end included; the empty line ends a hop's header."""
        self._header_bytes += len(line)
        if self._header_bytes > LARGEST_HEADER:
            return self._stop(Reason.HEADER_TOO_LARGE)
        first = line[0] if line else 0
        if first in FIRST_LETTERS:
            self._field(line)
        elif first in LINE_ENDS:
            return self._end_hop() if self._in_header else None
        elif not self._in_header and line.startswith(b"HTTP/"):
            self._begin_hop(line)
        return None

    def chunk(self, data: bytes) -> int | None:
        """Take a piece of the body."""
        if self._decoder is not None:
            try:
                data = self._decoder.decode(data, self._limit - self._size + 1)
            except EncodingError:
                return self._stop(Reason.BAD_ENCODING)
        length = len(data)
        self._size += length
        if not self._reading:
            return self._stop(self.verdict) if self._size > DRAINED else None
        self._received.total += length
        if self._size > self._limit:
            return self._stop(Reason.BODY_TOO_LARGE)
        self._chunks.append(data)
        return None

    def crawls(self, least: float) -> bool:
        """Whether the body has brought less than `least` bytes since the last time of asking.

        If so, that is the verdict.  A body that had not begun by then is given more time.
        """
        before, self._mark = self._mark, self._size if self._reading else None
        if before is None or self._size - before >= least:
            return False
        self.verdict = Reason.TOO_SLOW
        return True

    def release(self) -> bytes:
        """The body as far as it came; it is no longer held here."""
        if self._reading:
            self._received.total -= self._size
        self._reading = False
        chunks, self._chunks = self._chunks, []
        return b"".join(chunks)

    def _begin_hop(self, line: bytes) -> None:
        code = line.split(None, 2)[1:2]
        self.status = int(code[0]) if code and code[0].isdigit() and len(code[0]) == 3 else 0
        self._in_header = True
        self._forget_hop()

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        match name.lower():
            case b"content-length":
                text = value.strip()
                self._content_length = int(text) if text.isdigit() and len(text) < 20 else 0
            case b"content-encoding":
                self._encoding += "," + value.decode("latin-1")
            case b"retry-after":
                self._retry_after = value.decode("latin-1")
            case b"x-robots-tag":
                self._robots.append(value.decode("latin-1"))

    def _end_hop(self) -> int | None:
        """Decide, before the body, whether it is wanted."""
        self._in_header = False
        if self.status >= 400:
            return self._stop(None) if self._content_length > DRAINED else None
        if self._robots and self._refuses is not None and self._refuses(self._robots):
            return self._stop(Reason.OPTED_OUT)
        if 200 <= self.status < 300:
            return self._begin_body()
        return None

    def _begin_body(self) -> int | None:
        if self.status in {204, 205}:
            self.verdict = Reason.BODY_EMPTY
            return None
        if self.status == 206:  # we asked for the whole
            return self._stop(Reason.BODY_INCOMPLETE)
        if self._content_length > self._limit:
            return self._stop(Reason.BODY_TOO_LARGE)
        try:
            self._decoder = decoder_for(self._encoding) if self._encoding else None
        except EncodingError:
            return self._stop(Reason.BAD_ENCODING)
        self._reading = True
        return None

    def _stop(self, verdict: Reason | None) -> int:
        self.verdict = verdict
        self.stopped = True
        return STOP
