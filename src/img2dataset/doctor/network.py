"""Resolver, certificates and proxy of this machine -> records of `measured`."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections import deque
from collections.abc import Sequence

from img2dataset.doctor.measured import Certificates, Dns, Proxy
from img2dataset.errors import Reason
from img2dataset.fetch.dns.channel import Channel, ChannelConfig, DnsReply
from img2dataset.fetch.dns.name_cache import resolve_locally
from img2dataset.fetch.dns.resolver import Resolver
from img2dataset.fetch.http.ca_bundle import find_certificates
from img2dataset.fetch.loop import READ, WRITE, AnyPoll
from img2dataset.fetch.route.proxies import Proxies, address_of_proxy
from img2dataset.options import Options

NAMES_AT_ONCE = 64
MAX_NAMES = 200
MAX_DNS_S = 10.0
"""Then the names that are left count as not answered."""
USUAL_NAMES = ("example.com", "example.org", "example.net", "iana.org", "www.iana.org")
"""Asked for if no list is given: names that are there for examples."""
PROXY_TIMEOUT_S = 3.0


def measure_dns(options: Options, hosts: Sequence[str] | None) -> Dns:
    """Ask the resolver of a run for some names at once.

    Args:
        options: their dns_servers are asked, or those of the system.
        hosts: of the list; at most `MAX_NAMES` of them are asked for.  None = there is no list.
    """
    if Proxies.of_system(os.environ).any:
        return Dns((), 0, 0, 0.0, is_by_proxy=True)
    servers = tuple(options.dns_servers or ())
    asked = USUAL_NAMES if hosts is None else dict.fromkeys(hosts)
    names = [name for name in asked if resolve_locally(name) is None][:MAX_NAMES]
    poll = AnyPoll()

    def watch(file: int, reading: bool, writing: bool) -> None:  # noqa: FBT001  (as the resolver calls)
        poll.watch(file, (READ if reading else 0) | (WRITE if writing else 0))

    resolver = Resolver(servers, watch)
    began = time.monotonic()
    try:
        answered = ask_names(resolver, poll, names)
    finally:
        resolver.close()
        poll.close()
    seconds = time.monotonic() - began
    return Dns(servers or find_system_servers(), len(names), len(names) - answered, seconds)


def ask_names(resolver: Resolver, poll: AnyPoll, names: Sequence[str]) -> int:
    """Look the names up, some at once; return how many were answered."""
    waiting = deque(names)
    deadline = time.monotonic() + MAX_DNS_S
    answered = 0
    while (waiting or resolver.in_flight) and time.monotonic() < deadline:
        while waiting and resolver.in_flight < NAMES_AT_ONCE:
            answer = resolver.ask(waiting.popleft())
            answered += answer is not None and answer.reason is not Reason.HOST_NOT_RESOLVED
        if not resolver.in_flight:  # all were known
            continue
        wait_s = resolver.next_timeout()
        for file, mask in poll.wait(min(0.5 if wait_s is None else wait_s, 0.5)):
            resolver.ready(file, bool(mask & READ), bool(mask & WRITE))
        resolver.tick()
        for _, answer in resolver.answers():
            answered += answer.reason is not Reason.HOST_NOT_RESOLVED
    return answered


def find_system_servers() -> tuple[str, ...]:
    """Return the name servers of the system; nothing is asked."""
    replies: list[DnsReply[None]] = []
    channel = Channel(replies, lambda *_: None, ChannelConfig((), wait_s=1.0, tries=1))
    try:
        return channel.servers
    finally:
        channel.close()


def find_trusted(options: Options) -> Certificates:
    """Count the trusted certificates."""
    file, folder = find_certificates(os.environ)
    place = file or folder or ""
    count = None
    if file is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(file)
            count = context.cert_store_stats()["x509_ca"]
        except (OSError, ssl.SSLError):
            count = 0
    return Certificates(place, count, options.ignore_ssl_certificate)


def measure_proxy() -> Proxy:
    """Connect to the proxy, if there is one; nothing is sent."""
    proxies = Proxies.of_system(os.environ)
    url = next(
        (
            found
            for scheme in ("https", "http")
            if (found := proxies.for_url(scheme, "example.com", None))
        ),
        "",
    )
    if not url:
        return Proxy("", "")
    host, port = address_of_proxy(url)
    bare = host.removeprefix("[").removesuffix("]")
    try:
        socket.create_connection((bare, port), PROXY_TIMEOUT_S).close()
    except OSError as error:
        return Proxy(f"{host}:{port}", str(error.strerror or error))
    return Proxy(f"{host}:{port}", "")
