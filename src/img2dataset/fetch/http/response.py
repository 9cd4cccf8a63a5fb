"""Header lines and chunks of one answer -> what is known of it, and whether to read on.

libcurl calls `header` and `chunk` for everything that arrives, so they do as little as they
can.  They return None to go on, STOP to abort (`verdict` is the reason), and `chunk` returns
PAUSE when there is no space for more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from img2dataset.errors import Reason
from img2dataset.fetch.budget import MAX_PROMISED_BYTES, RESERVE_STEP_BYTES, Budget
from img2dataset.fetch.http.content_range import read_whole_size
from img2dataset.fetch.http.encoding import (
    EncodingError,
    PassthroughDecoder,
    StreamDecoder,
    WholeBodyDecoder,
    find_decoder,
)
from img2dataset.fetch.http.redirects import REDIRECT_STATUSES
from img2dataset.fetch.http.sniff import MIN_SNIFF_BYTES, cannot_be_image, choose_reason
from img2dataset.fetch.policy.refusals import Signals

STOP = -1
"""What a libcurl callback returns to end the transfer: anything but the length it was given."""
PAUSE = 0x10000001
"""What a libcurl callback returns to be given the same data again, once it is asked to go on."""

MAX_TEXT_BYTES = 500 * 1024
"""Bytes read of a text for us; RFC 9309 asks for as many of a robots.txt."""

MAX_HEADER_BYTES = 256 * 1024
"""Bytes of header lines of one answer."""

MAX_DEFLATE_RATIO = 1100
"""Bytes that one byte of deflate can stand for: 1032, and a little that the decoder held back."""

MAX_DRAIN_BYTES = 16 * 1024
"""Bytes of an unwanted body (an error page) that are read and thrown away.

Its connection can then be used again, which is cheaper than a new one; of a longer body the
rest is not waited for, and the connection is closed.
"""

RETRY_AFTER_STATUSES = frozenset({429, 503})
"""Statuses whose Retry-After counts."""

FIRST_LETTERS = frozenset(b"cCeElLrRtTxX")
"""Of the header names that matter, see `_field`."""
SIGNAL_FIELDS = frozenset({b"x-robots-tag", b"tdm-reservation", b"tdm-policy", b"content-usage"})
"""Header names that concern our use."""

LINE_ENDS = frozenset(b"\r\n")


class RefusalCheck(Protocol):
    """Says why we may not use what follows."""

    def __call__(self, signals: Signals, *, reserved_by_file: bool) -> Reason | None: ...


class Response:
    """One answer, as it comes in.  Reused: `reset` before each request."""

    __slots__ = (
        "_budget",
        "_chunks",
        "_content_length",
        "_decoder",
        "_drops_pages",
        "_encoding",
        "_header_bytes",
        "_in_header",
        "_is_framed",
        "_is_page",
        "_limit",
        "_mark",
        "_most",
        "_packed",
        "_paused_at",
        "_range",
        "_reading",
        "_refusal_of",
        "_reserved",
        "_reserved_by_file",
        "_retry_after",
        "_whole_size",
        "content_type",
        "etag",
        "last_modified",
        "location",
        "marked_by_proxy",
        "owner",
        "paused",
        "signals",
        "size",
        "status",
        "stopped",
        "verdict",
        "waited",
        "when_unwanted",
    )

    def __init__(
        self,
        limit: int,
        refusal_of: RefusalCheck | None,
        budget: Budget,
        *,
        drop_pages: bool = True,
    ) -> None:
        self._drops_pages = drop_pages
        self._limit = limit
        self._refusal_of = refusal_of
        self._budget = budget
        self.owner: Any = None
        """The transfer that it belongs to."""
        self.when_unwanted: Callable[[], None] | None = None
        """Called when the verdict is known and the rest of the body is not needed."""
        self.reset()

    def reset(self, *, is_text: bool = False, reserved: bool = False) -> None:
        """Forget everything; `is_text` = a robots.txt or tdmrep.json is expected, of which the
        beginning will do; `reserved` = as in `request.Request`."""
        self.status = 0
        """0 = no answer."""
        self.verdict: Reason | None = None
        """Why there is no image in it, if that is known."""
        self.stopped = False
        """Whether we told libcurl to stop."""
        self.paused = False
        """Whether it waits for space."""
        self.waited = 0.0
        """Seconds that it has waited for space."""
        self._paused_at = 0.0
        self.size = 0
        """Bytes of the body so far."""
        self._is_page = is_text
        self._reserved_by_file = reserved
        self._most = MAX_TEXT_BYTES if is_text else self._limit
        self._chunks: list[bytes] = []
        self._reading = False  # whether an image's body is expected or under way
        self._reserved = 0
        self._mark: int | None = None
        self._header_bytes = 0
        self._in_header = False
        self._forget_answer()

    def begin_again(self) -> None:
        """Forget what came: it is asked for once more."""
        waited = self.waited
        self.release()
        self.reset(is_text=self._is_page, reserved=self._reserved_by_file)
        self.waited = waited

    def _forget_answer(self) -> None:
        self._content_length = 0
        self._is_framed = False
        """Whether its body comes in chunks, or in frames of HTTP/2."""
        self._encoding = ""
        self._decoder: StreamDecoder | PassthroughDecoder | None = None
        self._packed: WholeBodyDecoder | None = None
        self._range = ""
        self._whole_size: int | None = None
        self._retry_after: str | None = None
        self.signals: list[tuple[str, str]] = []
        """Its opt-out signals: header names, in lower case, and values."""
        self.location: bytes | None = None
        self.marked_by_proxy = False
        """Whether Squid marked the answer as its own."""
        self.content_type = ""
        self.etag: str | None = None
        self.last_modified: str | None = None

    @property
    def retry_after(self) -> str | None:
        """When the server wishes to be asked again, in its own words."""
        return self._retry_after if self.status in RETRY_AFTER_STATUSES else None

    @property
    def whole(self) -> bool:
        """Whether the body is all there, as far as its encoding tells."""
        return self._decoder is None or self._decoder.finished

    @property
    def missing_part(self) -> Reason | None:
        """What is wrong with a body whose transfer ended well."""
        if not self.whole:
            return Reason.BAD_ENCODING
        short = self._whole_size is not None and self.size != self._whole_size
        return Reason.BODY_INCOMPLETE if short else None

    def unpacked(self, data: bytes) -> bytes:
        """The whole body `data`, undone if it is packed; `verdict` says why that may fail."""
        if self._packed is None or self.verdict is not None:
            return data
        try:
            data = self._packed.unpack(data, self._most + 1)
        except EncodingError:
            self.verdict = Reason.BAD_ENCODING
            return b""
        if len(data) > self._most and not self._is_page:
            self.verdict = Reason.BODY_TOO_LARGE
        return data

    @property
    def enough(self) -> bool:
        """Whether we stopped because enough of a text has come."""
        return self.stopped and self._is_page and self.verdict is None

    @property
    def untouched(self) -> bool:
        """Whether nothing has come."""
        return self._header_bytes == 0

    @property
    def has_length(self) -> bool:
        """Whether a Content-Length came that is a number."""
        return self._content_length > 0

    @property
    def ends_with_connection(self) -> bool:
        """Whether nothing but the end of the connection says where its body ends."""
        framed = self._content_length > 0 or self._is_framed
        return self.size > 0 and not framed and not self.cut_short

    @property
    def cut_short(self) -> bool:
        """Whether its header has not ended; libcurl takes the end of a connection for that."""
        return self._in_header

    @property
    def moved(self) -> bool:
        """Whether it is a redirect that says where to; its body, whole or not, says no more."""
        says_where = (
            self.location is not None and self.status in REDIRECT_STATUSES and self.verdict is None
        )
        return says_where and not self.cut_short

    def header(self, line: bytes) -> int | None:
        """Take one header line, its line end included; the empty line ends an answer's header."""
        self._header_bytes += len(line)
        if self._header_bytes > MAX_HEADER_BYTES:
            return self._stop(Reason.HEADER_TOO_LARGE)
        first = line[0] if line else 0
        if first in FIRST_LETTERS:
            self._field(line)
        elif first in LINE_ENDS:
            return self._end_header() if self._in_header else None
        elif not self._in_header and line.startswith(b"HTTP/"):
            self._begin_header(line)
        return None

    def chunk(self, data: bytes) -> int | None:
        """Take a piece of the body."""
        if self._decoder is not None:
            decoded = self._decoded(data, self._decoder)
            if decoded is None:
                return PAUSE if self.paused else STOP
            data = decoded
        size = self.size + len(data)
        if not self._reading:
            self.size = size
            return self._stop(self.verdict) if size > MAX_DRAIN_BYTES else None
        if size > self._reserved and not self._reserve(size):
            return PAUSE
        if self.size == 0 and self._looks_like_a_page(data):
            return self._drop(choose_reason(self.content_type), len(data))
        self.size = size
        self._chunks.append(data)
        if size > self._most:
            return self._stop(None if self._is_page else Reason.BODY_TOO_LARGE)
        return None

    def _decoded(self, data: bytes, decoder: StreamDecoder | PassthroughDecoder) -> bytes | None:
        """What `data` stands for; None = it has to wait, or stops.

        It gets space for as much as it can be before it is decoded, because a decoder cannot be
        given the same data again.
        """
        before, free = self._reserved, self._most - self.size + 1
        largest = self.size + min(free, MAX_DEFLATE_RATIO * (len(data) + MIN_SNIFF_BYTES))
        if largest > before and not self._reserve(largest):
            return None
        try:
            decoded = decoder.decode(data, free)
        except EncodingError:
            self._stop(Reason.BAD_ENCODING)
            return None
        self._keep_reserved(max(before, self.size + len(decoded)))
        return decoded

    def _looks_like_a_page(self, first: bytes) -> bool:
        wanted = self._is_page or not self._drops_pages
        return not wanted and self._packed is None and cannot_be_image(self.content_type, first)

    def resume(self) -> None:
        """Say that it no longer waits; `chunk` may find that it has to wait again."""
        if self.paused:
            self.paused = False
            self.waited += time.monotonic() - self._paused_at
            self._mark = None
            self._budget.waiting.remove(self)

    def is_too_slow(self, least: float) -> bool:
        """Whether the body has brought less than `least` bytes since the last time of asking.

        If so, that is the verdict.  A body that had not begun by then, or that waited for us,
        is given more time.
        """
        measured = self._reading and not self.paused
        before, self._mark = self._mark, self.size if measured else None
        if before is None or not measured or self.size - before >= least:
            return False
        self.verdict = Reason.TOO_SLOW
        return True

    def release(self) -> bytes:
        """The body as far as it came; it is no longer held here."""
        self.resume()
        self._stop_reading()
        chunks, self._chunks = self._chunks, []
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._keep_reserved(0)
            self._budget.leave(self)

    def _keep_reserved(self, size: int) -> None:
        """Give back the space beyond `size` bytes."""
        self._budget.reserved -= self._reserved - size
        self._reserved = size

    def _reserve(self, size: int) -> bool:
        """Get space for a body of `size` bytes so far; without any, wait."""
        budget = self._budget
        expected = max(size, min(self._content_length, MAX_PROMISED_BYTES))
        missing = expected - self._reserved
        if self._reserved or not self._content_length:
            missing = max(missing, RESERVE_STEP_BYTES)
        if budget.take(self, missing):
            self._reserved += missing
            return True
        self.paused = True
        self._paused_at = time.monotonic()
        budget.waiting.append(self)
        return False

    def _begin_header(self, line: bytes) -> None:
        code = line.split(None, 2)[1:2]
        self.status = int(code[0]) if code and code[0].isdigit() and len(code[0]) == 3 else 0
        self._in_header = True
        self._stop_reading()  # what came before was no answer yet
        self.verdict = None
        self._forget_answer()
        self._is_framed = not line.startswith(b"HTTP/1")

    def _field(self, line: bytes) -> None:  # noqa: C901  (a table of fields)
        name, _, value = line.partition(b":")
        match name.rstrip().lower():  # space there is not valid, but occurs
            case b"content-length":
                text = value.strip()
                self._content_length = int(text) if text.isdigit() and len(text) < 20 else 0
            case b"transfer-encoding":
                self._is_framed = self._is_framed or b"chunked" in value.lower()
            case b"content-type":
                self.content_type = value.decode("latin-1").strip()
            case b"etag":
                self.etag = value.decode("latin-1").strip()
            case b"last-modified":
                self.last_modified = value.decode("latin-1").strip()
            case b"content-encoding":
                self._encoding += "," + value.decode("latin-1")
            case b"content-range":
                self._range = value.decode("latin-1")
            case b"location":
                self.location = value.strip()
            case b"retry-after":
                self._retry_after = value.decode("latin-1")
            case b"x-squid-error":
                self.marked_by_proxy = True
            case field if field in SIGNAL_FIELDS or (field == b"link" and b"rsl+xml" in value):
                self.signals.append((field.decode("ascii"), value.decode("latin-1").strip()))

    def _end_header(self) -> int | None:
        """Decide, before the body, whether it is wanted."""
        self._in_header = False
        if self.status >= 400:
            return self._do_without(None)
        if self.status < 200:  # it only announces an answer
            return None
        refusal = self._refusal()
        if refusal is not None:
            return self._stop(refusal)
        if 200 <= self.status < 300:
            return self._begin_body()
        return self._do_without(None) if self.moved else None

    def _do_without(self, verdict: Reason | None) -> int | None:
        """Let an unwanted body come to its end, if it is short, so that its connection is kept."""
        if self._content_length > MAX_DRAIN_BYTES or self.size > MAX_DRAIN_BYTES:
            return self._stop(verdict)
        self.verdict = verdict
        if self.when_unwanted is not None:
            self.when_unwanted()
        return None

    def _refusal(self) -> Reason | None:
        nothing_said = not self.signals and not self._reserved_by_file
        if nothing_said or self._is_page or self._refusal_of is None:
            return None
        return self._refusal_of(self.signals, reserved_by_file=self._reserved_by_file)

    def _begin_body(self) -> int | None:
        if self.status in {204, 205}:
            self.verdict = Reason.BODY_EMPTY
            return None
        if self.status == 206:  # we asked for the whole
            total = read_whole_size(self._range)
            if total is None or (self._content_length and self._content_length != total):
                return self._stop(Reason.BODY_INCOMPLETE)
            self._whole_size = None if self._encoding else total
        if self._content_length > self._limit and not self._is_page:
            return self._stop(Reason.BODY_TOO_LARGE)
        decoder = find_decoder(self._encoding) if self._encoding else None
        if isinstance(decoder, WholeBodyDecoder):
            self._packed = decoder
        else:
            self._decoder = decoder
        self.size = 0  # whatever came out of turn before
        self._reading = True
        return None

    def _drop(self, verdict: Reason, size: int) -> int | None:
        """Do without a body that has begun."""
        self._stop_reading()
        self._decoder = None
        self.size += size
        return self._do_without(verdict)

    def _stop(self, verdict: Reason | None) -> int:
        self.verdict = verdict
        self.stopped = True
        return STOP
