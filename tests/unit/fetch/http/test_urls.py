from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.errors import Reason, RowError
from img2dataset.fetch.http.urls import MAX_URL_CHARACTERS, make_sendable


@pytest.mark.parametrize(
    ("given_url", "sent"),
    [
        ("http://example.com/a.jpg", "http://example.com/a.jpg"),
        ("  http://example.com/a.jpg\t\r\n", "http://example.com/a.jpg"),
        ("http://example.com/a b.jpg", "http://example.com/a%20b.jpg"),
        ("http://example.com/é.jpg?q=ü", "http://example.com/%C3%A9.jpg?q=%C3%BC"),
        ("http://bücher.example/x", "http://xn--bcher-kva.example/x"),
        ("HTTPS://Example.COM:443/A", "https://example.com/A"),
        ("http://example.com/a%20b%zz", "http://example.com/a%20b%zz"),
        ("http://example.com/a/../b/./c", "http://example.com/b/c"),
        ("http://example.com/a.jpg#top", "http://example.com/a.jpg"),
        ("http://u:p@example.com/a", "http://u:p@example.com/a"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
        ("http:\\\\example.com\\a", "http://example.com/a"),
        ("http://example.com/\ud800", "http://example.com/%EF%BF%BD"),
        ("http://example.com/a\nb", "http://example.com/ab"),
    ],
)
def test_a_url_is_sent_as_a_browser_would(given_url: str, sent: str) -> None:
    assert make_sendable(given_url) == sent


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (None, Reason.URL_MISSING),
        ("", Reason.URL_MISSING),
        (" \t\n", Reason.URL_MISSING),
        ("file:///etc/passwd", Reason.SCHEME_NOT_ALLOWED),
        ("ftp://example.com/a.jpg", Reason.SCHEME_NOT_ALLOWED),
        ("data:image/png;base64,AAAA", Reason.SCHEME_NOT_ALLOWED),
        ("javascript:alert(1)", Reason.SCHEME_NOT_ALLOWED),
        ("httpx://example.com/", Reason.SCHEME_NOT_ALLOWED),
        ("nothing of the kind", Reason.URL_INVALID),
        ("//example.com/a.jpg", Reason.URL_INVALID),
        ("http://", Reason.URL_INVALID),
        ("http://a b/", Reason.URL_INVALID),
        ("http://[::1/", Reason.URL_INVALID),
        ("http://example.com:99999/", Reason.URL_INVALID),
        ("\ud800", Reason.URL_INVALID),
        ("http://example.com/" + "x" * MAX_URL_CHARACTERS, Reason.URL_INVALID),
    ],
)
def test_what_cannot_be_asked_for_has_a_reason(url: str | None, reason: Reason) -> None:
    with pytest.raises(RowError) as caught:
        make_sendable(url)
    assert caught.value.reason is reason


@given(
    st.text() | st.text().map("http://example.com/{}".format) | st.text().map("http://{}".format)
)
def test_any_text_is_either_sendable_ascii_or_refused(text: str) -> None:
    try:
        sent = make_sendable(text)
    except RowError:
        return
    assert sent.isascii()
    assert sent.startswith(("http://", "https://"))
    assert not set(sent) & set(" \t\r\n#\0")
    assert make_sendable(sent) == sent


HOSTS = st.sampled_from([
    "example.com", "EXAMPLE.com", "bücher.example", "1.2.3.4", "[::1]", "u:p@example.com",
    "example.com:80", "example.com:8080", "[::1]:443", "0x7f.1", "a..b", "xn--a", "%31.2.3.4",
])  # fmt: skip
PIECES = st.sampled_from([
    "/", "//", "..", ".", "%2e", "%2F", "%", "%zz", " ", "\t", "\n", "\\", "?", "#", "&", "=", ":",
    "@", "é", "😀", "\u200b", "\xa0", "\0", "\x7f", "|", "<", ">", '"', "{", "^", "`", "a.jpg", "'",
    "\ud800", "+", ";",
])  # fmt: skip


@given(st.sampled_from(["http://", "HTTPS://", "http:", "https:\\"]), HOSTS, st.lists(PIECES))
def test_any_form_of_url_goes_out_in_one_form(scheme: str, host: str, pieces: list[str]) -> None:
    try:
        sent = make_sendable(f"{scheme}{host}/{''.join(pieces)}")
    except RowError as error:
        with pytest.raises(RowError, match=error.reason.label):
            make_sendable(f"{scheme}{host}/")  # the path is never at fault
        return
    assert make_sendable(sent) == sent
    assert re.fullmatch(r"https?://[!-~]+", sent)
    assert not set('#"<> \\') & set(sent.partition("?")[0])
    assert not re.search(r"/\.\.?(/|$)", sent.partition("?")[0])


@given(st.text("abc/?&=%20é "), st.text())
def test_a_fragment_is_never_sent(path: str, fragment: str) -> None:
    fragment = fragment.strip()
    assert make_sendable(f"http://example.com/x{path}#{fragment}") == make_sendable(
        f"http://example.com/x{path}#"
    )


@given(st.text("\t\n\r \xa0\u3000", min_size=1), st.text("\t\n\r \xa0\u2003"))
def test_space_around_a_url_is_not_of_it(before: str, after: str) -> None:
    assert make_sendable(f"{before}http://example.com/a{after}") == "http://example.com/a"
