"""The header fields of an answer -> why its owner refuses our use, if that is so.

Signals of all kinds that come with an answer are weighed here (`RefusalPolicy`): X-Robots-Tag by
the grammar that Google documents, tdm-reservation (TDMRep), Content-Usage (AIPREF, see
`content_usage`).  What robots.txt says, also of training, is weighed by `robots` and `robots_gate`.

    X-Robots-Tag: noindex, max-snippet: 5, otherbot: noindex, nofollow

Directives are separated by commas.  A robot's name and a colon limit the directives after
them to that robot, up to the next name or the end of the line; before the first name they are for
everyone.  Some directives have a value, also after a colon; that of unavailable_after is a
date, which may contain commas and colons.  Case does not matter.

https://developers.google.com/search/docs/crawling-indexing/robots-meta-tag
https://www.w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240510/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from img2dataset.errors import Reason
from img2dataset.fetch.config import FetchConfig
from img2dataset.fetch.policy.content_usage import forbids_training

US = "img2dataset"
"""Our name in robots.txt and X-Robots-Tag, besides the one that the user may give us."""

Signals = Sequence[tuple[str, str]]
"""Header fields that concern our use: (name in lower case, value), in their order."""


def list_our_names(config: FetchConfig) -> list[str]:
    """By which owners may speak of us, the user's own first."""
    return [config.user_agent_token, US] if config.user_agent_token else [US]


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

TDM_RESERVED = "1"


class RefusalPolicy:
    """Decides what counts as a refusal."""

    def __init__(self, config: FetchConfig) -> None:
        self._names = list_our_names(config)
        self._directives = frozenset(config.disallowed_header_directives)
        self._reservations_count = config.respect_tdm_reservation
        self._usage_counts = config.respect_content_usage

    def __call__(self, signals: Signals, *, reserved_by_file: bool = False) -> Reason | None:
        """`reserved_by_file` = tdmrep.json reserves the URL; a header knows better."""
        robots = list_values(signals, "x-robots-tag")
        if robots and any(has_refusal(robots, self._directives, name) for name in self._names):
            return Reason.OPTED_OUT
        if self._usage_counts and forbids_training(list_values(signals, "content-usage")):
            return Reason.CONTENT_USAGE
        if not self._reservations_count:
            return None
        reservation = list_values(signals, "tdm-reservation")
        if reservation:
            return Reason.TDM_RESERVED if reserves_rights(reservation) else None
        return Reason.TDMREP if reserved_by_file else None


def list_values(signals: Signals, name: str) -> list[str]:
    return [value for each, value in signals if each == name]


def has_refusal(lines: Iterable[str], disallowed: frozenset[str], token: str | None) -> bool:
    """Whether any of the header `lines` has a `disallowed` directive for everyone or for us."""
    ours = EVERYONE | {token.strip().lower()} if token else EVERYONE
    return any(
        directive in disallowed
        for line in lines
        for agent, directive in read_directives(line, disallowed)
        if agent in ours
    )


def read_directives(line: str, extra: frozenset[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """Yield (robot's name or "", directive) of one header value, all in lower case.

    `extra` = directives of the user's that are not robots' names, whatever they look like.
    """
    agent = ""
    in_date = False
    for part in line.lower().split(","):
        text = part.strip()
        if in_date and DATE_GOES_ON.fullmatch(text):
            continue
        *before, name = (piece.strip() for piece in text.split(":"))
        for piece in before:
            if VALUED.fullmatch(piece) or piece in DIRECTIVES or piece in extra:
                name = piece
                break
            agent = piece
        in_date = name == DATE
        if name:
            yield agent, name
            for implied in IMPLIED.get(name, ()):
                yield agent, implied


def reserves_rights(values: Iterable[str]) -> bool:
    """Whether any of the header's values, one a line or in a list with commas, is 1."""
    return any(
        item.partition(";")[0].strip(' \t\r\n"') == TDM_RESERVED
        for value in values
        for item in value.split(",")
    )
