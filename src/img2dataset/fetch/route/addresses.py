"""A host and the addresses its name has -> those we may connect to (option private_addresses).

The three policies: `allow` = all of them; `deny` = public addresses only; `listed` = public
ones, and a private address or a local name if the list itself says it.  What counts as public
is our own table, not `ipaddress.is_global`: that one differs between Python 3.11 and 3.14 (it
takes 2002:7f00:1::, which is 127.0.0.1 in a tunnel, for global before 3.12), knows multicast and
unallocated space as global, and nothing of the metadata addresses of clouds.
https://www.iana.org/assignments/iana-ipv4-special-registry
https://www.iana.org/assignments/iana-ipv6-special-registry
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from img2dataset.fetch.http.urls import bare_name

NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # "this network"; 0.0.0.0 connects to this machine
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers; 100.100.100.200 = metadata (Alibaba)
        "127.0.0.0/8",
        "168.63.129.16/32",  # public by number, the machine's own host in fact (Azure)
        "169.254.0.0/16",  # link-local; 169.254.169.254 = metadata (nearly everyone)
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; 192.0.0.192 = metadata (Oracle)
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4, which is no more
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

PUBLIC_6 = IPv6Network("2000::/3")
"""All that is given out; the rest is local (fc00::/7, fd00:ec2::254), multicast or reserved."""

NOT_PUBLIC_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo (IPv4 in a tunnel), benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 (IPv4 in a tunnel)
        "3fff::/20",  # documentation
    )
)

IPV4_AT_THE_END = (
    IPv6Network("::ffff:0:0/96"),  # IPv4-mapped: a connection to it is one over IPv4
    IPv6Network("64:ff9b::/96"),  # NAT64: how a network without IPv4 reaches it
)
"""As public as the IPv4 address inside.

Networks may have a NAT64 prefix of their own; an address does not show it.  64:ff9b:1::/48, which
is set aside for that, is not public: only that network knows where the IPv4 address is in it.
"""

ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""Bits 64 to 95 of a tunnel's address; the IPv4 address of its end follows."""


@lru_cache(maxsize=4096)
def is_public(address: str) -> bool:
    """Whether an IP literal is an address of the public Internet; False for anything else."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv4Address):
        return _is_public_4(ip)
    return ip.scope_id is None and _is_public_6(ip)


def find_literal(host: str) -> str | None:
    """The IP literal that `host` is, without its brackets; None if it is a name."""
    if not host[-1:].isdigit() and "]" not in host and ":" not in host:
        return None  # most hosts are names, and to find that out by an exception is dear
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return str(ip_address(bare))
    except ValueError:
        return None


def is_local_name(host: str) -> bool:
    """Whether a name means this machine by definition (RFC 6761)."""
    return f".{bare_name(host)}".endswith(".localhost")


def may_request(policy: str, host: str, *, listed_host: str | None) -> bool:
    """Return whether `host` may be asked, as far as is known before any look-up.

    To be called for every hop; `listed_host` = the host of the URL in the list.
    """
    address = find_literal(host)
    private = is_local_name(host) if address is None else not is_public(address)
    if policy == "allow" or not private:
        return True
    return policy == "listed" and listed_host is not None and _same_host(host, listed_host)


def filter_addresses(policy: str, host: str, addresses: Sequence[str]) -> tuple[str, ...]:
    """Return those of `addresses` on which a `host` that passed `may_request` may be connected to."""
    address = find_literal(host)
    if address is not None:
        return () if policy == "deny" and not is_public(address) else (address,)
    if policy == "allow":
        return tuple(addresses)
    if is_local_name(host):
        return () if policy == "deny" else tuple(filter(is_loopback, addresses))
    return tuple(filter(is_public, addresses))


def is_loopback(address: str) -> bool:
    """Whether an IP literal is this machine itself."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    inside = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return ip.is_loopback if inside is None else inside.is_loopback


def _is_public_4(ip: IPv4Address) -> bool:
    return not any(ip in network for network in NOT_PUBLIC_4)


def _is_public_6(ip: IPv6Address) -> bool:
    bits = int(ip)
    inside = IPv4Address(bits & 0xFFFF_FFFF)
    if any(ip in network for network in IPV4_AT_THE_END):
        return _is_public_4(inside)
    if ip not in PUBLIC_6 or any(ip in network for network in NOT_PUBLIC_6):
        return False
    return bits >> 32 & 0xFFFF_FFFF not in ISATAP or _is_public_4(inside)


def _same_host(one: str, other: str) -> bool:
    return (find_literal(one) or bare_name(one)) == (find_literal(other) or bare_name(other))
