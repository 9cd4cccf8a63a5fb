"""C6 of the spec; the tables are IANA's, the odd spellings those of attacks on other fetchers."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.fetch.http.urls import make_sendable
from img2dataset.fetch.route.addresses import (
    IPV4_AT_THE_END,
    filter_addresses,
    find_literal,
    is_local_name,
    is_loopback,
    is_public,
    may_request,
)

POLICIES = ("allow", "listed", "deny")

PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255",
    "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001:800::200e", "2001:4860:4860::8888",
    "2001:200::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2606:4700::5efe:8.8.8.8",
    "2606:4700::200:5efe:8.8.8.8",
]  # fmt: skip

NOT_PUBLIC = [
    "0.0.0.0", "0.255.255.255", "10.0.0.1", "100.64.0.1", "100.100.100.200", "100.127.255.255",
    "127.0.0.1", "127.255.255.255", "168.63.129.16", "169.254.0.1", "169.254.169.254",
    "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.9", "192.0.0.192",
    "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "233.252.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::2", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "::ffff:0:8.8.8.8", "64:ff9b::127.0.0.1", "64:ff9b::192.168.0.1",
    "64:ff9b:1::8.8.8.8", "64:ff9b:1:7f00:0:100::", "100::1", "100:0:0:1::1", "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1",
    "2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1", "2002:ffff:ffff::1", "3fff::1", "3fff:fff::1", "4000::1",
    "5f00::1", "8000::1", "fc00::1", "fd00:ec2::254", "fdff::1", "fe80::1", "fe80::1%eth0",
    "fe80::1%1", "2606:4700::1%eth0", "fec0::1", "ff02::1", "ff0e::1",
    "2606:4700::5efe:127.0.0.1", "2606:4700::200:5efe:10.0.0.1",
]  # fmt: skip


def test_these_are_public_and_those_are_not() -> None:
    assert [address for address in PUBLIC if not is_public(address)] == []
    assert [address for address in NOT_PUBLIC if is_public(address)] == []


@given(st.ip_addresses())
def test_what_python_calls_not_global_is_not_public(ip: IPv4Address | IPv6Address) -> None:
    if not ip.is_global and not any(ip in network for network in IPV4_AT_THE_END):
        assert not is_public(str(ip))


@pytest.mark.slow
@given(st.ip_addresses())
def test_only_unicast_that_is_given_out_is_public(ip: IPv4Address | IPv6Address) -> None:
    if ip.is_multicast or ip.is_reserved or ip.is_link_local or ip.is_loopback or ip.is_unspecified:
        mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
        nat64 = ip in IPv6Network("64:ff9b::/96")
        assert not is_public(str(ip)) or mapped is not None or nat64


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "64:ff9b::{}"]))
def test_an_ipv4_address_in_another_coat_is_as_public_as_without(
    ip: IPv4Address, coat: str
) -> None:
    assert is_public(coat.format(ip)) == is_public(str(ip))


@given(st.ip_addresses(v=4), st.sampled_from(["::{}", "::ffff:0:{}", "2606:4700::5efe:{}"]))
def test_a_coat_never_makes_a_private_address_public(ip: IPv4Address, coat: str) -> None:
    assert not is_public(coat.format(ip)) or is_public(str(ip))


@given(st.text())
def test_what_is_no_address_is_not_public(text: str) -> None:
    assert not is_public(f"x{text}")
    is_public(text)
    is_loopback(text)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("[2001:DB8:0::1]", "2001:db8::1"),
        ("[::ffff:7f00:1]", str(ip_address("::ffff:7f00:1"))),
        ("localhost", None),
        ("example.com", None),
        ("1.2.3.4.example.com", None),
        ("", None),
        ("[]", None),
    ],
)
def test_a_literal_is_told_from_a_name(host: str, address: str | None) -> None:
    assert find_literal(host) == address


def spellings(number: int) -> list[str]:
    """All the ways in which C's inet_aton takes an IPv4 address, and some more of browsers."""
    one, two, three, four = number.to_bytes(4, "big")
    dotted = f"{one}.{two}.{three}.{four}"
    return [
        str(number),
        hex(number),
        f"0{number:o}",
        f"{one}.{number & 0xFFFFFF}",
        f"{one:#x}.{two}.{number & 0xFFFF:#x}",
        f"0{one:o}.0{two:o}.0{three:o}.0{four:o}",
        f"{one:#06x}.{two}.{three:#X}.{four}",
        f"{dotted}.",
        dotted.replace(".", "\u3002"),
        dotted.translate({ord(digit): ord("\uff10") + int(digit) for digit in "0123456789"}),
        dotted.replace(".", "%2e"),
        f"user:secret@{dotted}",
    ]


@given(st.ip_addresses(v=4))
def test_every_spelling_of_an_ipv4_address_is_seen_through(ip: IPv4Address) -> None:
    for spelling in spellings(int(ip)):
        host = make_sendable(f"http://{spelling}/a.jpg").split("/")[2].rpartition("@")[2]
        assert find_literal(host) == str(ip), spelling


@given(st.ip_addresses(v=6))
def test_every_spelling_of_an_ipv6_address_is_seen_through(ip: IPv6Address) -> None:
    for spelling in (ip.compressed, ip.exploded, ip.exploded.upper()):
        assert find_literal(make_sendable(f"http://[{spelling}]/a.jpg").split("/")[2]) == str(ip)


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost", "localhost.", "a.localhost", "a.b.localhost."]
)
def test_this_name_is_local(host: str) -> None:
    assert is_local_name(host)


@pytest.mark.parametrize(
    "host", ["", ".", "example.com", "localhost.com", "mylocalhost", "localhost.example.com"]
)
def test_this_name_is_not_local(host: str) -> None:
    assert not is_local_name(host)


@pytest.mark.parametrize("host", ["localhost", "a.localhost.", "127.0.0.1", "[::1]", "10.1.2.3"])
@pytest.mark.parametrize(
    ("policy", "listed_host", "verdict"),
    [
        ("allow", "example.com", True),
        ("listed", "example.com", False),
        ("listed", "127.0.0.2", False),
        ("listed", "b.localhost", False),
        ("listed", None, False),
        ("deny", "example.com", False),
        ("deny", None, False),
    ],
)
def test_what_is_private_may_be_asked_only_if(
    host: str, policy: str, listed_host: str | None, *, verdict: bool
) -> None:
    assert may_request(policy, host, listed_host=listed_host) is verdict
    assert may_request(policy, host, listed_host=host) is (policy != "deny")


def test_a_redirect_may_stay_on_the_host_of_the_list_however_it_is_written() -> None:
    assert may_request("listed", "localhost.", listed_host="LOCALHOST")
    assert may_request("listed", "[::1]", listed_host="[0:0:0:0:0:0:0:1]")
    assert not may_request("listed", "127.0.0.1", listed_host="localhost")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("host", ["example.com", "localhost.example", "8.8.8.8", "[2606:4700::1]"])
def test_names_and_public_addresses_may_be_asked(policy: str, host: str) -> None:
    assert may_request(policy, host, listed_host=None)


MIXED = ("10.0.0.1", "8.8.8.8", "127.0.0.1", "::1", "2606:4700::1", "::ffff:127.0.0.1", "junk")


@pytest.mark.parametrize(
    ("policy", "host", "expected"),
    [
        ("allow", "example.com", MIXED),
        ("allow", "localhost", MIXED),
        ("listed", "example.com", ("8.8.8.8", "2606:4700::1")),
        ("deny", "example.com", ("8.8.8.8", "2606:4700::1")),
        ("listed", "localhost", ("127.0.0.1", "::1", "::ffff:127.0.0.1")),
        ("listed", "a.localhost.", ("127.0.0.1", "::1", "::ffff:127.0.0.1")),
        ("deny", "localhost", ()),
        ("allow", "127.0.0.1", ("127.0.0.1",)),
        ("listed", "[::1]", ("::1",)),
        ("deny", "127.0.0.1", ()),
        ("deny", "8.8.8.8", ("8.8.8.8",)),
    ],
)
def test_of_these_addresses(policy: str, host: str, expected: tuple[str, ...]) -> None:
    assert filter_addresses(policy, host, MIXED) == expected


HOSTS = st.sampled_from(["example.com", "localhost", "a.localhost", "intranet"]) | st.text()


@given(HOSTS, st.lists(st.ip_addresses().map(str) | st.sampled_from(PUBLIC + NOT_PUBLIC)))
def test_a_stricter_policy_never_allows_more(host: str, addresses: list[str]) -> None:
    every, listed, denied = (filter_addresses(policy, host, addresses) for policy in POLICIES)
    assert set(denied) <= set(listed) <= set(every)
    assert all(map(is_public, denied))
    if find_literal(host) is None:
        assert list(every) == addresses


@given(st.lists(st.ip_addresses().map(str)), st.sampled_from(["listed", "deny"]))
def test_no_public_name_ever_leads_to_a_private_address(addresses: list[str], policy: str) -> None:
    assert all(map(is_public, filter_addresses(policy, "example.com", addresses)))


@given(HOSTS | st.ip_addresses().map(str), HOSTS)
def test_a_policy_nobody_knows_is_the_strictest(host: str, listed_host: str) -> None:
    denied = may_request("deny", host, listed_host=listed_host)
    assert may_request("Alow", host, listed_host=listed_host) == denied
