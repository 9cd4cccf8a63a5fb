"""The environment -> through which proxy an origin is asked."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from img2dataset.errors import RowError
from img2dataset.fetch.http.urls import DEFAULT_PORTS, bare_name, make_sendable

SCHEMES = ("http", "https")
PROXY_PORT = 1080
"""libcurl's, for a proxy that is named without its port."""

WITH_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*):(?P<port>\d{1,5})")
"""`name:8080` and `[::1]:8080`, but not `::1`."""


@dataclass(frozen=True, slots=True)
class Exempt:
    """One entry of no_proxy: what is asked directly."""

    name: str = ""
    network: IPv4Network | IPv6Network | None = None
    port: int | None = None

    @classmethod
    def parse(cls, entry: str) -> Exempt:
        with_port = WITH_PORT.fullmatch(entry)
        host = with_port["host"] if with_port else entry
        port = int(with_port["port"]) if with_port else None
        try:
            return cls(network=ip_network(re.sub(r"[\[\]]", "", host), strict=False), port=port)
        except ValueError:
            return cls(name=bare_name(host.removeprefix("*").removeprefix(".")), port=port)

    def covers(self, host: str, port: int | None) -> bool:
        if self.port not in (None, port):
            return False
        if self.network is None:
            return bool(self.name) and f".{host}".endswith(f".{self.name}")
        try:
            return ip_address(host) in self.network
        except ValueError:
            return False


class Proxies:
    """Which proxy to use for an origin, by http_proxy, https_proxy, all_proxy and no_proxy."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._proxies = {scheme: _proxy_for(scheme, environment) for scheme in SCHEMES}
        entries = re.split(r"[,\s]+", _setting("no_proxy", environment) or "")
        self._none_for_all = "*" in entries
        self._exempt = tuple(Exempt.parse(entry) for entry in entries if entry)

    @classmethod
    def of_system(cls, environment: Mapping[str, str]) -> Proxies:
        """By the environment; if it names no proxy, by the settings of macOS or Windows."""
        proxies = cls(environment)
        if proxies.any or sys.platform not in {"darwin", "win32"}:
            return proxies
        # only reads these settings; sends nothing
        from urllib.request import getproxies  # noqa: PLC0415, TID251  (takes 20 ms)

        return cls(
            {f"{scheme}_proxy": url for scheme, url in getproxies().items()} | {**environment}
        )

    def __repr__(self) -> str:
        return f"<Proxies: {', '.join(scheme for scheme, url in self._proxies.items() if url)}>"

    @property
    def any(self) -> bool:
        """Whether a proxy is used at all."""
        return not self._none_for_all and any(self._proxies.values())

    def for_url(self, scheme: str, host: str, port: int | None) -> str:
        """The URL of the proxy for an origin; "" = none.  `port` None = the scheme's own."""
        proxy = self._proxies.get(scheme, "")
        if not proxy or self._none_for_all:
            return ""
        bare = bare_name(host.strip("[]"))
        number = DEFAULT_PORTS.get(scheme) if port is None else port
        return "" if any(exempt.covers(bare, number) for exempt in self._exempt) else proxy


def _proxy_for(scheme: str, environment: Mapping[str, str]) -> str:
    proxy = _setting(f"{scheme}_proxy", environment)
    if proxy is None:
        proxy = _setting("all_proxy", environment) or ""
    name, _, rest = proxy.rpartition("://")
    # the forms of SOCKS in which the proxy resolves names; in the others libcurl would
    kind = {
        "": "http",
        "socks": "socks5h",
        "socks5": "socks5h",
        "socks4": "socks4a",
    }.get(name.lower(), name)
    return _with_plain_host(f"{kind}://{rest}") if proxy else ""


@lru_cache(maxsize=100)
def address_of_proxy(url: str) -> tuple[str, int]:
    """Host and port of a proxy, as libcurl takes them from its URL."""
    scheme, _, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    with_port = WITH_PORT.fullmatch(authority)
    if with_port:
        return with_port["host"], int(with_port["port"])
    return authority.removesuffix(":"), 443 if scheme.lower() == "https" else PROXY_PORT


def _with_plain_host(proxy: str) -> str:
    """Return the proxy with its host in ASCII and an address in normal form: libcurl does neither."""
    host = address_of_proxy(proxy)[0]
    if host.isascii() and not host[-1:].isdigit():
        return proxy
    try:
        plain = make_sendable(f"http://{host}/").removeprefix("http://").removesuffix("/")
    except RowError:
        return proxy  # which then fails, and is named
    before, _, after = proxy.rpartition(host)
    return f"{before}{plain}{after}"


def _setting(name: str, environment: Mapping[str, str]) -> str | None:
    """The value of a variable, lower case first; None = not set, "" = set to none."""
    value = environment.get(name)
    if value is None and not (name == "http_proxy" and "REQUEST_METHOD" in environment):
        # in a CGI script HTTP_PROXY is a header of the visitor's ("httpoxy")
        value = environment.get(name.upper())
    return None if value is None else value.strip()
