"""What is asked of a server, and what comes of it: the values, without libcurl."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from img2dataset.fetch.policy.refusals import Signals
from img2dataset.fetch.route.router import find_origin
from img2dataset.records import Body, Failure, ResponseInfo

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Request:
    """What to request, and from where."""

    url: str
    """As `urls.make_sendable` makes it."""
    seconds: float
    """Until it has to be over."""
    resolved: str = ""
    """`host:port:addresses`, of the proxy if there is one; none = it is an address."""
    proxy: str = ""
    is_text: bool = False
    """Whether a robots.txt or tdmrep.json is expected, not an image."""
    reserved: bool = False
    """Whether tdmrep.json reserves it, unless the answer has another signal."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The answer: ask elsewhere."""

    location: bytes
    fetched: ResponseInfo | None = None


@dataclass(frozen=True, slots=True)
class Finished(Generic[K]):
    """A transfer that is over: the key it was started with, and what became of it."""

    key: K
    result: Body | Failure | Moved
    status: int
    """0 = no answer came."""
    seconds: float
    """How long it took, without the time it waited for memory."""
    retry_after: str | None = None
    """The value of Retry-After."""
    first_byte: float = 0.0
    """Seconds from having an address to the first byte of the answer; 0 = none came."""
    signals: Signals = ()
    """The opt-out signals of the answer."""
    connect: float = 0.0
    tls: float = 0.0
    wait: float = 0.0
    """Of `seconds`: until there was a connection, until it was secure, until the first byte came; the
    rest is the body's."""


def asks_proxy(request: Request) -> bool:
    """Return whether an HTTP proxy is asked, without a tunnel."""
    return request.url.startswith("http://") and request.proxy.startswith(("http://", "https://"))


def request_target(url: str, *, absolute: bool) -> str:
    """Return the target of the request line."""
    origin = find_origin(url)
    authority_and_path = url.partition("://")[2]
    path = "/" + authority_and_path.partition("/")[2]
    return origin + path if absolute else path


def forget(resolved: str) -> list[str]:
    """Return what makes libcurl forget a name (`host:port:addresses`)."""
    if not resolved:
        return []
    host, port, _ = resolved.split(":", 2)
    return [f"-{host}:{port}"]
