"""X-Robots-Tag headers -> whether the owner refuses what we do (the grammar Google documents).

    X-Robots-Tag: noindex, max-snippet: 5, otherbot: noindex, nofollow

Directives are separated by commas.  A robot's name and a colon say whom the directives after
them are for, up to the next name or the end of the line; before the first name they are for
everyone.  Some directives have a value, also after a colon; that of unavailable_after is a
date, which may contain commas and colons.  Case does not matter.
https://developers.google.com/search/docs/crawling-indexing/robots-meta-tag
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

DIRECTIVES = frozenset({
    "noindex", "nofollow", "none", "noarchive", "nocache", "nosnippet", "noimageindex",
    "notranslate", "nositelinkssearchbox", "indexifembedded", "noai", "noimageai",
})  # fmt: skip
"""What is certainly not a robot's name."""

EVERYONE = frozenset({"", "*", "all", "robots"})

IMPLIED = {"none": ("noindex", "nofollow")}

VALUED = re.compile(r"max-[a-z-]+|unavailable_after")

DATE = "unavailable_after"
MONTH = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
DATE_GOES_ON = re.compile(rf"(?:(?:{MONTH})[a-z]*\.?[ -])?\d(?:[^:]*\d)?(?::.*)?|\d[^:]*")
"""What may follow a comma inside a date: "25 Jun 2010 15:00:00 PST" after "Fri"."""


def refused(lines: Iterable[str], disallowed: frozenset[str], token: str | None) -> bool:
    """Whether any of the header `lines` has a `disallowed` directive for everyone or for us."""
    ours = EVERYONE | {token.strip().lower()} if token else EVERYONE
    return any(
        directive in disallowed
        for line in lines
        for agent, directive in directives(line, disallowed)
        if agent in ours
    )


def directives(line: str, also: frozenset[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """Yield (robot's name or "", directive) of one header value, all in lower case.

    `also` = directives of the user's that are not robots' names, whatever they look like.
    """
    agent = ""
    in_date = False
    for part in line.lower().split(","):
        text = part.strip()
        if in_date and DATE_GOES_ON.fullmatch(text):
            continue
        *before, name = (piece.strip() for piece in text.split(":"))
        for piece in before:
            if VALUED.fullmatch(piece) or piece in DIRECTIVES or piece in also:
                name = piece
                break
            agent = piece
        in_date = name == DATE
        if name:
            yield agent, name
            for implied in IMPLIED.get(name, ()):
                yield agent, implied
