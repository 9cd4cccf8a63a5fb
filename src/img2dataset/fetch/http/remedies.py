"""The end of a transfer -> whether to send it once more in another way, which is no retry.

For ends that are about the connection or the protocol, not about the image:
browsers ask again in these cases too, or never see a difference.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum

from img2dataset.fetch.outcome import UNANSWERED


class Remedy(Enum):
    """What to do differently; each at most once for a request."""

    NEW_CONNECTION = "new connection"
    """The kept one had been closed, or had something on it that was left from before."""
    HTTP_1 = "HTTP/1.1"
    """The server's HTTP/2 is not valid, or it refuses streams."""
    NO_LENGTH = "no Content-Length"
    """The length is no number: the body ends with the connection."""
    NO_TRANSFER_CODING = "no Transfer-Encoding"
    """The coding has a name that means nothing: the body is what it is."""


MALFORMED, REFUSED_CODING = 8, 61
"""libcurl's codes for an answer, and a Transfer-Encoding, that it does not take."""
HTTP_2_CONNECTION, HTTP_2_STREAM = 16, 92
NOT_HTTP = frozenset({1, MALFORMED})
"""Its codes for an answer that does not begin as one."""
REQUEST_TIMEOUT = 408

FOUND_BY_US = ("Invalid HTTP header field", "received invalid frame", "closed cleanly, but")
"""What its messages contain if it was not the server that gave a stream up."""
TOO_MUCH = "ENHANCE_YOUR_CALM"
GAVE_UP = "Connection died, tried"
"""How its message begins when streams were refused, or connections shut down, again and again."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a transfer ended."""

    code: int
    """libcurl's."""
    message: str
    """libcurl's, which alone tells some causes apart."""
    status: int
    """0 = no status line came."""
    untouched: bool
    """Whether nothing came at all."""
    kept: bool
    """Whether it went over connections only that had been used before."""
    has_length: bool
    """Whether a Content-Length came that is a number."""
    secure: bool
    """Whether it was https: HTTP/2 is only spoken there."""


def choose_remedy(ending: Ending) -> Remedy | None:
    """Return how to send the request again; None = it has ended."""
    if _needs_http_1(ending):
        return Remedy.HTTP_1
    if ending.kept and _is_left_over(ending):
        return Remedy.NEW_CONNECTION
    if ending.code == MALFORMED and "Content-Length" in ending.message and not ending.has_length:
        return Remedy.NO_LENGTH
    if ending.code == REFUSED_CODING and "Transfer-Encoding" in ending.message:
        return Remedy.NO_TRANSFER_CODING
    return None


def _is_left_over(ending: Ending) -> bool:
    """Return whether the end of a kept connection is no answer to this request."""
    if ending.code in UNANSWERED and ending.untouched:
        return True
    stray = ending.code in NOT_HTTP and ending.status == 0
    return stray or ending.status == REQUEST_TIMEOUT


def _needs_http_1(ending: Ending) -> bool:
    if not ending.secure or TOO_MUCH in ending.message:
        return False
    if ending.code == HTTP_2_CONNECTION:
        return True
    if ending.code in {HTTP_2_STREAM, MALFORMED} and _is_of_http_2(ending.message):
        return ending.untouched or any(sign in ending.message for sign in FOUND_BY_US)
    return ending.untouched and ending.message.startswith(GAVE_UP)


def _is_of_http_2(message: str) -> bool:
    return "HTTP/2" in message or "HTTP2" in message or "frame type" in message


class Http1Hosts:
    """Remembers which origins are only asked by HTTP/1.1; the oldest are forgotten."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._origins: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, origin: str) -> bool:
        return origin in self._origins

    def add(self, origin: str) -> None:
        self._origins[origin] = None
        if len(self._origins) > self._most:
            self._origins.popitem(last=False)
