from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.errors import Reason, RowError
from img2dataset.fetch.http.redirects import resolve_redirect
from img2dataset.fetch.http.urls import MAX_URL_CHARACTERS, make_sendable

BASE = "https://example.com/a/b.jpg?q=1"


@pytest.mark.parametrize(
    ("location", "url"),
    [
        (b"http://other.example/x.jpg", "http://other.example/x.jpg"),
        (b"//other.example/x", "https://other.example/x"),
        (b"/x", "https://example.com/x"),
        (b"c", "https://example.com/a/c"),
        (b"../c", "https://example.com/c"),
        (b"?x=2", "https://example.com/a/b.jpg?x=2"),
        (b"#top", "https://example.com/a/b.jpg?q=1"),
        (b"/x#top", "https://example.com/x"),
        (b"  /x y\t", "https://example.com/x%20y"),
        (b"/x\ty", "https://example.com/xy"),
        (b"https:c", "https://example.com/a/c"),
        (b"http:c.example", "http://c.example/"),
        (b"\\\\other.example\\x", "https://other.example/x"),
        ("/é".encode(), "https://example.com/%C3%A9"),
        ("/é".encode("latin-1"), "https://example.com/%E9"),
        ("http://bücher.example/".encode(), "http://xn--bcher-kva.example/"),
        (b"http://u:p@other.example/", "http://u:p@other.example/"),
        (b"http://0x7f.1/", "http://127.0.0.1/"),
        (b"HTTP://EXAMPLE.com:80/%7e", "http://example.com/%7e"),
    ],
)
def test_a_location_is_read_as_a_browser_would(location: bytes, url: str) -> None:
    assert resolve_redirect(BASE, location) == url


@pytest.mark.parametrize(
    "location",
    [
        b"",
        b" \t",
        b"\0",
        b"file:///etc/passwd",
        b"ftp://example.com/",
        b"javascript:alert(1)",
        b"data:image/png;base64,AAAA",
        b"gopher://127.0.0.1:6379/_x",
        b"about:blank",
        b"http://",
        b"http://a b/",
        b"//[::1/",
        b"http://example.com:99999/",
        "http://bücher.example/".encode("latin-1"),
        b"/" + b"x" * (4 * MAX_URL_CHARACTERS),
    ],
)
def test_a_redirect_elsewhere_is_refused(location: bytes) -> None:
    with pytest.raises(RowError) as caught:
        resolve_redirect(BASE, location)
    assert caught.value.reason is Reason.BAD_REDIRECT


@pytest.mark.parametrize(
    ("base", "location", "url"),
    [
        ("http://u@h/a", b"//other/", "http://other/"),
        ("http://u:p@h/a", b"https://h/", "https://h/"),
        ("http://u:p@h/a", b"http://h:81/", "http://h:81/"),
        ("http://u:p@h/a", b"http://h.other/", "http://h.other/"),
        ("http://u:p@h/a", b"http://www.h/", "http://www.h/"),
        ("http://u:p@h:81/a", b"http://h/", "http://h/"),
        ("http://u:p@h/a", b"//other/?http://h/", "http://other/?http://h/"),
        ("http://h/a?to=http://u@x/", b"?", "http://h/a?"),
        ("http://h/a?to=http://u@x/", b"#", "http://h/a?to=http://u@x/"),
    ],
)
def test_a_password_stays_behind(base: str, location: bytes, url: str) -> None:
    assert resolve_redirect(base, location) == url


@pytest.mark.parametrize(
    ("base", "location", "url"),
    [
        ("http://u:p@h/a", b"b", "http://u:p@h/b"),
        ("http://u:p@h/a", b"#b", "http://u:p@h/a"),
        ("http://u:p@h/a", b"http://h/b", "http://u:p@h/b"),
        ("http://u:p@h:81/a", b"//H:81", "http://u:p@h:81/"),
        ("https://u@h/a", b"https://h:443/b", "https://u@h/b"),
        ("http://u:p@h/a", b"http://v:q@h/b", "http://v:q@h/b"),
    ],
)
def test_but_within_its_origin_it_goes_along(base: str, location: bytes, url: str) -> None:
    assert resolve_redirect(base, location) == url


URLS = st.text().map("http://u:secret@example.com/{}".format)
LOCATIONS = st.binary() | st.text().map(str.encode) | st.text().map("//{}/".format).map(str.encode)


@given(URLS, LOCATIONS)
def test_any_bytes_are_a_sendable_url_or_refused(url: str, location: bytes) -> None:
    try:
        found = resolve_redirect(make_sendable(url), location)
    except RowError:
        with pytest.raises(RowError, match=Reason.BAD_REDIRECT.label):
            resolve_redirect(make_sendable(url), location)
        return
    assert make_sendable(found) == found
    at_home = found.startswith("http://u:secret@example.com/")
    assert "secret" not in found or at_home or b"secret" in location or "secret" in url[28:]


@given(st.binary())
def test_redirects_may_be_followed_one_after_the_other(location: bytes) -> None:
    try:
        once = resolve_redirect(BASE, location)
    except RowError:
        return
    assert resolve_redirect(BASE, once.encode()) == once
    assert resolve_redirect(once, once.encode()) == once
