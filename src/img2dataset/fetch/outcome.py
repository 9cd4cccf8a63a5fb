"""How a transfer ended (libcurl's code, our verdict, the status) -> a Body or a Failure."""

from __future__ import annotations

from img2dataset.errors import TRANSIENT_HTTP, Reason, http_label
from img2dataset.fetch.response import Response
from img2dataset.records import Body, Failure

OK = 0
TIMED_OUT = 28
CALLBACK_ABORTED = 23

REASONS = {
    1: Reason.BAD_RESPONSE,  # a protocol we did not allow: HTTP/0.9
    3: Reason.URL_INVALID,  # libcurl is stricter about hosts than WHATWG
    5: Reason.HOST_NOT_RESOLVED,  # of the proxy
    6: Reason.HOST_NOT_RESOLVED,
    7: Reason.CONNECT_FAILED,
    8: Reason.BAD_RESPONSE,
    16: Reason.CONNECTION_LOST,  # HTTP/2 framing
    18: Reason.BODY_INCOMPLETE,
    35: Reason.TLS,
    43: Reason.BAD_RESPONSE,
    47: Reason.TOO_MANY_REDIRECTS,
    51: Reason.CERTIFICATE,
    52: Reason.CONNECTION_LOST,  # closed without a word
    53: Reason.TLS,
    54: Reason.TLS,
    55: Reason.CONNECTION_LOST,
    56: Reason.CONNECTION_LOST,
    58: Reason.TLS,
    59: Reason.TLS,
    60: Reason.CERTIFICATE,
    61: Reason.BAD_ENCODING,
    63: Reason.BODY_TOO_LARGE,
    66: Reason.TLS,
    77: Reason.TLS,
    80: Reason.TLS,
    83: Reason.CERTIFICATE,
    90: Reason.CERTIFICATE,
    91: Reason.CERTIFICATE,
    92: Reason.CONNECTION_LOST,  # HTTP/2 stream
    95: Reason.CONNECTION_LOST,  # HTTP/3
    96: Reason.CONNECTION_LOST,  # QUIC
    97: Reason.CONNECT_FAILED,  # proxy handshake
    100: Reason.HEADER_TOO_LARGE,
}
"""libcurl's error code -> Reason."""

REDIRECT_REASONS = {
    1: Reason.BAD_REDIRECT,  # another scheme
    3: Reason.BAD_REDIRECT,  # not a URL
    4: Reason.BAD_REDIRECT,
}
"""The same, where the last thing heard was a redirect."""

UNKNOWN = Reason.CONNECTION_LOST
"""For a code that is in no table: it did not arrive, and asking again may help."""


def outcome(code: int, response: Response, *, connected: bool) -> Body | Failure:
    """What became of a request.

    Our own verdict comes first: libcurl only knows that a callback stopped it.  Then an error
    status: that the error page was cut short does not matter.
    """
    chunks = response.release()
    status = response.status
    if response.verdict is not None:
        return _failure(response.verdict)
    if status >= 400:
        return _status_failure(status)
    if code == TIMED_OUT:
        return _failure(Reason.TIMEOUT if connected else Reason.CONNECT_TIMEOUT)
    if code != OK:
        if 300 <= status < 400 and code in REDIRECT_REASONS:
            return _failure(REDIRECT_REASONS[code])
        return _failure(REASONS.get(code, UNKNOWN))
    if not 200 <= status < 300:
        return _status_failure(status) if status else _failure(Reason.BAD_RESPONSE)
    if not response.size:
        return _failure(Reason.BODY_EMPTY)
    return Body(b"".join(chunks))


def _failure(reason: Reason) -> Failure:
    return Failure(reason, reason.label)


def _status_failure(status: int) -> Failure:
    transient = status in TRANSIENT_HTTP
    reason = Reason.HTTP_STATUS_TRANSIENT if transient else Reason.HTTP_STATUS
    return Failure(reason, http_label(status))
