"""The answer to /robots.txt -> what we may ask an origin for, how often, and for what (RFC 9309).

The lines of our group are picked here, in one pass, so that a hostile file costs little; Protego
reads them: patterns, percent-encoding, delays.  Its lines about the training of models are read
by `usage_rules`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ada_url import URL
from protego import Protego

from img2dataset.fetch.policy.usage_rules import NO_RULES, UsageRules, parse_usage_rules

MAX_ROBOTS_BYTES = 500 * 1024
"""Bytes that are read; RFC 9309 asks for as many."""
MAX_WILDCARDS = 5_000
"""Wildcards in the rules for us.  Each is looked for in every URL: a file with more than that
(the largest honest ones have some hundreds) is not there to be obeyed, and is taken as a no."""
MAX_CRAWL_DELAY_S = 60.0
"""Seconds between two requests; a list that waits longer is never done."""
MAX_NUMBER_CHARACTERS = 32
"""Characters of a delay or a rate."""
MAX_AGE_S = 24 * 3600.0
"""Seconds (RFC 9309, 2.4)."""

EVERYONE = b"*"
KINDS = {
    b"us": "user-agent",
    b"di": "disallow",
    b"al": "allow",
    b"cr": "crawl-delay",
    b"re": "request-rate",
    b"content-u": "content-usage",
    b"content-s": "content-signal",
}
"""By their first letters, the lines that concern us."""
NUMBERS = frozenset({"crawl-delay", "request-rate"})
USAGE = frozenset({"content-usage", "content-signal"})
SPELLINGS = (
    rb"user[ -]?agent|diss?all?[oa]w|diasllow|allow|crawl[ -]delay|request[ -]rate"
    rb"|content-usage|content-signals?"
)
LINE = re.compile(rb"[ \t]*(%s)(?:[ \t]*:|[ \t])([^#]*)" % SPELLINGS, re.IGNORECASE)
TOKEN = re.compile(rb"\*(?!\S)|[^\s/*,;(]+")
"""A robot's name, without a version after it."""
NOT_VISIBLE = re.compile(rb"[^\x20-\x7e]")


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of an origin's robots.txt for us."""

    crawl_delay: float | None = None
    """Seconds from one request to the next, by Crawl-delay or Request-rate."""
    expires_after: float = MAX_AGE_S
    """Seconds for which this may be relied on."""
    size: int = 0
    """Characters of the rules that concern us; they take some 15 times as many bytes of memory."""
    usage: UsageRules = NO_RULES
    """Its lines about the training of models."""
    _file: Protego | None = field(default=None, repr=False)

    def allows(self, url: str) -> bool:
        """Whether a URL of this origin, as `urls.make_sendable` gives it, may be asked for."""
        return self._file is None or self._file.can_fetch(url, "*")


def make_robots_url(url: str) -> str:
    """Return the URL of the robots.txt for `url` (as `urls.make_sendable` gives it)."""
    return f"{URL(url).origin}/robots.txt"


def parse_rules(status: int | None, body: bytes, agents: Sequence[str]) -> Rules | None:
    """The rules that the last answer means; None = unavailable: ask for nothing, for a while.

    `status` None = there was no answer.  `agents` = our names, the one that counts most first.
    A 4xx says that there are no rules, and so do more redirects than we follow.  Not so 429,
    which Google takes like a 5xx, as we do: that host has too much to do.
    """
    if status is None or status == 429 or not 200 <= status < 500:
        return None
    return _parse(body, agents) if status < 300 else Rules()


def _parse(body: bytes, agents: Sequence[str]) -> Rules:
    names = [_token(name.encode("utf-8", "replace")) for name in agents]
    every_line = _lines_for([*names, EVERYONE], body)
    usage = parse_usage_rules([line for line in every_line if line[0] in USAGE])
    lines = [line for line in every_line if line[0] not in USAGE]
    if sum(value.count(b"*") + value.endswith(b"$") for _, value in lines) > MAX_WILDCARDS:
        lines = [("disallow", b"/")]
    text = "\n".join(f"{kind}: {_escaped(value)}" for kind, value in lines)
    file = Protego.parse(f"User-agent: *\n{text}")
    return Rules(
        crawl_delay=_delay(file),
        size=len(text) + usage.size,
        usage=usage,
        _file=file if lines else None,
    )


def _lines_for(names: Sequence[bytes | None], body: bytes) -> list[tuple[str, bytes]]:
    """The lines of all groups for the first of `names` that has a group."""
    groups: dict[bytes, list[tuple[str, bytes]]] = {}
    ours: set[bytes] = set()
    in_rules = False
    for kind, value in _lines(body):
        if kind != "user-agent":
            in_rules = True
            for name in ours:
                groups[name].append((kind, value))
            continue
        if in_rules:  # a name after rules begins a group; before, it joins the one just begun
            ours, in_rules = set(), False
        agent = _token(value)
        if agent is not None and agent in names:
            ours.add(agent)
            groups.setdefault(agent, [])
    return next((groups[name] for name in names if name in groups), [])


def _lines(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (kind, value) of the lines that concern us."""
    start = body[:MAX_ROBOTS_BYTES].removeprefix(b"\xef\xbb\xbf")
    lines = start.replace(b"\r", b"\n").split(b"\n")
    if len(body) > MAX_ROBOTS_BYTES:
        lines.pop()  # half of "/private/" might be "/"
    for match in filter(None, map(LINE.match, lines)):
        spelling, value = match[1].lower(), match[2].strip()
        kind = next(kind for start, kind in KINDS.items() if spelling.startswith(start))
        if len(value) <= MAX_NUMBER_CHARACTERS or kind not in NUMBERS:
            yield kind, value


def _token(value: bytes) -> bytes | None:
    match = TOKEN.match(value)
    return match[0].lower() if match else None


def _escaped(value: bytes) -> str:
    """`value` in ASCII on one line, percent-encoded as URLs are, whatever it was."""
    return NOT_VISIBLE.sub(lambda byte: b"%%%02X" % byte[0][0], value).decode("ascii")


def _delay(file: Protego) -> float | None:
    delay = file.crawl_delay("*") or 0.0
    rate = file.request_rate("*")
    if rate is not None:
        delay = max(delay, rate.seconds / rate.requests)
    return min(delay, MAX_CRAWL_DELAY_S) or None
