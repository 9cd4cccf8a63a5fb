"""Lines of robots.txt about training: Content-Usage and Content-Signal, with and without paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.fetch.policy.content_signal import read_preference
from img2dataset.fetch.policy.robots import Rules, parse_rules
from img2dataset.fetch.policy.usage_rules import MAX_RULES

USAGE = "content-usage"


def rules(*lines: str, agent: str = "*") -> Rules:
    text = "\n".join([f"User-agent: {agent}", *lines])
    found = parse_rules(200, text.encode(), ["mybot", "img2dataset"])
    assert found is not None
    return found


def forbidden(path: str, *lines: str) -> bool:
    return rules(*lines).usage.forbid_training(f"https://a.test{path}")


# Content-Signal


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("ai-train=no", False),
        ("search=yes,ai-train=no", False),
        ("search=yes, ai-train=no, ai-input=yes", False),
        (" AI-Train = NO ", False),
        ("ai-train=yes", True),
        ("ai-train=yes, ai-train=no", False),
        ("ai-train=no, ai-train=yes", False),
        ("search=no", None),
        ("ai-train", None),
        ("ai-train=", None),
        ("ai-train=maybe", None),
        ("ai-train=maybe, ai-train=no", False),
        ("not-ai-train=no", None),
        ("use=reference", None),
        ("", None),
        (",,=,", None),
    ],
)
def test_a_content_signal_says(line: str, allowed: bool | None) -> None:  # noqa: FBT001  (a column)
    assert read_preference(line) is allowed


# lines of a group


@pytest.mark.parametrize(
    "line",
    [
        "Content-Signal: search=yes,ai-train=no",
        "content-signal : ai-train=no",
        "  CONTENT-SIGNAL:ai-train=no # as we said",
        "Content-Signals: ai-train=no",
        "Content-Signal: / ai-train=no",
        "Content-Usage: train-ai=n",
        "Content-Usage: / train-ai=n",
        "content-usage:\t/\ttrain-ai=n, search=y",
        "Content-Usage: / train-ai=n # comment",
    ],
)
def test_training_is_forbidden_by(line: str) -> None:
    assert forbidden("/photo.jpg", line)
    assert forbidden("/photo.jpg", "Allow: /", line, "Crawl-delay: 1")
    assert rules(line).allows("https://a.test/photo.jpg"), "it may be fetched for other ends"


@pytest.mark.parametrize(
    "line",
    [
        "Content-Signal: ai-train=yes",
        "Content-Signal: search=no",
        "Content-Usage: / train-ai=y",
        "Content-Usage: /other/ train-ai=n",
        "Content-Usage: / Train-AI=n",
        "Content-Usage:",
        "Content-Usage: /",
        "# Content-Usage: train-ai=n",
        "X-Content-Usage: train-ai=n",
    ],
)
def test_training_is_not_forbidden_by(line: str) -> None:
    assert not forbidden("/photo.jpg", line)


EXAMPLE = ("Allow: /", "Disallow: /never/", "Content-Usage: / train-ai=n",
           "Content-Usage: /ai-ok/ train-ai=y")  # fmt: skip


@pytest.mark.parametrize(
    ("path", "lines", "expected"),
    [
        ("/test", EXAMPLE, True),
        ("/ai-ok/test", EXAMPLE, False),
        ("/ai-ok/test", EXAMPLE[::-1], False),
        ("/a/b", ("Content-Usage: /a train-ai=n", "Content-Usage: /a train-ai=y"), True),
        ("/a/b", ("Content-Usage: /a train-ai=y", "Content-Usage: /a train-ai=n"), True),
        # what does not speak of training leaves that to the others
        ("/a/b", ("Content-Usage: /a/ search=n", "Content-Usage: / train-ai=n"), True),
        # each kind for itself; the most restrictive counts
        ("/a/b", ("Content-Usage: /a/ train-ai=y", "Content-Signal: ai-train=no"), True),
        ("/a.jpg?x=1", ("Content-Usage: /*.jpg$ train-ai=n",), False),
        ("/a.jpg", ("Content-Usage: /*.jpg$ train-ai=n",), True),
        ("/caf%C3%A9/1", ("Content-Usage: /caf\u00e9/ train-ai=n",), True),
        ("/caf%c3%a9/1", ("Content-Usage: /caf%C3%A9/ train-ai=n",), True),
        ("/%7Ejoe/1", ("Content-Usage: /~joe/ train-ai=n",), True),
        ("", ("Content-Usage: / train-ai=n",), True),
    ],
)
def test_the_longest_path_counts(path: str, lines: tuple[str, ...], expected: bool) -> None:  # noqa: FBT001  (a column)
    assert forbidden(path, *lines) is expected


def test_only_our_group_counts() -> None:
    text = b"User-agent: *\nContent-Signal: ai-train=no\n\nUser-agent: mybot\nAllow: /"
    known = parse_rules(200, text, ["mybot"])
    assert known is not None
    assert not known.usage.forbid_training("https://a.test/1")
    known = parse_rules(200, text, ["other"])
    assert known is not None
    assert known.usage.forbid_training("https://a.test/1")


def test_a_line_about_training_ends_the_names_of_a_group() -> None:
    text = b"User-agent: a\nContent-Signal: ai-train=no\nUser-agent: mybot\nDisallow: /x"
    known = parse_rules(200, text, ["mybot"])
    assert known is not None
    assert not known.usage.rules


def test_kinds_can_be_left_out() -> None:
    usage = rules("Content-Usage: / train-ai=n").usage
    assert not usage.forbid_training("https://a.test/1", ["content-signal"])


def test_what_is_said_of_a_url_is_told() -> None:
    usage = rules("Content-Signal: search=yes, ai-train=no", *EXAMPLE).usage
    assert usage.signals("https://a.test/ai-ok/1") == (
        ("content-signal", "search=yes, ai-train=no"),
        (USAGE, "train-ai=n"),
        (USAGE, "train-ai=y"),
    )


def test_more_rules_than_anybody_needs_are_a_no() -> None:
    many = [f"Content-Usage: /{number} train-ai=y" for number in range(MAX_RULES + 1)]
    assert forbidden("/x", *many)
    assert not forbidden("/x", *many[:MAX_RULES])


@given(st.lists(st.text(max_size=20), max_size=5))
def test_whatever_is_written_is_read(values: list[str]) -> None:
    lines = [f"Content-Usage: {value}" for value in values]
    usage = rules(*lines, *(line.replace("Usage", "Signal") for line in lines)).usage
    assert usage.forbid_training("https://a.test/x") in {True, False}
