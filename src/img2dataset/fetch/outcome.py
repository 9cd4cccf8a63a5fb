"""The end of a transfer (libcurl's code, our verdict, the status) -> a Body or a Failure."""

from __future__ import annotations

from img2dataset.errors import TRANSIENT_HTTP, Reason, format_http_label
from img2dataset.fetch.http.response import Response
from img2dataset.records import Body, Failure

OK = 0
STOPPED = 23
"""A callback stopped the transfer."""
TIMED_OUT = 28
CLOSED = 52
PROXY_AUTHENTICATION = 407
UNANSWERED = frozenset({CLOSED, 55, 56})
"""The connection was closed before or during the request."""

REASON_BY_CODE = {
    1: Reason.BAD_RESPONSE,  # a protocol we did not allow: HTTP/0.9
    3: Reason.URL_INVALID,  # libcurl is stricter about hosts than WHATWG
    5: Reason.PROXY_FAILED,  # its name is not resolved
    6: Reason.HOST_NOT_RESOLVED,
    7: Reason.CONNECT_FAILED,
    8: Reason.BAD_RESPONSE,
    16: Reason.CONNECTION_LOST,  # HTTP/2 framing
    18: Reason.BODY_INCOMPLETE,
    TIMED_OUT: Reason.TIMEOUT,
    35: Reason.TLS,
    43: Reason.BAD_RESPONSE,
    51: Reason.CERTIFICATE,
    CLOSED: Reason.CONNECTION_LOST,  # without a word
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

TLS_FAILED = 35
TLS_CUT = "unexpected eof"
"""What libcurl's message contains if TLS ended without a close_notify."""
TLS_LIBRARY = "SSL routines"
"""What it contains if it is OpenSSL that gave up."""

UNKNOWN = Reason.CONNECTION_LOST
"""For a code that is in no table: no answer arrived, and a retry may help."""


def make_outcome(code: int, response: Response, *, asked: bool) -> Body | Failure:
    """Return what became of a request that is no redirect; `asked` = the request was sent."""
    data = response.release()
    if code == OK and response.cut_short:
        code = CLOSED
    if code == OK:
        data = response.unpacked(data)
    reason = _find_reason(code, response, asked=asked)
    if reason is Reason.HTTP_STATUS:
        return make_status_failure(response.status)
    if reason is not None:
        return Failure(reason, reason.label)
    return Body(data) if data else Failure(Reason.BODY_EMPTY, Reason.BODY_EMPTY.label)


def _find_reason(code: int, response: Response, *, asked: bool) -> Reason | None:
    """Return why there is no body; None = there is one.

    Our own verdict comes first: libcurl only knows that a callback stopped it.  Then an error
    status: that the error page was cut short does not matter.
    """
    status = response.status
    if response.verdict is not None:
        return response.verdict
    if status >= 400 or (code in {OK, STOPPED} and not 200 <= status < 300):
        return Reason.HTTP_STATUS if status else Reason.BAD_RESPONSE
    if response.enough:
        return None
    if code == TIMED_OUT and not asked:
        return Reason.CONNECT_TIMEOUT
    if code != OK:
        return REASON_BY_CODE.get(code, UNKNOWN)
    return response.missing_part


def refine_code(code: int, message: str) -> int:
    """Return libcurl's code, or that of TLS if TLS failed after the handshake: in TLS 1.3 a server
    that requires a client certificate fails only then."""
    late = code in UNANSWERED and TLS_LIBRARY in message and TLS_CUT not in message
    return TLS_FAILED if late else code


def find_proxy_failure(connect_status: int, response: Response) -> Failure | None:
    """Return the proxy's own failure; None = it has none.  `connect_status` = its answer to CONNECT,
    0 = there was no CONNECT.

    Of answers without a tunnel only a 407 is a proxy's for certain, and what Squid marks: a bare
    403 may be the site's.
    """
    own = response.status == PROXY_AUTHENTICATION or (
        response.status >= 400 and response.marked_by_proxy
    )
    status = response.status if own else 0
    if response.status == 0 and connect_status >= 300:
        status = connect_status
    if not status:
        return None
    reason = Reason.PROXY_FAILED if status in TRANSIENT_HTTP else Reason.PROXY_REFUSED
    return Failure(reason, reason.label, f"(HTTP {status})")


def make_status_failure(status: int) -> Failure:
    transient = status in TRANSIENT_HTTP
    reason = Reason.HTTP_STATUS_TRANSIENT if transient else Reason.HTTP_STATUS
    return Failure(reason, format_http_label(status))
