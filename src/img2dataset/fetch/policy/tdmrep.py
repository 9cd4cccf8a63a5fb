"""The answer to /.well-known/tdmrep.json -> for which URLs text and data mining is reserved.

    [{"location": "/photos/", "tdm-reservation": 1, "tdm-policy": "https://..."}]

Of the rules that fit a path the first counts.  A file that cannot be had, or is no array
of this form, reserves nothing: its owner does not use the protocol.
https://www.w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240510/
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ada_url import URL

from img2dataset.fetch.policy.path_rules import fits, normalize_escapes, path_of

MAX_RULES = 1000
"""Of one file: each is looked at for each URL."""
PATH = "/.well-known/tdmrep.json"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule for the URLs that fit its pattern."""

    pattern: str
    reserved: bool
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Reservations:
    """The rules of an origin's file."""

    rules: tuple[Rule, ...] = ()

    def rule_for(self, url: str) -> Rule | None:
        """Return the rule for a URL of this origin, as `urls.make_sendable` gives it."""
        if not self.rules:
            return None
        path = path_of(url)
        return next((rule for rule in self.rules if fits(rule.pattern, path)), None)

    @property
    def size(self) -> int:
        """Characters that are kept."""
        return sum(len(rule.pattern) + len(rule.policy) for rule in self.rules)


NONE = Reservations()


def make_tdmrep_url(url: str) -> str:
    """Where the reservations for `url` (as `urls.make_sendable` gives it) are."""
    return f"{URL(url).origin}{PATH}"


def parse_reservations(status: int | None, body: bytes) -> Reservations:
    """What the last answer means; `status` None = there was none."""
    if status is None or not 200 <= status < 300:
        return NONE
    try:
        document = json.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return NONE
    if not isinstance(document, list):
        return NONE
    rules = (_rule(entry) for entry in document[:MAX_RULES])
    return Reservations(tuple(rule for rule in rules if rule is not None))


def _rule(entry: Any) -> Rule | None:
    """None = it is none: the others count all the same."""
    if not isinstance(entry, dict):
        return None
    location, value = entry.get("location"), entry.get("tdm-reservation")
    if not isinstance(location, str) or not location or isinstance(value, bool):
        return None
    if value not in (0, 1, "0", "1"):
        return None
    pattern = location if location.startswith(("/", "*")) else f"/{location}"
    policy = entry.get("tdm-policy")
    return Rule(
        normalize_escapes(pattern),
        int(value) == 1,
        normalize_escapes(policy) if isinstance(policy, str) else "",
    )
