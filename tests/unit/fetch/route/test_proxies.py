from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.fetch.route.proxies import Proxies, address_of_proxy

PROXY = "http://proxy.example:3128"


def found(host: str = "example.com", port: int | None = None, **environment: str) -> str:
    return Proxies(environment).for_url("http", host, port)


def test_without_settings_there_is_no_proxy() -> None:
    proxies = Proxies({"PATH": "/bin", "no_proxy": "x"})
    assert not proxies.any
    assert proxies.for_url("http", "example.com", None) == ""


def test_every_scheme_has_its_own() -> None:
    proxies = Proxies({"http_proxy": "http://one:1", "https_proxy": "http://two:2"})
    assert proxies.any
    assert proxies.for_url("http", "example.com", 443) == "http://one:1"
    assert proxies.for_url("https", "example.com", 80) == "http://two:2"
    assert proxies.for_url("ftp", "example.com", None) == ""


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({"http_proxy": PROXY}, PROXY),
        ({"HTTP_PROXY": PROXY}, PROXY),
        ({"http_proxy": PROXY, "HTTP_PROXY": "http://x:1"}, PROXY),
        ({"http_proxy": "", "HTTP_PROXY": PROXY}, ""),
        ({"http_proxy": "", "all_proxy": PROXY}, ""),
        ({"all_proxy": PROXY}, PROXY),
        ({"ALL_PROXY": PROXY}, PROXY),
        ({"all_proxy": "http://x:1", "http_proxy": PROXY}, PROXY),
        ({"https_proxy": PROXY}, ""),
        ({"http_proxy": "proxy.example:3128"}, PROXY),
        ({"http_proxy": " proxy.example:3128 "}, PROXY),
        ({"http_proxy": "socks5h://proxy.example:1080"}, "socks5h://proxy.example:1080"),
        ({"http_proxy": "http://u:p@proxy.example"}, "http://u:p@proxy.example"),
        ({"REQUEST_METHOD": "GET", "HTTP_PROXY": PROXY}, ""),
        ({"REQUEST_METHOD": "GET", "http_proxy": PROXY}, PROXY),
        ({"REQUEST_METHOD": "GET", "ALL_PROXY": PROXY}, PROXY),
    ],
)
def test_the_proxy_for_http_is(environment: dict[str, str], proxy: str) -> None:
    assert Proxies(environment).for_url("http", "example.com", None) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "host", "port"),
    [
        ("*", "example.com", None),
        ("x, *", "example.com", None),
        ("example.com", "example.com", None),
        ("example.com", "EXAMPLE.com.", None),
        ("Example.COM", "a.b.example.com", None),
        (".example.com", "example.com", None),
        (".example.com", "a.example.com", None),
        ("*.example.com", "a.example.com", None),
        ("example.com.", "a.example.com", None),
        ("a,b example.com;", "b", None),
        ("example.com:8080", "a.example.com", 8080),
        ("example.com:80", "example.com", None),
        ("127.0.0.1", "127.0.0.1", 99),
        ("10.0.0.0/8", "10.255.0.1", None),
        ("10.1.2.3/8", "10.255.0.1", None),
        ("10.0.0.1:80", "10.0.0.1", 80),
        ("::1", "[::1]", 80),
        ("[::1]", "[::1]", 80),
        ("[0:0::1]:80", "[::1]", 80),
        ("fd00::/8", "[fd12::1]", None),
    ],
)
def test_no_proxy_covers(no_proxy: str, host: str, port: int | None) -> None:
    assert found(host, port, http_proxy=PROXY, no_proxy=no_proxy) == ""
    assert found(host, port, http_proxy=PROXY, NO_PROXY=no_proxy) == ""


@pytest.mark.parametrize(
    ("no_proxy", "host", "port"),
    [
        ("", "example.com", None),
        (",, ,", "example.com", None),
        (".", "example.com", None),
        (":80", "example.com", 80),
        ("example.com", "badexample.com", None),
        ("example.com", "example.com.evil", None),
        ("a.example.com", "example.com", None),
        ("example.com:8080", "example.com", None),
        ("10.0.0.0/8", "11.0.0.1", None),
        ("10.0.0.0/8", "10.example.com", None),
        ("10.0.0.0/99", "10.0.0.1", None),
        ("::1", "[::2]", None),
        ("10.0.0.0/8", "[::1]", None),
    ],
)
def test_no_proxy_does_not_cover(no_proxy: str, host: str, port: int | None) -> None:
    assert found(host, port, http_proxy=PROXY, no_proxy=no_proxy) == PROXY


def test_no_proxy_for_all_means_none_at_all() -> None:
    assert not Proxies({"http_proxy": PROXY, "no_proxy": "*"}).any
    assert not Proxies({"http_proxy": ""}).any


def test_passwords_are_not_shown() -> None:
    assert "secret" not in repr(Proxies({"http_proxy": "http://u:secret@proxy"}))


@pytest.mark.parametrize(
    ("platform", "proxy"), [("darwin", PROXY), ("win32", PROXY), ("linux", "")]
)
def test_the_system_is_asked_where_it_knows_more_than_the_environment(
    platform: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("urllib.request.getproxies", lambda: {"http": PROXY})  # imports it, too
    monkeypatch.setattr(sys, "platform", platform)
    proxies = Proxies.of_system({"no_proxy": "exempt.example"})
    assert proxies.for_url("http", "example.com", None) == proxy
    assert proxies.for_url("http", "exempt.example", None) == ""
    by_environment = Proxies.of_system({"http_proxy": "http://own:1"})
    assert by_environment.for_url("http", "example.com", None) == "http://own:1"


LABELS = st.text("abc0", min_size=1, max_size=4)
NAMES = st.lists(LABELS, max_size=3).map(lambda labels: ".".join([*labels, "example"]))
VARIABLES = st.sampled_from(["http_proxy", "HTTPS_PROXY", "all_proxy", "no_proxy", "NO_PROXY"])


@given(st.dictionaries(VARIABLES, st.text()), st.text(), st.none() | st.integers(0, 65535))
def test_no_setting_breaks_it(environment: dict[str, str], host: str, port: int | None) -> None:
    proxies = Proxies(environment)
    for scheme in ("http", "https"):
        assert proxies.any or not proxies.for_url(scheme, host, port)


@given(NAMES, NAMES, st.lists(NAMES))
def test_an_exempt_name_exempts_its_subdomains_among_any_others(
    name: str, sub: str, others: list[str]
) -> None:
    listed = ",".join([*others, name])
    assert found(f"{sub}.{name}", http_proxy=PROXY, no_proxy=listed) == ""


@given(st.ip_addresses(), st.integers(0, 32))
def test_a_range_covers_its_own_addresses(address: object, prefix: int) -> None:
    host = f"[{address}]" if ":" in str(address) else str(address)
    assert found(host, http_proxy=PROXY, no_proxy=f"{address}/{prefix}") == ""


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("socks5://proxy:1080", "socks5h://proxy:1080"),
        ("socks4://proxy:1080", "socks4a://proxy:1080"),
        ("socks5h://proxy:1080", "socks5h://proxy:1080"),
        ("proxy:8080", "http://proxy:8080"),
        ("https://proxy", "https://proxy"),
    ],
)
def test_names_are_resolved_by_the_proxy_never_by_libcurl(given: str, used: str) -> None:
    assert Proxies({"all_proxy": given}).for_url("https", "example.com", None) == used


def test_socks_without_a_number_is_the_fifth() -> None:
    proxies = Proxies({"all_proxy": "socks://127.0.0.1:1080"})
    assert proxies.for_url("http", "a.test", None) == "socks5h://127.0.0.1:1080"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://proxy:3128", ("proxy", 3128)),
        ("http://proxy", ("proxy", 1080)),
        ("https://proxy/", ("proxy", 443)),
        ("socks5h://u:p@proxy:9/x", ("proxy", 9)),
        ("http://u:p%40ss@proxy:9?x", ("proxy", 9)),
        ("http://[::1]:3128", ("[::1]", 3128)),
        ("http://[::1]", ("[::1]", 1080)),
        ("http://127.0.0.1:1", ("127.0.0.1", 1)),
        ("http://proxy:", ("proxy", 1080)),
    ],
)
def test_where_a_proxy_is(url: str, address: tuple[str, int]) -> None:
    assert address_of_proxy(url) == address


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://u:p@b\u00fccher.test:3128", "http://u:p@xn--bcher-kva.test:3128"),
        ("127.1:3128", "http://127.0.0.1:3128"),
        ("http://proxy1:3128", "http://proxy1:3128"),
        ("http://a..\u00fc b:3128", "http://a..\u00fc b:3128"),
    ],
)
def test_odd_spellings_of_a_proxy_are_made_plain(given: str, used: str) -> None:
    assert found(http_proxy=given) == used
