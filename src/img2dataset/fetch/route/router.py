"""A URL -> the route to its host: an address that we may connect to, or a proxy."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache

from img2dataset.errors import Reason, RowError
from img2dataset.fetch.config import FetchConfig
from img2dataset.fetch.dns.resolver import Answer, Resolver
from img2dataset.fetch.http.urls import DEFAULT_PORTS
from img2dataset.fetch.loop import READ, WRITE, Loop
from img2dataset.fetch.politeness import POLITE, Politeness
from img2dataset.fetch.route.addresses import filter_addresses, find_literal, may_request
from img2dataset.fetch.route.proxies import Proxies, address_of_proxy
from img2dataset.records import Failure


@dataclass(frozen=True, slots=True)
class Origin:
    """The scheme, host and port of a URL: the server that it asks."""

    name: str
    """Scheme, host and port, as the URL has them, without a dot at the end of the host."""
    scheme: str
    host: str
    """As in the URL: an IPv6 address in brackets."""
    port: int
    """0 = none: it is no server, but a bucket or a disk."""
    literal: str | None
    """The address that the host is, if it is no name."""


@dataclass(frozen=True, slots=True)
class Route:
    """What libcurl needs to know, see `request.Request`."""

    resolved: str = ""
    proxy: str = ""


DIRECT = Route()
PROXY_NOT_RESOLVED = "(the name of the proxy is not resolved)"


@lru_cache(maxsize=10_000)
def parse_origin(name: str) -> Origin:
    """Return the parts of an origin, as `find_origin` gives it."""
    scheme, _, authority = name.partition("://")
    host, _, port = authority.rpartition(":") if authority[-1:].isdigit() else (authority, "", "")
    if not host or host.endswith(":"):  # digits at the end that are no port
        host, port = authority, ""
    name = name.replace(host, host.removesuffix("."), 1)  # the same host, for all that remember
    number = int(port) if port else DEFAULT_PORTS.get(scheme, 0)
    return Origin(name, scheme, host, number, find_literal(host))


def find_origin(url: str) -> str:
    """Return the scheme, host and port of a URL as one text, without user and password."""
    scheme, _, rest = url.partition("://")
    authority = rest.partition("/")[0]
    if "@" in authority:
        authority = authority.rpartition("@")[2]
    return f"{scheme}://{authority}"


class Router:
    """Finds routes; names that are not known yet, of hosts or proxies, come later, by `found`."""

    def __init__(self, config: FetchConfig, loop: Loop, politeness: Politeness = POLITE) -> None:
        """Look-ups wait in `loop`."""
        self._policy = config.private_addresses
        self._proxies = Proxies.of_system(os.environ)
        self._loop = loop
        self._resolver = Resolver(config.dns_servers, self._watch, politeness=politeness)
        self._tick_at = 0.0

    def find(self, origin: Origin, listed: str) -> Route | Failure | None:
        """Return the route to `origin`; None = its name is being looked up.  `listed` = host in the list."""
        if not _may_ask(self._policy, origin.host, listed):
            return _not_allowed()
        proxy = self._proxy_for(origin)
        if proxy:
            return self._route_by_proxy(proxy)
        if origin.literal is not None:
            return DIRECT
        answer = self._resolver.ask(origin.host)
        return None if answer is None else self._route_by(origin, answer)

    def name_for(self, origin: Origin) -> str:
        """Return the name that has to be known to get to `origin`: its own, or its proxy's."""
        proxy = self._proxy_for(origin)
        return address_of_proxy(proxy)[0] if proxy else origin.host

    def found(self, now: float) -> list[tuple[str, bool]]:
        """Take the names whose look-up has ended, and whether a name server knew of them."""
        if now >= self._tick_at:
            self._resolver.tick()
        return [
            (name, answer.reason is not Reason.HOST_NOT_RESOLVED)
            for name, answer in self._resolver.answers()
        ]

    def next_timeout(self, now: float) -> float | None:
        """Seconds until `found` has something to do even if no socket gets ready."""
        seconds = self._resolver.next_timeout()
        self._tick_at = now if seconds is None else now + seconds
        return seconds

    def forgive(self) -> None:
        """Forget the names that were not resolved: the network was out."""
        self._resolver.forgive()

    def look_up_anew(self, origin: Origin) -> None:
        """Forget the address on the way to `origin`."""
        self._resolver.forget(self.name_for(origin))

    def close(self) -> None:
        self._resolver.close()

    def may_connect(self, url: str, address: str) -> bool:
        """Whether `address`, to which there is a connection now, is one that `url` may use."""
        origin = parse_origin(find_origin(url))
        return origin.literal is not None or bool(
            filter_addresses(self._policy, origin.host, (address,))
        )

    def _watch(self, file: int, reading: bool, writing: bool) -> None:  # noqa: FBT001  (c-ares)
        mask = (READ if reading else 0) | (WRITE if writing else 0)
        self._loop.watch(file, mask, self._ready)

    def _ready(self, file: int, mask: int) -> None:
        self._resolver.ready(file, bool(mask & ~WRITE), bool(mask & WRITE))

    def _proxy_for(self, origin: Origin) -> str:
        if not self._proxies.any:
            return ""
        return self._proxies.for_url(origin.scheme, origin.host, origin.port)

    def _route_by_proxy(self, proxy: str) -> Route | Failure | None:
        host, port = address_of_proxy(proxy)
        if find_literal(host) is not None:
            return Route(proxy=proxy)
        answer = self._resolver.ask(host)
        if answer is None:
            return None
        if answer.reason is not None:
            return Failure.of(RowError(Reason.PROXY_FAILED, detail=PROXY_NOT_RESOLVED))
        return Route(_direct_route(host, port, answer.addresses).resolved, proxy)

    def _route_by(self, origin: Origin, answer: Answer) -> Route | Failure:
        if answer.reason is not None:
            return Failure.of(RowError(answer.reason))
        addresses = filter_addresses(self._policy, origin.host, answer.addresses)
        if not addresses:
            return _not_allowed()
        return _direct_route(origin.host, origin.port, addresses)


@lru_cache(maxsize=10_000)
def _may_ask(policy: str, host: str, listed: str) -> bool:
    return may_request(policy, host, listed_host=listed)


@lru_cache(maxsize=10_000)
def _direct_route(host: str, port: int, addresses: tuple[str, ...]) -> Route:
    return Route(resolved=f"{host}:{port}:{','.join(addresses)}")


def _not_allowed() -> Failure:
    return Failure.of(RowError(Reason.ADDRESS_NOT_ALLOWED))
