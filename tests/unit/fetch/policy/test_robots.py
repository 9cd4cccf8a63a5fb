"""RFC 9309, its examples, and files that nobody should have written."""

from __future__ import annotations

import re
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.fetch.http.urls import make_sendable
from img2dataset.fetch.policy.robots import (
    MAX_CRAWL_DELAY_S,
    MAX_ROBOTS_BYTES,
    Rules,
    make_robots_url,
    parse_rules,
)

AGENTS = ("MyBot", "img2dataset")


def rules(text: str | bytes, *agents: str) -> Rules:
    body = text if isinstance(text, bytes) else text.encode()
    found = parse_rules(200, body, agents or AGENTS)
    assert found is not None
    return found


def allows(text: str | bytes, path: str, *agents: str) -> bool:
    return rules(text, *agents).allows(make_sendable(f"https://example.com{path}"))


def for_all(*lines: str) -> str:
    return "\n".join(["User-agent: *", *lines])


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("http://example.com/a/b.jpg?q#f", "http://example.com/robots.txt"),
        ("https://u:p@example.com:8443/a", "https://example.com:8443/robots.txt"),
        ("http://[::1]:80/", "http://[::1]/robots.txt"),
    ],
)
def test_the_rules_of_a_url_are_at(url: str, where: str) -> None:
    assert make_robots_url(make_sendable(url)) == where


@pytest.mark.parametrize("status", [301, 302, 308, 400, 401, 403, 404, 410, 451])
def test_no_rules_forbid_nothing(status: int) -> None:
    found = parse_rules(status, b"User-agent: *\nDisallow: /", AGENTS)
    assert found is not None
    assert found.allows("https://example.com/a")
    assert found.crawl_delay is None
    assert found.expires_after > 0


@pytest.mark.parametrize("status", [None, 0, 100, 429, 500, 503, 599, 600, 999])
def test_rules_that_cannot_be_had_are_unavailable(status: int | None) -> None:
    assert parse_rules(status, b"", AGENTS) is None


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        # 2.2.2
        ("/foo/bar?baz=quz", "/foo/bar?baz=quz"),
        ("/foo/bar?baz=http://foo.bar", "/foo/bar?baz=http://foo.bar"),
        ("/foo/bar?baz=https%3A%2F%2Ffoo.bar", "/foo/bar?baz=https%3A%2F%2Ffoo.bar"),
        ("/foo/bar/\u30c4", "/foo/bar/%E3%83%84"),
        ("/foo/bar/%E3%83%84", "/foo/bar/%e3%83%84"),
        ("/foo/bar/%62%61%7A", "/foo/bar/baz"),
        # 2.2.3
        ("/foo/bar", "/foo/bar/baz"),
        ("/this/path/exactly$", "/this/path/exactly"),
        ("/this/*/exactly", "/this/path/or/that/exactly/x"),
        ("*.gif$", "/a.gif"),
        ("/path/file-with-a-%2A.html", "/path/file-with-a-*.html"),
        ("/path/foo-%24", "/path/foo-$"),
        # elsewhere
        ("/", "/"),
        ("/a b", "/a b/c"),
        ("/*?", "/a?b"),
        ("//x", "//x/y"),
        ("/x/**/y", "/x/1/y"),
    ],
)
def test_a_pattern_covers(pattern: str, path: str) -> None:
    assert not allows(for_all(f"Disallow: {pattern}"), path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("", "/"),
        ("/foo", "/Foo"),
        ("/foo", "/"),
        ("/this/path/exactly$", "/this/path/exactly/not"),
        ("*.gif$", "/a.gif?x"),
        ("/a/b", "/a%2Fb"),
        ("/a%2Fb", "/a/b"),
        ("/x*y", "/xz"),
        ("/", "/robots.txt"),
    ],
)
def test_a_pattern_does_not_cover(pattern: str, path: str) -> None:
    assert allows(for_all(f"Disallow: {pattern}"), path)


def test_the_longest_rule_counts_and_of_two_the_kinder() -> None:
    text = for_all("Disallow: /a", "Allow: /a/b", "Disallow: /a/b/c", "Disallow: /x", "Allow: /x")
    assert [allows(text, path) for path in ("/a", "/a/b", "/a/b/c", "/x", "/y")] == [
        False, True, False, True, True,
    ]  # fmt: skip


EXAMPLE = """
User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot
"""


@pytest.mark.parametrize(
    ("agent", "allowed"),
    [
        ("foobot", ["/example/page.html", "/example/allowed.gif"]),
        ("FooBot/2.1", ["/example/page.html", "/example/allowed.gif"]),
        ("barbot", ["/example/allowed.gif", "/"]),
        ("bazbot", ["/example/allowed.gif", "/"]),
        ("quxbot", ["/example/page.html", "/example/allowed.gif", "/"]),
        ("foobot-news", ["/"]),
        ("foo", ["/"]),
        ("other", ["/"]),
    ],
)
def test_the_example_of_the_rfc(agent: str, allowed: list[str]) -> None:
    paths = ["/example/page.html", "/example/allowed.gif", "/"]
    assert [path for path in paths if allows(EXAMPLE, path, agent)] == allowed


def test_the_first_of_our_names_that_has_a_group_counts() -> None:
    everyone, tool, token = (
        f"User-agent: {name}\nDisallow: /{name[:3]}\n" for name in ("all*", "img2dataset", "mybot")
    )
    everyone = everyone.replace("all*", "*")
    for text in (everyone + tool + token, token + tool + everyone):
        assert not allows(text, "/myb")
        assert allows(text, "/img")
    assert not allows(everyone + tool, "/img")
    assert allows(everyone + tool, "/all")
    assert not allows(everyone, "/all")
    assert allows(token, "/myb", "img2dataset")


def test_a_group_of_ours_without_rules_allows_everything() -> None:
    assert allows("User-agent: *\nDisallow: /\nUser-agent: img2dataset\n", "/a")


def test_groups_for_one_name_add_up() -> None:
    text = for_all("Disallow: /a", "User-agent: x", "Disallow: /b", "User-agent: *", "Disallow: /c")
    assert [allows(text, path) for path in ("/a", "/b", "/c")] == [False, True, False]


def test_other_lines_do_not_end_a_group_nor_the_names_of_one() -> None:
    text = "User-agent: img2dataset\nSitemap: /s\nnonsense\nUser-agent: x\n\nHost: h\nDisallow: /a"
    assert not allows(text, "/a")
    assert not allows(text, "/a", "x")


@pytest.mark.parametrize(
    "text",
    [
        "user-agent:*\ndisallow:/a",
        "User-agent: *\r\nDisallow: /a\r\n",
        "User-agent: *\rDisallow: /a",
        "\ufeffUser-agent: *\nDisallow: /a",
        "  User-agent : * # all\n\tDISALLOW : /a # not this",
        "User agent: *\nDissallow: /a",
        "User-agent *\nDisallow /a",
        "User-agent: img2dataset/2.0\nDisallow: /a",
        "Disallow: /b\nUser-agent: *\nDisallow: /a",
    ],
)
def test_many_spellings_are_understood(text: str) -> None:
    assert not allows(text, "/a")
    assert allows(text, "/b")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Disallow: /",
        "<html><body>User-agent: *<br>Disallow: /</body></html>",
        "User-agent: *bot\nDisallow: /",
        "User-agent:\nDisallow: /",
        "User-agent: img\nDisallow: /",
        "User-agent: img2datasets\nDisallow: /",
        "User-agent: *\n# Disallow: /",
        "User-agent: *\nNoindex: /",
    ],
)
def test_what_is_not_said_is_not_forbidden(text: str) -> None:
    assert allows(text, "/a")


@pytest.mark.parametrize(
    ("lines", "delay"),
    [
        ([], None),
        (["Crawl-delay: 2.5"], 2.5),
        (["crawl-delay:0"], None),
        (["Crawl-delay: 86400"], MAX_CRAWL_DELAY_S),
        (["Crawl-delay: 1e400"], None),
        (["Crawl-delay: nan"], None),
        (["Crawl-delay: -1"], None),
        (["Crawl-delay: soon"], None),
        (["Request-rate: 1/5"], 5.0),
        (["Request-rate: 30/1m"], 2.0),
        (["Request-rate: 1/10s 0900-1700"], 10.0),
        (["Request-rate: 0/1"], None),
        (["Request-rate: 1/0"], None),
        (["Request-rate: 1/" + "9" * 4000], None),
        (["Request-rate: 1/" + "9" * 30], MAX_CRAWL_DELAY_S),
        (["Request-rate: 1/5", "Crawl-delay: 2"], 5.0),
        (["Request-rate: 1/5", "Crawl-delay: 8"], 8.0),
    ],
)
def test_the_pause_between_two_requests_is(lines: list[str], delay: float | None) -> None:
    assert rules(for_all("Disallow: /x", *lines)).crawl_delay == delay
    assert rules(for_all("Disallow: /x", *lines, "User-agent: mybot")).crawl_delay is None


def test_only_the_beginning_of_a_huge_file_is_read_and_no_line_in_part() -> None:
    start = for_all("Disallow: /a\n").encode()
    body = (
        start + b"#" * (MAX_ROBOTS_BYTES - len(start) - 12) + b"\nDisallow: /private\nDisallow: /b"
    )
    assert body[:MAX_ROBOTS_BYTES].endswith(b"\nDisallow: /")
    assert [allows(body, path) for path in ("/a", "/b", "/private")] == [False, True, True]


HOSTILE = {
    "rules with wildcards": "User-agent: *\n" + "Disallow:/*a*b*c*z\n" * 25_000,
    "different wildcards": for_all(*(f"Disallow:/*a*z{number}" for number in range(30_000))),
    "as many wildcards as we take": for_all(*(f"Disallow:/*z{n}" for n in range(5_000))),
    "one rule of wildcards": for_all("Disallow: /" + "*a" * 250_000),
    "as long a rule as we take": for_all("Disallow: /" + "*a" * 4_990 + "b"),
    "dollars": for_all("Disallow: /" + "$" * 500_000),
    "names": "".join(f"User-agent: a{number}\n" for number in range(15_000))
    + "Disallow:/\n" * 9999,
    "our name": "User-agent: *\n" * 15_000 + "Disallow:/x\n" * 20_000,
    "prefixes": for_all(*(f"Disallow:/{number}" for number in range(30_000))),
    "spaces": "User-agent: *\nDisallow" + " " * 500_000,
    "empty lines": "\n" * 512_000,
    "numbers": for_all("Crawl-delay: " + "9" * 200_000, "Request-rate: 1/" + "9" * 200_000),
    "escapes": for_all("Disallow: /" + "%41" * 170_000),
}


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_file_costs_much(text: str) -> None:
    url = "https://example.com/" + "a" * 500 + ".jpg"
    start = process_time()
    found = rules(text)
    for _ in range(10):
        found.allows(url)
    assert process_time() - start < 3  # measured: under 0.3; an exponential one never ends


def test_only_what_concerns_us_takes_memory() -> None:
    others = "User-agent: other\n" + "Disallow: /x\n" * 10_000
    assert rules(others).size == 0
    assert rules(others + "User-agent: *\nDisallow: /x").size == len("disallow: /x")


@pytest.mark.slow
def test_a_file_of_nothing_but_wildcards_is_a_no() -> None:
    assert not allows(HOSTILE["different wildcards"], "/nothing")
    assert allows(HOSTILE["as many wildcards as we take"], "/nothing")


ANY_TEXT = st.text() | st.just("\ud800")  # as arguments in another encoding arrive


@given(st.binary(), st.integers(100, 599), st.lists(ANY_TEXT))
def test_no_answer_breaks_it(body: bytes, status: int, agents: list[str]) -> None:
    found = parse_rules(status, body, agents)
    if found is not None:
        found.allows("https://example.com/a")


LINES = st.lists(
    st.sampled_from([
        b"User-agent:", b"*", b"img2dataset", b"MyBot", b"\n", b"\r", b" ", b":", b"Disallow:",
        b"Allow:", b"/", b"$", b"%", b"%2", b"%2F", b"#", b"?", b"Crawl-delay:", b"Request-rate:",
        b"1/2", b"\xff", b"\xef\xbb\xbf", b"\0", b"\x0b", b"\xe2\x80\xa8", b"http://[", b"a",
    ])
).map(b"".join)  # fmt: skip


@given(LINES, st.text())
def test_no_file_and_no_path_break_it(body: bytes, path: str) -> None:
    found = rules(body)
    found.allows(make_sendable(f"https://example.com/{path}"))
    assert found.crawl_delay is None or 0 < found.crawl_delay <= MAX_CRAWL_DELAY_S


@given(LINES, st.text())
def test_a_refusal_of_everything_is_heard_whatever_comes_before(body: bytes, path: str) -> None:
    last = body + b"\nUser-agent: mybot\nDisallow: /*\nDisallow: /" + b"*" * 99
    assert not rules(last).allows(make_sendable(f"https://example.com/a{path}"))


PATTERNS = st.text("ab/*$", max_size=6).map("/{}".format)
RULE_LINES = st.lists(st.tuples(st.booleans(), PATTERNS), max_size=5)


def covers(pattern: str, path: str) -> bool:
    """By the letter of the RFC, slowly."""
    anchor = "$" if pattern.endswith("$") else ""
    parts = pattern.removesuffix("$").split("*")
    return re.match(".*".join(map(re.escape, parts)) + anchor.replace("$", r"\Z"), path) is not None


@given(RULE_LINES, st.text("ab/", max_size=8).map("/{}".format))
def test_rules_are_what_the_rfc_says(lines: list[tuple[bool, str]], path: str) -> None:
    text = for_all(*(f"{'Allow' if kind else 'Disallow'}: {pattern}" for kind, pattern in lines))
    matching = [(len(pattern), kind) for kind, pattern in lines if covers(pattern, path)]
    assert allows(text, path) == max(matching, default=(0, True))[1]
